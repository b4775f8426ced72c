"""What a pavement is like in any weather: grain, ruts, tar seams, cracks, patches, oil, tyre marks, old markings.

Everything repeats with its tile; the kernel shows another part of the seams and patches on every stretch of road.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

LANES_IN_TILE = 4
LANE_WIDTH = 3.5
"""Nominal width [m]: in a lane of another width the tile is stretched."""
TRACK = 0.85
"""Distance of a wheel track from the middle of its lane [m]: half the track width of a car."""
SEAL_SHOWN = 0.45
"""Share of the road along which the kernel shows the seams of the tile."""
SEAL_DARKENS = 0.78
"""Share of its light that asphalt loses under bitumen."""
GRAIN_CONTRAST = 0.35
"""How far a unit of grain brightens asphalt."""


@dataclass(frozen=True)
class TileSize:
    """Extent [m] and texels of a tile: `length` along the lane (or world x), `width` across (or world y)."""

    length: float
    width: float
    columns: int
    rows: int


@dataclass(frozen=True, eq=False)
class Pattern:
    """What of a tile stays the same in all weathers; unit variance where nothing else is said.

    Attributes:
        grain: stones, blotches and old markings.
        fine: the stones alone.
        streaks, blots, dunes, ragged: noise, from long along the lane to small.
        traffic: how much rolls where, 0 to 1.
        tracks: wheel tracks, 0 to 1.
        border: the lane's edges, where dirt and salt gather, 0 to 1.
        low: how low a spot lies, ruts included; water gathers where it is high.
        seal: bitumen on the surface, 0 to 1.
        litter: where leaves come to lie, uniform over 0 to 1; the lower the earlier.
    """

    grain: Float[ndarray, "rows columns"]
    fine: Float[ndarray, "rows columns"]
    streaks: Float[ndarray, "rows columns"]
    blots: Float[ndarray, "rows columns"]
    dunes: Float[ndarray, "rows columns"]
    ragged: Float[ndarray, "rows columns"]
    traffic: Float[ndarray, "rows columns"]
    tracks: Float[ndarray, "rows columns"]
    border: Float[ndarray, "rows columns"]
    low: Float[ndarray, "rows columns"]
    seal: Float[ndarray, "rows columns"]
    litter: Float[ndarray, "rows columns"]


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


def lane_pattern(size: TileSize, rng: np.random.Generator) -> Pattern:
    """Lane tile: two wheel tracks 1.7 m apart in each lane, wandering a little, with long streaks along them."""
    wander = noise(size, 12.0, 3.0, rng) * 0.09
    lateral = (np.arange(size.rows)[:, None] + 0.5) / size.rows * size.width
    within = np.mod(lateral + wander, LANE_WIDTH) - LANE_WIDTH / 2
    tracks = np.exp(-(((np.abs(within) - TRACK) / 0.36) ** 2))
    middle = np.exp(-((within / 0.75) ** 2))
    border = step(1.15, 1.5, np.abs(within))
    traffic = np.clip(tracks + 0.42 * middle + 0.5 * border, 0, 1)
    streaks = 0.6 * noise(size, 5.0, 0.06, rng) + 0.8 * noise(size, 2.5, 0.16, rng)
    grain, fine = _grain(size, rng)
    blots = 0.8 * noise(size, 1.6, 0.35, rng) + 0.6 * noise(size, 6.0, 1.1, rng)
    dunes = noise(size, 0.5, 0.22, rng)
    ragged = noise(size, 0.4, 0.1, rng)
    low = 0.75 * noise(size, 3.0, 0.6, rng) + 0.45 * noise(size, 1.2, 0.3, rng) + 1.3 * (tracks - 0.35)
    seal = _bitumen(size, within, tracks, rng)
    grain = _levelled(grain - 0.22 * tracks + _ghosts(size, rng), seal)
    return Pattern(
        grain, fine, streaks, blots, dunes, ragged, traffic, tracks, border, low, seal, _litter(size, traffic, rng)
    )


def flat_pattern(size: TileSize, traffic: float, rng: np.random.Generator) -> Pattern:
    """Verge or junction tile: no direction, the same `traffic` everywhere."""
    streaks = 0.7 * noise(size, 0.5, 0.5, rng) + 0.7 * noise(size, 1.6, 1.6, rng)
    even = np.full((size.rows, size.columns), traffic)
    grain, fine = _grain(size, rng)
    blots, dunes = noise(size, 2.0, 2.0, rng), noise(size, 0.6, 0.6, rng)
    ragged = noise(size, 0.2, 0.2, rng)
    low = noise(size, 2.2, 2.2, rng)
    seal = np.clip(0.7 * _lines(size, _cracks(size, 14 if traffic else 0, rng), 0.03), 0, 1)
    litter = _litter(size, even, rng)
    return Pattern(grain, fine, streaks, blots, dunes, ragged, even, even * 0.6, even * 0.4, low, seal, litter)


def _grain(size: TileSize, rng: np.random.Generator) -> tuple[Float[ndarray, "r c"], Float[ndarray, "r c"]]:
    fine = noise(size, 0.012, 0.012, rng)
    grain = 0.62 * fine + 0.22 * noise(size, 0.2, 0.2, rng) + 0.3 * noise(size, 5.0, 0.5, rng)
    return np.clip(grain, -2, 2), fine


def _levelled(grain: Float[ndarray, "r c"], seal: Float[ndarray, "r c"]) -> Float[ndarray, "r c"]:
    """The grain shifted so that asphalt with its seals reflects as much, on average, as its material says."""
    light = (1 + GRAIN_CONTRAST * grain) * (1 - SEAL_DARKENS * SEAL_SHOWN * seal)
    return np.asarray(grain + (1 - light.mean()) / GRAIN_CONTRAST)


def _bitumen(
    size: TileSize, within: Float[ndarray, "r c"], tracks: Float[ndarray, "r c"], rng: np.random.Generator
) -> Float[ndarray, "r c"]:
    """Poured seams, cracks, patches with sealed edges, the oil stripe in a lane's middle, marks of braking tyres."""
    seams = _lines(size, _seams(size, rng), 0.055)
    cracks = _lines(size, _cracks(size, 60, rng), 0.02)
    inside, edges = _patches(size, rng)
    oil = np.exp(-((within / 0.32) ** 2)) * step(-0.4, 1.4, noise(size, 6.0, 0.3, rng))
    braking = step(1.5, 2.2, noise(size, 9.0, 1.2, rng)) * np.clip(tracks * 1.6 - 0.6, 0, 1)
    layers = (seams * 0.95, cracks * 0.6, inside * 0.32, edges * 0.8, oil * 0.24, braking * 0.4)
    return np.asarray(np.max(layers, axis=0))


