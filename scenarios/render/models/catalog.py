"""From a blueprint to its model: the one way in for the renderer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from scenarios.actor_sizes import EXTENTS, KINDS, Extent
from scenarios.render.models.car import car
from scenarios.render.models.car_profiles import PROFILES
from scenarios.render.models.fittings import LIVERIES
from scenarios.render.models.mesh import Color, Model, Part
from scenarios.render.models.people import walker
from scenarios.render.models.props import prop
from scenarios.render.models.roadside import actor_light
from scenarios.render.models.truck import truck
from scenarios.render.models.two_wheeler import bicycle, motorcycle

_PAINTS: tuple[tuple[Color, float], ...] = (
    ((0.72, 0.72, 0.71), 0.22),
    ((0.012, 0.012, 0.014), 0.19),
    ((0.10, 0.105, 0.11), 0.18),
    ((0.42, 0.43, 0.44), 0.13),
    ((0.02, 0.05, 0.18), 0.09),
    ((0.33, 0.012, 0.014), 0.08),
    ((0.16, 0.24, 0.33), 0.04),
    ((0.03, 0.08, 0.05), 0.03),
    ((0.20, 0.13, 0.07), 0.02),
    ((0.55, 0.30, 0.02), 0.02),
)
"""Linear RGB of car paints and how common they are on European roads."""


def model_for(blueprint: str, attributes: Mapping[str, str], seed: int) -> Model:
    """Return the model of a blueprint, in the actor's own axes about CARLA's origin.

    Args:
        blueprint: such as "vehicle.tesla.model3", "walker.pedestrian.0001", "static.prop.trafficcone01". One that the
            table does not know is drawn as the nearest of its kind: a car, an adult, a box.
        attributes: blueprint attributes; "color" as "r,g,b" (8-bit sRGB) paints a vehicle.
        seed: what the attributes leave open, such as clothes, rims, and paint where no color is given.
    """
    return _model(blueprint, attributes.get("color", ""), seed)


@lru_cache(maxsize=512)
def _model(blueprint: str, color: str, seed: int) -> Model:
    if blueprint.startswith("traffic.traffic_light"):
        return actor_light()
    kind = KINDS.get(blueprint) or _kind_of_unknown(blueprint)
    extent = EXTENTS.get(blueprint) or EXTENTS[_STAND_IN[kind]]
    if kind == "pedestrian":
        return Model(walker(2 * extent[2], _mixed(seed, blueprint)))
    if kind == "prop":
        return Model(prop(blueprint, extent))
    livery = LIVERIES.get(blueprint)
    paint = livery.paint if livery is not None else _parse_color(color) or _drawn_paint(seed)
    return Model(_vehicle(blueprint, kind, extent, paint, seed))


def _vehicle(blueprint: str, kind: str, extent: Extent, paint: Color, seed: int) -> tuple[Part, ...]:
    match kind:
        case "truck":
            return truck(extent, paint, seed, fire_engine="firetruck" in blueprint)
        case "bicycle":
            return bicycle(extent, paint, seed, upright="omafiets" in blueprint)
        case "motorcycle":
            return motorcycle(extent, paint, seed, scooter="vespa" in blueprint)
        case _:
            profile = PROFILES.get(blueprint, PROFILES[_STAND_IN["car"]])
            return car(profile, extent, paint, seed, LIVERIES.get(blueprint))


_STAND_IN = {"car": "vehicle.lincoln.mkz_2020", "pedestrian": "walker.pedestrian.0001", "prop": "static.prop.box01"}


def _kind_of_unknown(blueprint: str) -> str:
    return {"vehicle": "car", "walker": "pedestrian"}.get(blueprint.partition(".")[0], "prop")


def _mixed(seed: int, blueprint: str) -> int:
    """Let two walker blueprints of one seed look different."""
    digits = "".join(filter(str.isdigit, blueprint)) or "0"
    return seed * 1009 + int(digits)


def _parse_color(text: str) -> Color | None:
    """Read "r,g,b" (8-bit sRGB) as linear reflectance; None where it does not hold three numbers."""
    try:
        red, green, blue = (min(max(float(value), 0.0), 255.0) / 255 for value in text.split(","))
    except ValueError:
        return None
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return float(((value + 0.055) / 1.055) ** 2.4) if value > 0.04045 else value / 12.92


def _drawn_paint(seed: int) -> Color:
    shares = np.array([share for _, share in _PAINTS])
    return _PAINTS[int(np.random.default_rng(seed + 77).choice(len(_PAINTS), p=shares / shares.sum()))][0]
