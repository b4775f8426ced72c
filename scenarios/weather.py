"""Weather and road state: CARLA's fourteen numbers plus snow, and the named presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from perception.errors import WhiteoutError


@dataclass(frozen=True)
class Weather:
    """CARLA's `WeatherParameters` (same names, same units) followed by what CARLA lacks.

    Attributes:
        cloudiness: 0 clear to 100 overcast [%].
        precipitation: rain, or snowfall where `temperature` <= 0, 0 to 100 [%].
        precipitation_deposits: puddles, share of the low spots under water [%].
        wind_intensity: [%].
        sun_azimuth_angle: CARLA's convention: 0 = +x (east), 90 = +y of CARLA (south), clockwise seen from above [deg].
        sun_altitude_angle: above the horizon [deg].
        fog_density: [%]; 100 gives a meteorological visibility of about 30 m.
        fog_distance: where the fog starts [m].
        fog_falloff: density's fall with height [1/m]; 0 = uniform.
        wetness: water film on the road [%].
        scattering_intensity, mie_scattering_scale, rayleigh_scattering_scale, dust_storm: as in CARLA.
        snow_cover: share of the ground under snow outside wheel tracks, 0 to 1.
        snow_packed: how far traffic has packed and polished the snow on the carriageway, 0 fresh powder to 1 icy.
        snow_tracks: how far the wheel tracks are worn down to the asphalt, 0 none to 1 bare.
        temperature: [deg C]; precipitation falls as snow at or below 0.
    """

    cloudiness: float = 10.0
    precipitation: float = 0.0
    precipitation_deposits: float = 0.0
    wind_intensity: float = 10.0
    sun_azimuth_angle: float = 0.0
    sun_altitude_angle: float = 45.0
    fog_density: float = 0.0
    fog_distance: float = 0.0
    fog_falloff: float = 0.0
    wetness: float = 0.0
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0
    snow_cover: float = 0.0
    snow_packed: float = 0.0
    snow_tracks: float = 0.0
    temperature: float = 15.0

    def carla_values(self) -> list[float]:
        """The first fourteen numbers in CARLA's wire order."""
        return [float(getattr(self, name)) for name in CARLA_FIELDS]

    def snow(self) -> dict[str, float]:
        """The numbers that only our server knows, as its `whiteout_set_road_state` call takes them."""
        return {name: float(getattr(self, name)) for name in ROAD_STATE_FIELDS}

    def as_dict(self) -> dict[str, float]:
        """Every field by name."""
        return asdict(self)

    def clamped(self) -> Weather:
        """The nearest weather whose numbers lie within CARLA's ranges (`RANGES`)."""
        return replace(self, **{name: min(max(getattr(self, name), low), high) for name, (low, high) in RANGES.items()})

    def with_values(self, **changes: Any) -> Weather:
        """A copy with some fields changed.

        Raises:
            WhiteoutError: a name that is no field of a weather.
        """
        unknown = sorted(set(changes) - {f.name for f in fields(self)})
        if unknown:
            known = ", ".join(f.name for f in fields(self))
            raise WhiteoutError(f"weather has no field {unknown[0]!r}; the fields are {known}")
        return replace(self, **{name: float(value) for name, value in changes.items()})


CARLA_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Weather))[:14]
ROAD_STATE_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Weather))[14:]

_PERCENT = ("cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "fog_density", "wetness",
            "dust_storm")  # fmt: skip
_ANY_AMOUNT = ("fog_distance", "fog_falloff", "scattering_intensity", "mie_scattering_scale",
               "rayleigh_scattering_scale")  # fmt: skip

RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(_PERCENT, (0.0, 100.0)),
    **dict.fromkeys(_ANY_AMOUNT, (0.0, 1e6)),
    "sun_altitude_angle": (-90.0, 90.0),
}
"""What CARLA's documentation allows of its numbers; the azimuth may be any angle."""

LOW_SUN_ALTITUDE = 7.0
"""Sun height of the low-sun presets [deg]: above the horizon's haze, inside a forward camera's picture."""

PRESETS: dict[str, Weather] = {
    "clear": Weather(),
    "low-sun-dry": Weather(cloudiness=5.0, sun_altitude_angle=LOW_SUN_ALTITUDE),
    "low-sun-wet": Weather(
        cloudiness=5.0, sun_altitude_angle=LOW_SUN_ALTITUDE, wetness=80.0, precipitation_deposits=50.0
    ),
    "low-sun-snow": Weather(
        cloudiness=5.0,
        sun_altitude_angle=LOW_SUN_ALTITUDE,
        snow_cover=0.9,
        snow_packed=0.8,
        snow_tracks=0.7,
        temperature=-6.0,
    ),
    "overcast-snow": Weather(
        cloudiness=95.0, sun_altitude_angle=30.0, snow_cover=0.9, snow_packed=0.8, snow_tracks=0.7, temperature=-6.0
    ),
    "snowfall": Weather(
        cloudiness=100.0,
        precipitation=60.0,
        sun_altitude_angle=25.0,
        fog_density=15.0,
        snow_cover=0.8,
        snow_packed=0.2,
        snow_tracks=0.4,
        temperature=-2.0,
    ),
    "rain": Weather(
        cloudiness=95.0, precipitation=70.0, precipitation_deposits=60.0, wetness=90.0, sun_altitude_angle=35.0
    ),
    "fog": Weather(cloudiness=80.0, fog_density=60.0, wetness=20.0, sun_altitude_angle=30.0),
    "night": Weather(cloudiness=20.0, sun_altitude_angle=-30.0),
}
"""Named weathers; a scenario turns the sun of a `low-sun-*` preset to stand ahead of its ego vehicle."""


def preset(name: str, sun_azimuth_angle: float | None = None) -> Weather:
    """The weather called `name`, its sun turned to `sun_azimuth_angle` [deg] if given.

    Raises:
        WhiteoutError: no preset of that name.
    """
    if name not in PRESETS:
        raise WhiteoutError(f"there is no weather {name!r}; the presets are {', '.join(PRESETS)}")
    weather = PRESETS[name]
    return weather if sun_azimuth_angle is None else replace(weather, sun_azimuth_angle=float(sun_azimuth_angle))
