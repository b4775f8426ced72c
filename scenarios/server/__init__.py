"""A server that speaks CARLA 0.9.16's protocol to the unmodified `carla` client.

Start with `server.py` (sockets and the free-running clock), then `simulation.py` (the one owner of all state) and
`world.py` (what a step does). `calls/` answers one RPC per function; `wire.py` and `streams.py` know the bytes;
`cameras.py` orders pictures from the renderer's own process; `launch.py` starts the whole as a child process.
"""
