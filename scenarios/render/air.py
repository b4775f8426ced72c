"""The air between camera and scene: fog and haze by distance and height, rain and snow in the air, spray."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import Instant
from scenarios.render.airlight import airlight, lit
from scenarios.render.beams import COLUMNS
from scenarios.render.hits import rays_of
from scenarios.render.precipitation import opacity
from scenarios.render.sky import Sky
from scenarios.render.spray import spray
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


FARTHEST = 4000.0
"""Length of a look into the sky [m], as far as fog goes."""
EYE = 1.5
"""Fog that falls off with height is as dense as it is named this far below the camera [m]."""
FORWARD = 0.8
"""Asymmetry of fog droplets' scattering in Henyey and Greenstein's (1941) phase function: a glow around the sun."""
LIT_AT = 4.0
"""Distance at which what falls and flies is taken to be lit by lamps [m]: most drops that are seen are as near."""
SNOW_SENDS, RAIN_SENDS = 0.17, 0.03
"""Luminance of a flake and a drop over their illuminance from about where the camera is [1/sr]: a matte white ball has
two thirds of its reflectance over pi; a drop lets nearly all light through, its share is assumed."""


@dataclass(frozen=True, eq=False)
class Air:
    """The air of one picture: how it dims, what it adds, and what falls or flies through it.

    Attributes:
        extinction: [1/m].
        start: where the fog begins [m].
        rise: height that a look through each pixel gains with each metre, None for fog of even density.
        falloff: of the fog with height [1/m].
        glow: radiance of infinitely thick air under the sky.
        sun_glow: what the sun adds to it in each pixel; None where the air does not scatter it.
        drops: what falls: opacity of each pixel.
        drop_light: radiance of what falls, the same everywhere or of each pixel.
        lamplight: of lamps that the air scatters into each pixel; None where no lamp is on or the air is clear.
        spray: optical thickness of what wheels throw up, of each pixel.
    """

    extinction: float
    start: float
    rise: Float[ndarray, "height width"] | None
    falloff: float
    glow: Float[ndarray, "3"]
    sun_glow: Float32[ndarray, "height width 3"] | None
    drops: Float32[ndarray, "height width"]
    drop_light: Float[ndarray, "3"] | Float[ndarray, "height width 3"]
    lamplight: Float32[ndarray, "height width 3"] | None
    spray: Float32[ndarray, "height width"]

    @classmethod
    def of(
        cls,
        instant: Instant,
        sky: Sky,
        camera: Camera,
        distance: Float32[ndarray, "height width"],
        seed: int,
        hidden: frozenset[int] = frozenset(),
        lamps: Float[ndarray, "n 11"] | None = None,
        exposure_time: float = 1 / 200,
        velocity: Float[ndarray, "3"] | None = None,
    ) -> Air:
        """The air in an instant; the same frame shows the same drops.

        Args:
            instant: the world.
            sky: of its weather.
            camera: the view.
            distance: to what stands in it, along the pixels' rays [m].
            seed: of the drops.
            hidden: actors that throw no spray.
            lamps: rows of `beams.COLUMNS`; None for none.
            exposure_time: how long a drop's streak is drawn [s].
            velocity: of the camera, renderer axes [m/s]; None stands.
        """
        weather = instant.weather
        drops = opacity(weather, camera, distance, seed, velocity, exposure_time=exposure_time, wind_seed=instant.seed)
        sun_glow, rise = None, None
        if weather.fog_density > 0:
            looks = rays_of(camera)[1]
            sun_glow = _sun_glow(looks, sky) if sky.sun_irradiance.any() else None
            rise = looks[..., 2] if weather.fog_falloff > 0 else None
        thrown = spray(instant, camera, distance, hidden)
        shining = np.zeros((0, COLUMNS)) if lamps is None else lamps
        lamplight, drop_light = None, sky.horizon * 1.25
        if len(shining) and max(weather.fog_density, weather.precipitation) > 0:
            lamplight = airlight(
                shining, camera, distance, extinction=extinction(weather), forward=FORWARD, start=weather.fog_distance
            )
        if len(shining) and (drops.any() or thrown.any()):
            sends = SNOW_SENDS if weather.temperature <= 0 else RAIN_SENDS
            drop_light = drop_light + sends * lit(shining, camera, distance, LIT_AT)
        return cls(
            extinction(weather),
            weather.fog_distance,
            rise,
            weather.fog_falloff,
            sky.horizon,
            sun_glow,
            drops,
            drop_light,
            lamplight,
            thrown,
        )

    def through(
        self,
        radiance: Float[ndarray, "height width 3"],
        distance: Float[ndarray, "height width"],
        *,
        sunlit: bool = True,
    ) -> Float32[ndarray, "height width 3"]:
        """The scene's radiance as it arrives at the camera (Koschmieder's law).

        Args:
            radiance: of the scene.
            distance: to it along the pixels' rays [m]; inf in the sky.
            sunlit: whether the sun shines on the air.
        """
        seen = self.veiled(radiance, distance, sunlit=sunlit)
        light = self.drop_light.astype(np.float32)
        if self.spray.any():
            kept = np.exp(-self.spray)[..., None]
            seen = seen * kept + 0.8 * light * (1 - kept)
        if self.drops.any():
            opacity = self.drops[..., None]
            seen = seen * (1 - opacity) + light * opacity
        return np.asarray(seen, np.float32)

    def veiled(
        self,
        radiance: Float[ndarray, "height width 3"],
        distance: Float[ndarray, "height width"],
        *,
        sunlit: bool = True,
    ) -> Float32[ndarray, "height width 3"]:
        """The scene's radiance behind the air alone, with no drops and no spray in it; as `through`."""
        path = np.clip(np.where(np.isfinite(distance), distance, FARTHEST) - self.start, 0, None)
        if self.rise is not None:
            path = _through_layer(path, self.rise, self.falloff) * np.exp(-self.falloff * self.rise * self.start)
        kept = np.exp(-self.extinction * path.astype(np.float32))[..., None]
        glow = self.glow.astype(np.float32)
        if sunlit and self.sun_glow is not None:
            glow = glow + self.sun_glow
        seen = radiance.astype(np.float32) * kept + glow * (1 - kept)
        return np.asarray(seen if self.lamplight is None else seen + self.lamplight, np.float32)


def _through_layer(
    path: Float[ndarray, "height width"], rise: Float[ndarray, "height width"], falloff: float
) -> Float[ndarray, "height width"]:
    """Length of a path through even fog that dims as much as `path` through fog that thins out with height."""
    gained = falloff * rise * path
    share = np.where(np.abs(gained) < 1e-4, 1 - gained / 2, -np.expm1(-gained) / np.where(gained == 0, 1, gained))
    return np.asarray(path * np.exp(-falloff * EYE) * np.minimum(share, 1e4))


def _sun_glow(looks: Float[ndarray, "height width 3"], sky: Sky) -> Float32[ndarray, "height width 3"]:
    """Sunlight that fog scatters once into each pixel, were it infinitely thick."""
    phase = (1 - FORWARD**2) / (4 * np.pi * (1 + FORWARD**2 - 2 * FORWARD * (looks @ sky.sun)) ** 1.5)
    return np.asarray(phase[..., None] * sky.sun_irradiance, np.float32)
