"""Weather and road state: CARLA's fourteen numbers plus what lies on the road, and the named presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from perception.errors import WhiteoutError
from scenarios.severities import CONDITIONS, PLAIN, SEVERITIES, fields_at


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
        snow_depth: of untouched snow, beyond the thin layer that `snow_cover` alone stands for [m].
        snow_age: days since the snow fell; its grains grow and it darkens [d].
        slush: how far the snow on the carriageway is soaked with water, 0 to 1.
        ice: share of the carriageway under a clear glaze, 0 to 1.
        salt: how far dried salt stains the carriageway, 0 to 1.
        mud: how far mud lies on the carriageway's sides, 0 to 1.
        leaves: share of the verge under fallen leaves; some lie on the road, 0 to 1.
        snow_banks: height of the ploughed banks along the road's edges [m].
        cleared: how far ploughs and salt have cleared the carriageway; the land keeps its snow, 0 to 1.
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
    snow_depth: float = 0.0
    snow_age: float = 0.0
    slush: float = 0.0
    ice: float = 0.0
    salt: float = 0.0
    mud: float = 0.0
    leaves: float = 0.0
    snow_banks: float = 0.0
    cleared: float = 0.0

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
ROAD_STATE_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(ROAD_STATE_FIELDS, (0.0, 1.0)),
    "temperature": (-60.0, 60.0),
    "snow_depth": (0.0, 3.0),
    "snow_age": (0.0, 365.0),
    "snow_banks": (0.0, 3.0),
}
"""What the numbers that CARLA lacks may be."""

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

PRESETS: dict[str, Weather] = {
    "clear": Weather(),
    **{name: Weather(**fields_at(steps, PLAIN)) for name, steps in CONDITIONS.items()},
}
"""Named weathers at severity 3; a scenario turns the sun of a `low-sun-*` one to stand ahead of its ego vehicle."""


def preset(name: str, sun_azimuth_angle: float | None = None, severity: int | None = None) -> Weather:
    """A named weather.

    Args:
        name: of a preset, such as "low-sun-snow", or with a severity behind it, "low-sun-snow@5".
        sun_azimuth_angle: where to turn the sun [deg].
        severity: 1 mild to 5 worst; None takes the name's own, else 3. "clear" has none.

    Raises:
        WhiteoutError: no preset of that name or no such severity.
    """
    plain, _, step = name.partition("@")
    if plain not in PRESETS:
        raise WhiteoutError(f"there is no weather {name!r}; the presets are {', '.join(PRESETS)}")
    chosen = severity if severity is not None else (step if "@" in name else PLAIN)
    weather = PRESETS[plain] if chosen == PLAIN and "@" not in name else _stepped(plain, chosen)
    return weather if sun_azimuth_angle is None else replace(weather, sun_azimuth_angle=float(sun_azimuth_angle))


def _stepped(name: str, severity: int | str) -> Weather:
    """The preset `name` at a severity."""
    if name not in CONDITIONS:
        raise WhiteoutError(f"the weather {name!r} has no severities; write it without {severity!r}")
    if str(severity) not in {str(step) for step in SEVERITIES}:
        raise WhiteoutError(f"the weather {name!r} has no severity {severity!r}; write {name}@1 to {name}@5")
    return Weather(**fields_at(CONDITIONS[name], int(severity)))
