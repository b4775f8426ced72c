"""What lies on the ground: three repeating tiles of grain, snow cover, polish and water, and their slopes.

Lanes carry a tile in lane coordinates, so that wheel tracks follow the lane; verges and junctions carry tiles laid flat
over the world. One array says both how the ground looks and how much of a marking shows, so labels and picture agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int
from numpy import ndarray

from scenarios.render.mitsuba_setup import dr, mi
from scenarios.weather import Weather

FRESH_SNOW = (0.83, 0.855, 0.88)
SNOW_ROUGHNESS = 0.9
ICE_ROUGHNESS = 0.24
LANES_IN_TILE = 4
LANE_WIDTH = 3.5
"""Nominal width [m]: in a lane of another width the tile is stretched."""


@dataclass(frozen=True)
class TileSize:
    """Extent [m] and texels of a tile: `length` along the lane (or world x), `width` across (or world y)."""

    length: float
    width: float
    columns: int
    rows: int


TILES = (
    TileSize(64.0, LANES_IN_TILE * LANE_WIDTH, 2048, 512),
    TileSize(27.0, 27.0, 1024, 1024),
    TileSize(23.0, 23.0, 1024, 1024),
)
"""Lane, verge, junction."""


def noise(size: TileSize, along: float, across: float, rng: np.random.Generator) -> Float32[ndarray, "rows columns"]:
    """Periodic Gaussian noise of unit variance whose blots are `along` x `across` metres large."""
    white = np.fft.rfft2(rng.standard_normal((size.rows, size.columns)))
    fx = np.fft.rfftfreq(size.columns, size.length / size.columns)[None, :]
    fy = np.fft.fftfreq(size.rows, size.width / size.rows)[:, None]
    field = np.fft.irfft2(white * np.exp(-2 * ((fx * along) ** 2 + (fy * across) ** 2)), s=(size.rows, size.columns))
    field -= field.mean()
    return np.asarray(field / field.std(), np.float32)


def step(low: float, high: float, value: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """Smooth step from 0 at `low` to 1 at `high`."""
    x = np.clip((value - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)


@dataclass(frozen=True, eq=False)
class Pattern:
    """What of a tile stays the same in all weathers: noise fields and how much traffic rolls where."""

    grain: Float[ndarray, "rows columns"]
    fine: Float[ndarray, "rows columns"]
    streaks: Float[ndarray, "rows columns"]
    blots: Float[ndarray, "rows columns"]
    dunes: Float[ndarray, "rows columns"]
    traffic: Float[ndarray, "rows columns"]
    tracks: Float[ndarray, "rows columns"]


def lane_pattern(size: TileSize, rng: np.random.Generator) -> Pattern:
    """Lane tile: two wheel tracks 1.7 m apart in each lane, wandering a little, with long streaks along them."""
    wander = noise(size, 12.0, 3.0, rng) * 0.09
    lateral = (np.arange(size.rows)[:, None] + 0.5) / size.rows * size.width
    within = np.mod(lateral + wander, LANE_WIDTH) - LANE_WIDTH / 2
    tracks = np.exp(-(((np.abs(within) - 0.85) / 0.36) ** 2))
    middle = np.exp(-((within / 0.75) ** 2))
    border = step(1.15, 1.5, np.abs(within))
    traffic = np.clip(tracks + 0.42 * middle + 0.5 * border, 0, 1)
    streaks = 0.6 * noise(size, 5.0, 0.06, rng) + 0.8 * noise(size, 2.5, 0.16, rng)
    return Pattern(
        *_grain(size, rng),
        streaks,
        0.8 * noise(size, 1.6, 0.35, rng) + 0.6 * noise(size, 6.0, 1.1, rng),
        noise(size, 0.5, 0.22, rng),
        traffic,
        tracks,
    )


def flat_pattern(size: TileSize, traffic: float, rng: np.random.Generator) -> Pattern:
    """Verge or junction tile: no direction, the same `traffic` everywhere."""
    streaks = 0.7 * noise(size, 0.5, 0.5, rng) + 0.7 * noise(size, 1.6, 1.6, rng)
    even = np.full((size.rows, size.columns), traffic)
    return Pattern(
        *_grain(size, rng), streaks, noise(size, 2.0, 2.0, rng), noise(size, 0.6, 0.6, rng), even, even * 0.6
    )


def _grain(size: TileSize, rng: np.random.Generator) -> tuple[Float[ndarray, "r c"], Float[ndarray, "r c"]]:
    fine = noise(size, 0.012, 0.012, rng)
    grain = 0.62 * fine + 0.22 * noise(size, 0.2, 0.2, rng) + 0.3 * noise(size, 5.0, 0.5, rng)
    return np.clip(grain, -2, 2), fine


def layers(
    pattern: Pattern, size: TileSize, weather: Weather
) -> tuple[Float32[ndarray, "rows columns 4"], Float32[ndarray, "rows columns 4"]]:
    """The tile in a weather: (grain, snow cover, polish, film) and (slope along, slope across, patchiness, 0)."""
    amount = weather.snow_cover * (1 - weather.snow_tracks * pattern.traffic)
    broken = 0.15 * pattern.streaks + 0.2 * pattern.blots + 0.05 * pattern.fine
    cover = step(0.3, 0.7, amount + broken * min(1, 4 * weather.snow_cover))
    if weather.snow_cover <= 0:
        cover = np.zeros_like(cover)
    polish = np.clip(weather.snow_packed * (0.25 + 0.75 * pattern.tracks + 0.18 * pattern.streaks), 0, 1)
    wet = weather.wetness / 100
    puddle = step(0.0, 0.35, weather.precipitation_deposits / 100 * 1.6 - 0.75 - 0.55 * pattern.blots)
    puddle = puddle * (weather.precipitation_deposits > 0)
    ice = 0.55 * weather.snow_packed * min(1.0, weather.snow_cover * 1.5) * (0.5 + 0.5 * pattern.tracks)
    film = np.clip(np.maximum(wet * (0.62 + 0.22 * pattern.tracks + 0.06 * pattern.fine) + 0.5 * puddle, ice), 0, 1)
    film = np.maximum(film, puddle)
    height = 0.0022 * pattern.fine * (1 - puddle) * (1 - 0.75 * cover) * (1 - 0.6 * film)
    loose = cover * (1 - 0.8 * polish)
    height = height + cover * 0.018 + loose * 0.011 * pattern.dunes + cover * 0.003 * pattern.streaks
    height = height + loose * 0.0035 * pattern.fine
    slope_u = _derivative(height, 1, size.length / size.columns)
    slope_v = _derivative(height, 0, size.width / size.rows)
    look = np.stack([pattern.grain * (1 - 0.6 * puddle), cover, polish, film], -1).astype(np.float32)
    zero = np.zeros_like(slope_u)
    slope = np.stack([slope_u, slope_v, pattern.blots * 0.5 + pattern.fine * 0.3, zero], -1).astype(np.float32)
    return look, slope


def _derivative(field: Float[ndarray, "r c"], axis: int, spacing: float) -> Float[ndarray, "r c"]:
    """Central difference of a periodic field, kept below a slope of 0.6."""
    return np.asarray(np.clip((np.roll(field, -1, axis) - np.roll(field, 1, axis)) / (2 * spacing), -0.6, 0.6))


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
        state = Weather(**{**weather.snow(), "wetness": weather.wetness,
                           "precipitation_deposits": weather.precipitation_deposits})  # fmt: skip
        if state == self._weather:
            return
        self._weather = state
        pairs = [layers(pattern, size, state) for pattern, size in zip(self._patterns, TILES, strict=True)]
        self.cover = [look[..., 1] for look, _ in pairs]
        self.look = mi.Float(np.concatenate([look.ravel() for look, _ in pairs]))
        self.slope = mi.Float(np.concatenate([slope.ravel() for _, slope in pairs]))

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
