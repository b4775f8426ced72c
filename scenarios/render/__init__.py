"""From an instant of the world to a picture and its labels, with Mitsuba 3; start with `renderer.py`."""
