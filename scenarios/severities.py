"""The named weathers as a table: one column a severity, 1 mild to 5 worst. Every row rises or falls, none turns back.

Severity 3 is the plain name: `low-sun-snow` is `low-sun-snow@3`. What each step means, with its sources, is in
`docs/weather.md`.
"""

from __future__ import annotations

SEVERITIES = (1, 2, 3, 4, 5)
PLAIN = 3
"""The severity that a name alone stands for."""

Steps = dict[str, float | tuple[float, float, float, float, float]]
"""Fields of a weather: one number for all severities, or one for each."""

LOW_SUN = (15.0, 11.0, 7.0, 4.5, 2.5)
"""Sun height [deg]: it falls into a forward camera's picture, then on the horizon's haze."""

CONDITIONS: dict[str, Steps] = {
    "low-sun-dry": {"cloudiness": 5.0, "sun_altitude_angle": LOW_SUN},
    "low-sun-wet": {
        "cloudiness": 5.0,
        "sun_altitude_angle": LOW_SUN,
        "wetness": (50.0, 65.0, 80.0, 90.0, 100.0),
        "precipitation_deposits": (20.0, 35.0, 50.0, 65.0, 80.0),
    },
    "low-sun-snow": {
        "cloudiness": 5.0,
        "sun_altitude_angle": LOW_SUN,
        "snow_cover": 0.9,
        "snow_packed": (0.6, 0.7, 0.8, 0.9, 1.0),
        "snow_tracks": 0.7,
        "temperature": -6.0,
    },
    "overcast-snow": {
        "cloudiness": 95.0,
        "sun_altitude_angle": 30.0,
        "snow_cover": (0.6, 0.75, 0.9, 0.95, 1.0),
        "snow_packed": 0.8,
        "snow_tracks": (0.9, 0.8, 0.7, 0.5, 0.3),
        "snow_depth": (0.0, 0.0, 0.0, 0.03, 0.06),
        "temperature": -6.0,
    },
    "snowfall": {
        "cloudiness": 100.0,
        "precipitation": (20.0, 40.0, 60.0, 80.0, 100.0),
        "sun_altitude_angle": 25.0,
        "fog_density": (5.0, 10.0, 15.0, 30.0, 45.0),
        "snow_cover": (0.5, 0.65, 0.8, 0.9, 1.0),
        "snow_packed": 0.2,
        "snow_tracks": (0.6, 0.5, 0.4, 0.25, 0.1),
        "snow_depth": (0.0, 0.0, 0.0, 0.02, 0.05),
        "temperature": -2.0,
    },
    "rain": {
        "cloudiness": 95.0,
        "precipitation": (20.0, 45.0, 70.0, 85.0, 100.0),
        "precipitation_deposits": (20.0, 40.0, 60.0, 75.0, 90.0),
        "wetness": (60.0, 80.0, 90.0, 95.0, 100.0),
        "sun_altitude_angle": 35.0,
    },
    "fog": {
        "cloudiness": 80.0,
        "fog_density": (26.0, 41.0, 60.0, 75.0, 89.0),
        "wetness": 20.0,
        "sun_altitude_angle": 30.0,
    },
    "night": {
        "cloudiness": 20.0,
        "sun_altitude_angle": (-8.0, -12.0, -30.0, -30.0, -30.0),
        "fog_density": (0.0, 0.0, 0.0, 12.0, 26.0),
    },
    "dusk": {"cloudiness": 15.0, "sun_altitude_angle": (0.0, -1.5, -3.0, -4.5, -6.0)},
    "slush": {
        "cloudiness": 95.0,
        "sun_altitude_angle": 25.0,
        "wetness": (50.0, 60.0, 70.0, 80.0, 90.0),
        "precipitation_deposits": (20.0, 30.0, 40.0, 50.0, 60.0),
        "snow_cover": (0.5, 0.6, 0.7, 0.78, 0.85),
        "snow_tracks": (0.95, 0.9, 0.85, 0.75, 0.65),
        "slush": (0.4, 0.55, 0.7, 0.85, 1.0),
        "temperature": 1.0,
    },
    "ice": {
        "cloudiness": 30.0,
        "sun_altitude_angle": 12.0,
        "snow_cover": 0.3,
        "snow_packed": 1.0,
        "snow_tracks": 0.9,
        "ice": (0.3, 0.45, 0.6, 0.8, 1.0),
        "temperature": -4.0,
    },
    "salt": {
        "cloudiness": 20.0,
        "sun_altitude_angle": 20.0,
        "salt": (0.3, 0.45, 0.6, 0.8, 1.0),
        "temperature": -2.0,
    },
    "mud-leaves": {
        "cloudiness": 70.0,
        "sun_altitude_angle": 25.0,
        "wetness": (10.0, 20.0, 30.0, 40.0, 50.0),
        "mud": (0.15, 0.25, 0.4, 0.55, 0.7),
        "leaves": (0.2, 0.35, 0.5, 0.7, 0.9),
        "temperature": 8.0,
    },
    "snow-banks": {
        "cloudiness": 30.0,
        "sun_altitude_angle": 15.0,
        "snow_cover": 0.95,
        "snow_packed": 0.6,
        "snow_tracks": 0.85,
        "snow_depth": (0.05, 0.1, 0.2, 0.35, 0.5),
        "snow_banks": (0.2, 0.35, 0.5, 0.8, 1.2),
        "temperature": -5.0,
    },
    "cleared-snow": {
        "cloudiness": 10.0,
        "sun_altitude_angle": 13.0,
        "wetness": (5.0, 12.0, 20.0, 30.0, 40.0),
        "snow_cover": 0.95,
        "snow_packed": 0.4,
        "snow_tracks": 0.9,
        "snow_depth": (0.05, 0.1, 0.15, 0.2, 0.3),
        "snow_banks": (0.15, 0.25, 0.35, 0.5, 0.75),
        "snow_age": 2.0,
        "slush": 0.25,
        "salt": (0.55, 0.5, 0.45, 0.4, 0.35),
        "cleared": (1.0, 0.92, 0.83, 0.72, 0.6),
        "temperature": -3.0,
    },
    "rain-night": {
        "cloudiness": 95.0,
        "precipitation": (15.0, 35.0, 55.0, 75.0, 100.0),
        "precipitation_deposits": (20.0, 40.0, 60.0, 75.0, 90.0),
        "wetness": (60.0, 75.0, 90.0, 95.0, 100.0),
        "sun_altitude_angle": -30.0,
    },
}


def fields_at(steps: Steps, severity: int) -> dict[str, float]:
    """The numbers of one severity, 1 to 5."""
    return {name: value[severity - 1] if isinstance(value, tuple) else value for name, value in steps.items()}
