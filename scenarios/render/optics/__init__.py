"""The camera behind the scene's radiance: exposure, scattered light, soiling of the lens, sensor.

Start with `develop.Optics.develop`: from linear radiance to the bytes of a picture.
"""
