"""A server that speaks CARLA 0.9.16's protocol to the unmodified `carla` client; start with `server.py`."""