def _lines(size: TileSize, lines: list[Float[ndarray, "_ 2"]], width: float) -> Float[ndarray, "r c"]:
    """Coverage of lines, given in metres along and across, that go on at the other side of the tile."""
    picture = np.zeros((size.rows, size.columns), np.uint8)
    scale = np.array([size.columns / size.length, size.rows / size.width])
    thick = max(1, round(width * float(scale.mean())))
    for line in lines:
        for shift in np.ndindex(3, 3):
            moved = (line * scale + (np.array(shift) - 1) * (size.columns, size.rows)) * 16
            cv2.polylines(picture, [np.round(moved).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)
    return np.asarray(picture / 255.0)


def _walk(count: int, wander: float, rng: np.random.Generator) -> Float[ndarray, "count"]:
    return np.asarray(np.cumsum(rng.normal(0, wander, count)))


def _seams(size: TileSize, rng: np.random.Generator) -> list[Float[ndarray, "_ 2"]]:
    """Longitudinal joints and cracks across the road, filled with bitumen: every 0.4 m a point."""
    found = []
    for _ in range(9):
        count = int(rng.integers(20, 90))
        along = rng.uniform(0, size.length) + 0.4 * np.arange(count)
        found.append(np.column_stack([along, rng.uniform(0, size.width) + _walk(count, 0.03, rng)]))
    for _ in range(10):
        count = int(rng.integers(6, 18))
        across = rng.uniform(0, size.width) + 0.4 * np.arange(count)
        found.append(np.column_stack([rng.uniform(0, size.length) + _walk(count, 0.09, rng), across]))
    return found


def _cracks(size: TileSize, number: int, rng: np.random.Generator) -> list[Float[ndarray, "_ 2"]]:
    """Open cracks: random walks that keep their heading for a while."""
    found = []
    for _ in range(number):
        count = int(rng.integers(8, 30))
        heading = rng.uniform(0, 2 * np.pi) + _walk(count, 0.45, rng)
        path = np.cumsum(0.14 * np.column_stack([np.cos(heading), np.sin(heading)]), axis=0)
        found.append(path + rng.uniform((0, 0), (size.length, size.width)))
    return found


def _patches(size: TileSize, rng: np.random.Generator) -> tuple[Float[ndarray, "r c"], Float[ndarray, "r c"]]:
    """Rectangles of newer asphalt within the tile, and the sealed joint around each."""
    inside, frames = np.zeros((size.rows, size.columns)), []
    for _ in range(5):
        low = rng.uniform((1, 0.3), (size.length - 12, size.width - 3.6))
        high = low + rng.uniform((2, 0.9), (11, 3.2))
        a, b = (np.round(p * (size.columns / size.length, size.rows / size.width)).astype(int) for p in (low, high))
        inside[a[1] : b[1], a[0] : b[0]] = rng.uniform(0.5, 1)
        frames.append(np.array([low, (high[0], low[1]), high, (low[0], high[1]), low]))
    return inside, _lines(size, frames, 0.05)


def _ghosts(size: TileSize, rng: np.random.Generator) -> Float[ndarray, "r c"]:
    """Old markings that were ground off: paler, rougher stripes beside the present lines."""
    lines = [
        np.array([[start, place], [start + length, place + rng.uniform(-0.2, 0.2)]])
        for start, place, length in zip(
            rng.uniform(0, size.length, 6), rng.uniform(0, size.width, 6), rng.uniform(3, 16, 6), strict=True
        )
    ]
    return np.asarray(_lines(size, lines, 0.14) * (0.55 + 0.25 * noise(size, 0.3, 0.05, rng)))


def _litter(size: TileSize, traffic: Float[ndarray, "r c"], rng: np.random.Generator) -> Float[ndarray, "r c"]:
    """A rank for every spot: leaves lie at low ranks; wheels blow the roadway clean of all but the lowest."""
    spots = noise(size, 0.03, 0.03, rng) + 0.6 * noise(size, 1.8, 0.5, rng)
    rank = np.argsort(np.argsort(spots.ravel())[::-1]).reshape(spots.shape) / spots.size
    return np.asarray(np.clip(rank + 0.75 * np.clip(traffic, 0, 1), 0, 1))
