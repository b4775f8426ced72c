"""What lies on the ground in a weather: three repeating tiles of grain, snow cover, polish and water, and their slopes.

Lanes carry a tile in lane coordinates, so that wheel tracks follow the lane; verges and junctions carry tiles laid flat
over the world. One array says both how the ground looks and how much of a marking shows, so labels and picture agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int
from numpy import ndarray

from scenarios.render.mitsuba_setup import dr, mi, on_device
from scenarios.render.pavement import (
    LANE_WIDTH,
    LANES_IN_TILE,
    Pattern,
    TileSize,
    flat_pattern,
    lane_pattern,
    step,
)
from scenarios.weather import Weather

TILES = (
    TileSize(64.0, LANES_IN_TILE * LANE_WIDTH, 2048, 512),
    TileSize(27.0, 27.0, 1024, 1024),
    TileSize(23.0, 23.0, 1024, 1024),
)
"""Lane, verge, junction."""
RUT_FILM = 0.03
"""What traffic leaves in dry wheel tracks, rubber and polish, as a share of a water film."""
REMAINS = 0.5
"""Share of the snow at the lanes' edges that the plough leaves, where no wheel grinds it away."""
LEAF = 0.6
"""From this dirt on a spot is a leaf; below it is how far salt or mud covers it, doubled."""


def layers(
    pattern: Pattern, size: TileSize, weather: Weather
) -> tuple[Float32[ndarray, "rows columns 4"], Float32[ndarray, "rows columns 4"]]:
    """The tile in a weather: (grain, snow cover, polish, film) and (slope along, slope across, patchiness, seal).

    The last one is bitumen where it is positive and dirt where it is negative (see `dirt`).
    """
    cover = snow_cover(pattern, weather)
    polish = np.clip(weather.snow_packed * (0.25 + 0.75 * pattern.tracks + 0.18 * pattern.streaks), 0, 1)
    puddle = puddles(pattern, weather)
    film = np.maximum(water(pattern, weather, puddle), RUT_FILM * pattern.tracks * (weather.wetness < 1))
    slope = relief(pattern, weather, cover, polish, film, puddle)
    slope_u = _derivative(slope, 1, size.length / size.columns)
    slope_v = _derivative(slope, 0, size.width / size.rows)
    soiled = dirt(pattern, weather)
    last = np.where(soiled > 0.02, -soiled, pattern.seal)
    look = np.stack([pattern.grain * (1 - 0.6 * puddle), cover, polish, film], -1).astype(np.float32)
    patchy = pattern.blots * 0.5 + pattern.fine * 0.3
    return look, np.stack([slope_u, slope_v, patchy, last], -1).astype(np.float32)


def snow_cover(pattern: Pattern, weather: Weather) -> Float[ndarray, "rows columns"]:
    """Share of each spot under snow: wheels wear it off along the tracks, with ragged edges; deep snow has no gaps."""
    if weather.snow_cover <= 0:
        return np.zeros_like(pattern.grain)
    swept = ploughed(pattern, weather)
    gone = swept * (1 - REMAINS * pattern.border)
    amount = weather.snow_cover * (1 - weather.snow_tracks * pattern.traffic) * (1 - gone)
    broken = 0.13 * pattern.streaks + 0.2 * pattern.blots + 0.05 * pattern.fine + 0.09 * pattern.ragged
    broken = broken * (1 - 0.7 * gone)
    deep = min(1.0, weather.snow_depth / 0.1) * (1 - pattern.traffic) * (1 - swept)
    return step(0.3, 0.7, amount + broken * min(1, 4 * weather.snow_cover) * (1 - 0.8 * deep) + 0.25 * deep)


def ploughed(pattern: Pattern, weather: Weather) -> Float[ndarray, "rows columns"]:
    """How far ploughs and salt have cleared each spot: only where wheels roll."""
    return np.asarray(weather.cleared * (pattern.traffic > 0))


def puddles(pattern: Pattern, weather: Weather) -> Float[ndarray, "rows columns"]:
    """Share of each spot under standing water, which rises from the lowest spots: first in the ruts, then between."""
    if weather.precipitation_deposits <= 0:
        return np.zeros_like(pattern.grain)
    level = weather.precipitation_deposits / 100 * 1.75 - 0.93
    return step(0.0, 0.3, level + 0.45 * pattern.low)


def water(pattern: Pattern, weather: Weather, puddle: Float[ndarray, "rows columns"]) -> Float[ndarray, "rows columns"]:
    """Thickness of the smooth layer on the ground, 0 dry to 1 mirror: water film, puddles, ice under snow, glaze."""
    wet = weather.wetness / 100 * (0.62 + 0.22 * pattern.tracks + 0.06 * pattern.fine)
    under_snow = 0.55 * weather.snow_packed * min(1.0, weather.snow_cover * 1.5) * (0.5 + 0.5 * pattern.tracks)
    under_snow = under_snow * (1 - ploughed(pattern, weather))
    glaze = (
        0.0 if weather.ice <= 0 else step(0.0, 0.7, weather.ice * 2 - 1.15 + 0.3 * pattern.blots + 0.5 * pattern.tracks)
    )
    slush = 0.75 * weather.slush * (0.6 + 0.4 * pattern.tracks)
    film = np.maximum.reduce([wet + 0.5 * puddle, np.maximum(under_snow, 0.92 * glaze), slush])
    return np.maximum(np.clip(film, 0, 1), puddle)


