"""A measuring bench for the pictures' materials: how much of a light a surface sends towards an eye, by their angles.

It asks the same tiles and the same `scatter` that the pictures are traced with, at many spots of a flat piece of
ground, so that what it measures is what the pictures show. Light that goes from spot to spot is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.errors import WhiteoutError
from scenarios.render.materials import COLUMNS, MATERIALS, MaterialTable
from scenarios.render.mitsuba_setup import dr, mi, on_device, opaque, vector
from scenarios.render.optics.exposure import LUMINANCE
from scenarios.render.scattering import scatter
from scenarios.render.shading import Hit, Layers
from scenarios.render.surface import Tiles
from scenarios.weather import Weather

SPOTS = 16_384
DISTANCE = 5.0
"""From the eye to the ground [m]: near enough for the grain to be seen."""
LAMINATE = frozenset({"road", "concrete", "marking_white", "marking_yellow"})
"""Materials that lie on the lane tile."""


@dataclass(frozen=True)
class Published:
    """A measured or prescribed range of the reflectance factor.

    Attributes:
        material: name in `materials.MATERIALS`.
        weather: what lies on it.
        low, high: reflectance factor lit from 45 degrees and seen from above.
        source: who says so.
    """

    material: str
    weather: Weather
    low: float
    high: float
    source: str


PUBLISHED: dict[str, Published] = {
    "dry asphalt": Published(
        "road", Weather(), 0.05, 0.15, "Pomerantz et al. 2000, The effect of pavements' temperatures on air"
        " temperatures in large cities (LBNL-43442): albedo 0.05 new to 0.15 aged",
    ),
    "white paint": Published(
        "marking_white", Weather(), 0.3, 0.8, "EN 1436: luminance factor at 45/0, 0.30 (class B2) to 0.60 (B5) at least"
    ),
    "fresh snow": Published(
        "grass", Weather(snow_cover=1.0, snow_depth=0.3, temperature=-5.0), 0.75, 0.98,
        "Wiscombe and Warren 1980, A model for the spectral albedo of snow, I: pure snow: visible albedo above 0.9",
    ),
}  # fmt: skip
"""What the bench is held against; the snow of a roadside is allowed to be darker than pure snow."""


def reflectance_factor(
    material: str,
    weather: Weather,
    *,
    incidence: float,
    view: float,
    azimuth: float = 0.0,
    spots: int = SPOTS,
    seed: int = 0,
    tiles: Tiles | None = None,
) -> float:
    """Light sent to the eye over what a white matte surface would send (1 = white and matte).

    Args:
        material: name in `materials.MATERIALS`.
        weather: what lies on it.
        incidence: of the light, from the vertical [deg].
        view: of the eye, from the vertical [deg].
        azimuth: between the direction the light goes on in and the eye's [deg]: 0 looks towards the light.
        spots: places on the tile that are averaged.
        seed: of the tile and of the places.
        tiles: ready-made tiles of that seed, to spare making them.

    Raises:
        WhiteoutError: an unknown material, or an angle outside 0 to below 90 degrees.
    """
    if material not in MATERIALS:
        raise WhiteoutError(f"there is no material {material!r}; the materials are {', '.join(MATERIALS)}")
    if not (0 <= incidence < 90 and 0 <= view < 90):
        raise WhiteoutError(f"light at {incidence:g} and eye at {view:g} degrees: both must lie in 0 to below 90")
    eye = _direction(view, 0.0)
    light = _direction(incidence, 180.0 - azimuth)
    ground = Tiles(seed) if tiles is None else tiles
    ground.set_weather(weather)
    hit = _hits(material, weather, eye, ground, spots, seed)
    matte, gloss = scatter(hit, hit.frame.to_local(vector(light)))
    sent = np.stack([channel.numpy() for channel in matte + gloss]).mean(1) @ LUMINANCE
    return float(sent * np.pi / light[2])


def _direction(from_vertical: float, azimuth: float) -> Float[ndarray, "3"]:
    polar, around = np.deg2rad(from_vertical), np.deg2rad(azimuth)
    return np.array([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)])


def _hits(material: str, weather: Weather, eye: Float[ndarray, "3"], tiles: Tiles, spots: int, seed: int) -> Hit:
    """What `eye` (a direction) sees of flat ground at `spots` places drawn at random."""
    table = MaterialTable()
    rng = np.random.default_rng([seed, 31])
    x, y = (on_device(values) for values in rng.uniform(0, 64, (2, spots)))
    row = [mi.Vector4f(*(opaque(mi.Float, v) for v in four)) for four in _row(table, material)]
    tile = dr.full(mi.UInt32, 0 if material in LAMINATE else 1, spots)
    up = dr.zeros(mi.Vector3f, spots)
    up.z = 1.0
    ray = SimpleNamespace(d=dr.repeat(vector(-eye), spots))
    found = SimpleNamespace(t=dr.full(mi.Float, DISTANCE, spots))
    along, across = mi.Vector3f(1, 0, 0), mi.Vector3f(0, 1, 0)
    active = dr.full(mi.Bool, True, spots)
    point, place, instance = mi.Point3f(x, y, 0), mi.Point2f(x, y), dr.zeros(mi.UInt32, spots)
    return Layers(tiles, weather).at(ray, found, point, up, up, along, across, row, tile, place, instance, active)


def _row(table: MaterialTable, material: str) -> list[list[float]]:
    numbers = table.rows()[table.number(material)]
    return [[float(v) for v in numbers[i : i + 4]] for i in range(0, COLUMNS, 4)]
