"""The air between camera and scene: fog and haze by distance, rain and snow in the air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import Instant
from scenarios.render.precipitation import opacity
from scenarios.render.sky import Sky
from scenarios.weather import Weather

VISIBILITY_AT_FULL_FOG = 30.0
"""Meteorological visibility at fog_density 100 [m]."""
KOSCHMIEDER = 3.912
"""Extinction times visibility at 2 % contrast (Koschmieder 1924)."""


def extinction(weather: Weather) -> float:
    """Extinction coefficient of the air [1/m]: fog falls off geometrically, clear air is seen through for 25 km."""
    visibility = 25_000.0 * (VISIBILITY_AT_FULL_FOG / 25_000.0) ** min(1.0, (weather.fog_density / 100) ** 0.55)
    falling = weather.precipitation / 100 * (KOSCHMIEDER / (600 if weather.temperature <= 0 else 3000))
    return float(KOSCHMIEDER / visibility + falling)


@dataclass(frozen=True, eq=False)
class Air:
    """The air of one picture: how it dims, what it adds, and what falls through it.

    Attributes:
        extinction: [1/m].
        start: where the fog begins [m].
        glow: radiance of infinitely thick air.
        drops: what falls: opacity of each pixel.
        drop_light: radiance of what falls.
    """

    extinction: float
    start: float
    glow: Float[ndarray, "3"]
    drops: Float32[ndarray, "height width"]
    drop_light: Float[ndarray, "3"]

    @classmethod
    def of(cls, instant: Instant, sky: Sky, camera: Camera, depth: Float32[ndarray, "height width"], seed: int) -> Air:
        """The air in an instant; the same frame shows the same drops."""
        weather = instant.weather
        drops = opacity(weather, camera, depth, seed)
        return cls(extinction(weather), weather.fog_distance, sky.horizon, drops, sky.horizon * 1.25)

    def through(
        self, radiance: Float[ndarray, "height width 3"], depth: Float[ndarray, "height width"]
    ) -> Float32[ndarray, "height width 3"]:
        """The scene's radiance as it arrives at the camera (Koschmieder's law)."""
        path = np.clip(np.where(np.isfinite(depth), depth, 4000.0) - self.start, 0, None)
        kept = np.exp(-self.extinction * path.astype(np.float32))[..., None]
        seen = radiance.astype(np.float32) * kept + self.glow.astype(np.float32) * (1 - kept)
        if self.drops.any():
            opacity = self.drops[..., None]
            seen = seen * (1 - opacity) + self.drop_light.astype(np.float32) * opacity
        return np.asarray(seen, np.float32)