def relief(
    pattern: Pattern,
    weather: Weather,
    cover: Float[ndarray, "rows columns"],
    polish: Float[ndarray, "rows columns"],
    film: Float[ndarray, "rows columns"],
    puddle: Float[ndarray, "rows columns"],
) -> Float[ndarray, "rows columns"]:
    """Height of the surface above the flat road [m]: stones, snow with its drifts and grains, rings of rain drops."""
    height = 0.0022 * pattern.fine * (1 - puddle) * (1 - 0.75 * cover) * (1 - 0.6 * film) * (1 - 0.7 * pattern.seal)
    loose = cover * (1 - 0.8 * polish)
    height = height + cover * (0.018 + 0.12 * min(weather.snow_depth, 0.4) * (1 - ploughed(pattern, weather)))
    height = height + loose * 0.011 * pattern.dunes + cover * 0.003 * pattern.streaks + loose * 0.0035 * pattern.fine
    height = height + weather.slush * cover * 0.01 * pattern.ragged
    rain = weather.precipitation / 100 * (weather.temperature > 0)
    return np.asarray(height + RIPPLE * np.sqrt(rain) * puddle * pattern.fine)


RIPPLE = 0.0004
"""Height of the waves that heavy rain makes on puddles [m]."""


def dirt(pattern: Pattern, weather: Weather) -> Float[ndarray, "rows columns"]:
    """What soils each spot: from 0 to 0.5 half the cover of salt or mud, above LEAF a fallen leaf.

    Salt dries out beside the wheel tracks; mud is dragged from the road's sides.
    """
    unrolled = 1 - 0.75 * pattern.tracks
    salt = weather.salt * np.clip(0.62 * unrolled + 0.2 * pattern.border + 0.16 * pattern.streaks, 0, 1)
    mud = step(0.15, 1.1, weather.mud * (0.75 + 0.9 * pattern.border + 0.55 * pattern.blots + 0.35 * pattern.streaks))
    soil = 0.5 * np.clip(np.maximum(salt, 0.85 * mud * (weather.mud > 0)), 0, 1)
    return np.where(pattern.litter < 0.75 * weather.leaves, 1.0, soil)


def _derivative(field: Float[ndarray, "r c"], axis: int, spacing: float) -> Float[ndarray, "r c"]:
    """Central difference of a periodic field, kept below a slope of 0.6."""
    return np.asarray(np.clip((np.roll(field, -1, axis) - np.roll(field, 1, axis)) / (2 * spacing), -0.6, 0.6))


ON_THE_GROUND = ("wetness", "precipitation_deposits", "precipitation")
"""CARLA's numbers that change the tiles."""


def ground_of(weather: Weather) -> Weather:
    """What of a weather lies on the ground: weathers that differ in sun, clouds or fog share it."""
    return Weather(**weather.snow(), **{name: getattr(weather, name) for name in ON_THE_GROUND})


class Tiles:
    """The three tiles on the device, set for one weather at a time."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        self._patterns = (
            lane_pattern(TILES[0], rng),
            flat_pattern(TILES[1], 0.0, rng),
            flat_pattern(TILES[2], 0.55, rng),
        )
        self._weather: Weather | None = None
        self.cover: list[Float32[ndarray, "rows columns"]] = []

    def set_weather(self, weather: Weather) -> None:
        """Lay snow and water of `weather`; nothing is done if they are as they were."""
        state = ground_of(weather)
        if state == self._weather:
            return
        self._weather = state
        pairs = [layers(pattern, size, state) for pattern, size in zip(self._patterns, TILES, strict=True)]
        self.cover = [look[..., 1].copy() for look, _ in pairs]
        self.look = on_device(np.concatenate([look.ravel() for look, _ in pairs]))
        self.slope = on_device(np.concatenate([slope.ravel() for _, slope in pairs]))

    def lookup(self, tile: Any, place: Any, active: Any) -> tuple[Any, Any]:
        """Both packets of the tile at `place` (in tiles), bilinear; device arrays."""
        sizes = [[dr.select(tile == k, getattr(TILES[k], name), 0) for k in range(3)] for name in ("columns", "rows")]
        columns, rows = (mi.Int32(sum(parts)) for parts in sizes)
        starts = np.cumsum([0] + [t.columns * t.rows for t in TILES])
        start = mi.Int32(dr.select(tile == 0, 0, dr.select(tile == 1, int(starts[1]), int(starts[2]))))
        x = (place.x - dr.floor(place.x)) * mi.Float(columns) - 0.5
        y = (place.y - dr.floor(place.y)) * mi.Float(rows) - 0.5
        x0, y0 = mi.Int32(dr.floor(x)), mi.Int32(dr.floor(y))
        fx, fy = x - dr.floor(x), y - dr.floor(y)
        look, slope = mi.Vector4f(0), mi.Vector4f(0)
        for dy in (0, 1):
            for dx in (0, 1):
                weight = (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
                column, row = (x0 + dx + columns) % columns, (y0 + dy + rows) % rows
                index = mi.UInt32(start + row * columns + column)
                look += weight * dr.gather(mi.Vector4f, self.look, index, active)
                slope += weight * dr.gather(mi.Vector4f, self.slope, index, active)
        return look, slope

    def cover_at(self, tile: Int[ndarray, "n"], place: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        """Snow cover at `place` (in tiles) of the tile given by number, bilinear."""
        result = np.zeros(len(tile))
        for k, size in enumerate(TILES):
            chosen = tile == k
            if not chosen.any():
                continue
            x = (place[chosen, 0] % 1) * size.columns - 0.5
            y = (place[chosen, 1] % 1) * size.rows - 0.5
            x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
            fx, fy = x - x0, y - y0
            corner = [[self.cover[k][(y0 + j) % size.rows, (x0 + i) % size.columns] for i in (0, 1)] for j in (0, 1)]
            top, bottom = (c[0] * (1 - fx) + c[1] * fx for c in corner)
            result[chosen] = top * (1 - fy) + bottom * fy
        return result
