"""What lies on the windscreen: droplets, dirt, ice. Each a pattern drawn from a seed, laid over linear radiance.

The windscreen is far too near to be in focus, so every edge is soft. A droplet is a lens of short focal length: it
shows the scene upside down and small; like Rousseau, Jolivet and Ghazanfarpour (2006, "Realistic real-time rain
rendering") we look that up in the picture itself, where there is no more to see than the picture holds. Dirt absorbs,
and scatters a little of the light around; ice scatters most of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

DROPS = 110
"""Droplets in a picture at severity 1."""
SPLASHES = 420
"""Splashes of dirt in a picture at severity 1."""
MINIFIED = 4.0
"""How much smaller a droplet shows the scene."""


@dataclass(frozen=True, eq=False)
class Soiling:
    """A soiled windscreen.

    Attributes:
        drop: opacity of droplets, 0 to 1.
        column, row: which pixel is seen through them.
        rim: transmission of droplets.
        dirt: opacity of dirt.
        ice: share of light that ice scatters.
    """

    drop: Float32[ndarray, "height width"]
    column: Float32[ndarray, "height width"]
    row: Float32[ndarray, "height width"]
    rim: Float32[ndarray, "height width"]
    dirt: Float32[ndarray, "height width"]
    ice: Float32[ndarray, "height width"]

    def before(self, seen: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        """A radiance seen through it."""
        height, width = seen.shape[:2]
        mean = np.minimum(seen, 20 * np.median(seen)).mean((0, 1))
        if self.drop.any():
            blurred = cv2.GaussianBlur(seen, (0, 0), height / 90)
            through = cv2.remap(blurred, self.column, self.row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            seen = seen * (1 - self.drop)[..., None] + through * (self.drop * self.rim)[..., None]
        if self.dirt.any():
            seen = seen * (1 - self.dirt)[..., None] + (0.12 * mean) * self.dirt[..., None]
        if self.ice.any():
            small = cv2.resize(seen, (max(width // 4, 1), max(height // 4, 1)), interpolation=cv2.INTER_AREA)
            blurred = cv2.resize(cv2.GaussianBlur(small, (0, 0), height / 4 / 14), (width, height))
            seen = seen * (1 - self.ice)[..., None] + (0.6 * blurred + 0.4 * 1.2 * mean) * self.ice[..., None]
        return np.asarray(seen, np.float32)


@lru_cache(maxsize=2)
def soiling(width: int, height: int, droplets: float, dirt: float, ice: float, seed: int) -> Soiling:
    """The windscreen before a picture of `width` x `height` pixels, each severity 0 to 1."""
    drop, column, row, rim = _droplets(width, height, droplets, np.random.default_rng([seed, 1]))
    return Soiling(
        drop,
        column,
        row,
        rim,
        _dirt(width, height, dirt, np.random.default_rng([seed, 2])),
        _ice(width, height, ice, np.random.default_rng([seed, 3])),
    )


def _droplets(
    width: int, height: int, severity: float, rng: np.random.Generator
) -> tuple[
    Float32[ndarray, "height width"],
    Float32[ndarray, "height width"],
    Float32[ndarray, "height width"],
    Float32[ndarray, "height width"],
]:
    row, column = np.mgrid[:height, :width].astype(np.float32)
    opacity = np.zeros((height, width), np.float32)
    rim = np.ones((height, width), np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    places = rng.uniform(0, 1, (DROPS, 2)) * (width, height)
    radii = height * np.clip(rng.lognormal(np.log(0.014), 0.6, DROPS), 0.005, 0.06)
    stretch = rng.uniform(1.0, 1.45, DROPS)
    for i in range(round(DROPS * severity)):
        reach = radii[i] * stretch[i] * 1.3 + 2
        left, right = (int(np.clip(places[i, 0] + s * reach, 0, width)) for s in (-1, 1))
        top, bottom = (int(np.clip(places[i, 1] + s * reach, 0, height)) for s in (-1, 1))
        part = (slice(top, bottom), slice(left, right))
        dx, dy = x[part] - places[i, 0], y[part] - places[i, 1]
        distance = np.hypot(dx, dy / stretch[i] * (1 + 0.25 * np.tanh(-dy / radii[i]))) / radii[i]
        cover = np.clip((1.15 - distance) / 0.3, 0, 1)
        wins = cover > opacity[part]
        column[part] = np.where(wins, places[i, 0] - dx * MINIFIED, column[part])
        row[part] = np.where(wins, places[i, 1] - dy * MINIFIED, row[part])
        rim[part] = np.where(wins, 1.1 - 0.65 * np.clip(distance, 0, 1) ** 4, rim[part])
        opacity[part] = np.maximum(opacity[part], cover)
    return opacity, column, row, rim


def _dirt(width: int, height: int, severity: float, rng: np.random.Generator) -> Float32[ndarray, "height width"]:
    """Splashes, denser here than there, over a thin uneven film."""
    film = 0.45 * np.clip((_noise(width, height, rng, first=4, octaves=4) + 3 * severity - 1.4) * 0.5, 0, 1)
    density = _noise(width, height, rng, first=3, octaves=2)
    clear = 1 - film.astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    places = rng.uniform(0, 1, (SPLASHES, 2)) * (width, height)
    radii = height * np.clip(rng.lognormal(np.log(0.011), 0.7, SPLASHES), 0.004, 0.05)
    chance, darkness = rng.uniform(0, 1, SPLASHES), rng.uniform(0.35, 0.9, SPLASHES)
    turn, stretch = rng.uniform(0, np.pi, SPLASHES), rng.uniform(1, 1.8, SPLASHES)
    for i in range(SPLASHES):
        column, row = places[i].astype(int)
        if chance[i] > severity * (0.6 + 0.4 * np.tanh(density[row, column])):
            continue
        reach = radii[i] * 2.6
        left, right = (int(np.clip(places[i, 0] + s * reach, 0, width)) for s in (-1, 1))
        top, bottom = (int(np.clip(places[i, 1] + s * reach, 0, height)) for s in (-1, 1))
        part = (slice(top, bottom), slice(left, right))
        dx, dy = x[part] - places[i, 0], y[part] - places[i, 1]
        along, across = dx * np.cos(turn[i]) + dy * np.sin(turn[i]), dy * np.cos(turn[i]) - dx * np.sin(turn[i])
        distance = np.hypot(along / stretch[i], across) / radii[i]
        clear[part] *= 1 - darkness[i] * np.clip((1.35 - distance) / 0.8, 0, 1)
    return np.asarray(np.clip(1 - clear, 0, 0.95), np.float32)


def _ice(width: int, height: int, severity: float, rng: np.random.Generator) -> Float32[ndarray, "height width"]:
    """Thicker towards the edges, with ridges like crystals in it."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    edge = np.maximum(np.abs(x / width * 2 - 1), np.abs(y / height * 2 - 1))
    needles = 1 - np.abs(_noise(width, height, rng, first=22, octaves=4))
    field = 1.25 * edge + 0.55 * needles + 0.3 * _noise(width, height, rng, first=4, octaves=3)
    sharp = np.clip((field - 1.75 + 1.6 * severity) * 1.3, 0, 0.95) * min(1.0, 4 * severity)
    return np.asarray(cv2.GaussianBlur(sharp.astype(np.float32), (0, 0), max(height / 130, 0.3)), np.float32)


def _noise(
    width: int, height: int, rng: np.random.Generator, *, first: int, octaves: int
) -> Float[ndarray, "height width"]:
    """Fractal noise of mean 0 and deviation 1; `first` cells over the width in its coarsest layer."""
    total = np.zeros((height, width))
    for i in range(octaves):
        cells = first * 2**i
        grid = rng.standard_normal((max(2, round(cells * height / width)) + 1, cells + 1))
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.6**i
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-9))
