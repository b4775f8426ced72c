"""Counterfactual twins: the same instant with one thing otherwise, by name."""

from __future__ import annotations

import re
from dataclasses import replace

from perception.errors import WhiteoutError
from scenarios.instant import Instant
from scenarios.weather import ROAD_STATE_FIELDS, Weather

LIGHT_TWINS = ("no_sun", "no_glare")
"""Twins that are made of the picture's own light, with nothing traced anew."""

CHOICES = "no_sun, no_glare, no_wetness, no_snow, no_actor:ID, sun+DEGREES, sun-DEGREES"

_NAME = re.compile(r"no_sun|no_glare|no_wetness|no_snow|no_actor:(?P<actor>\d{1,10})|sun(?P<turn>[+-]\d{1,3}(\.\d+)?)")

LYING = tuple(name for name in ROAD_STATE_FIELDS if name.startswith("snow_") or name in {"ice", "slush"})
"""What a twin without snow is without: snow in every form, banks included, and ice."""

BARE_TREES = 3.0
"""Warmest air in which trees are bare without snow too [deg C]: a twin without snow keeps its trees."""


def check_twin(name: str) -> str:
    """The name, if it is one of a twin's.

    Raises:
        WhiteoutError: it is not; names the choices.
    """
    if _NAME.fullmatch(name) is None:
        raise WhiteoutError(f"there is no twin {name!r}; choose one of {CHOICES}")
    return name


def actor_left_out(name: str) -> int | None:
    """Id of the actor that a twin is without, or None."""
    found = _NAME.fullmatch(check_twin(name))
    actor = found["actor"] if found else None
    return None if actor is None else int(actor)


def changed(instant: Instant, name: str) -> Instant:
    """The instant of a twin; that of a twin in `LIGHT_TWINS` is the picture's own.

    - `no_wetness`: no film of water and no puddles; rain goes on falling, and slush stays soaked.
    - `no_snow`: no snow, slush or ice lies, and no banks; what falls goes on falling, and the trees stay bare.
    - `no_actor:ID`: the actor is not there, nor its shadow. Where there is none of that id nothing changes.
    - `sun+DEGREES`, `sun-DEGREES`: the sun turned clockwise as seen from above, at the same height.

    Raises:
        WhiteoutError: no such name.
    """
    found = _NAME.fullmatch(check_twin(name))
    weather, actor = instant.weather, actor_left_out(name)
    if name == "no_wetness":
        return replace(instant, weather=replace(weather, wetness=0.0, precipitation_deposits=0.0))
    if name == "no_snow":
        return replace(instant, weather=_without_snow(weather))
    if actor is not None:
        return replace(instant, actors=tuple(one for one in instant.actors if one.id != actor))
    if found and found["turn"]:
        azimuth = (weather.sun_azimuth_angle + float(found["turn"])) % 360.0
        return replace(instant, weather=replace(weather, sun_azimuth_angle=azimuth))
    return instant


def _without_snow(weather: Weather) -> Weather:
    if not any(getattr(weather, name) for name in LYING):
        return weather
    return weather.with_values(**dict.fromkeys(LYING, 0.0), temperature=min(weather.temperature, BARE_TREES))
