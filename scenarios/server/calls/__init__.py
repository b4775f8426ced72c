"""One function per RPC, grouped by noun; a function's name is the RPC's.

`registry.py` finds them by name and turns what they return or raise into CARLA's answers; `every.py` lists them all.
"""
