"""OpenDRIVE maps: two of ours, made by `generate.py`, and any file of the user's; start with `world_map.py`."""
