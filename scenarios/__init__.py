"""A road world behind CARLA's API: weather, maps, scenarios, the embedded server and its renderer.

Start with `play.py` (a scenario becomes a drive), `library/` (the scenarios, plain CARLA clients), `server/` (what
answers them) and `render/` (what they see). Importing this package imports neither carla nor mitsuba.
"""
