"""The air between camera and scene: fog and haze by distance and height, rain and snow in the air, spray."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import ActorState, Instant
from scenarios.render.airlight import airlight, lit
from scenarios.render.beams import COLUMNS
from scenarios.render.frames import pose_matrix
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
ABOARD = 3.0
"""A camera this near the middle of a vehicle rides on it [m]."""


@dataclass(frozen=True, eq=False)
class Air:
    """The air of one picture: how it dims, what it adds, and what falls or flies through it.

    Attributes:
        extinction: [1/m].
        start: where the fog begins [m].
        rise: height that a look through each pixel gains with each metre of depth, None for fog of even density.
        falloff: of the fog with height [1/m].
        glow: radiance of infinitely thick air, the same everywhere or of each pixel.
        drops: what falls: opacity of each pixel.
        drop_light: radiance of what falls, the same everywhere or of each pixel.
        lamplight: of lamps that the air scatters into each pixel; None where no lamp is on or the air is clear.
        spray: optical thickness of what wheels throw up, of each pixel.
    """

    extinction: float
    start: float
    rise: Float[ndarray, "height width"] | None
    falloff: float
    glow: Float[ndarray, "3"] | Float[ndarray, "height width 3"]
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
        depth: Float32[ndarray, "height width"],
        seed: int,
        hidden: frozenset[int] = frozenset(),
        lamps: Float[ndarray, "n 11"] | None = None,
        exposure_time: float = 1 / 200,
    ) -> Air:
        """The air in an instant; the same frame shows the same drops.

        Args:
            instant: the world.
            sky: of its weather.
            camera: the view.
            depth: what stands in it [m].
            seed: of the drops.
            hidden: actors that throw no spray.
            lamps: rows of `beams.COLUMNS`; None for none.
            exposure_time: how long a drop's streak is drawn [s].
        """
        weather = instant.weather
        velocity = velocity_of(camera, instant.actors)
        drops = opacity(weather, camera, depth, seed, velocity, exposure_time=exposure_time, wind_seed=instant.seed)
        glow = sky.horizon
        if weather.fog_density > 0 and sky.sun_irradiance.any():
            glow = glow + _sun_glow(camera, sky)
        rise = _looks(camera)[..., 2] if weather.fog_falloff > 0 and weather.fog_density > 0 else None
        thrown = spray(instant, camera, depth, hidden)
        shining = np.zeros((0, COLUMNS)) if lamps is None else lamps
        lamplight, drop_light = None, sky.horizon * 1.25
        if len(shining) and max(weather.fog_density, weather.precipitation) > 0:
            lamplight = airlight(
                shining, camera, depth, extinction=extinction(weather), forward=FORWARD, start=weather.fog_distance
            )
        if len(shining) and (drops.any() or thrown.any()):
            sends = SNOW_SENDS if weather.temperature <= 0 else RAIN_SENDS
            drop_light = drop_light + sends * lit(shining, camera, depth, LIT_AT)
        return cls(
            extinction(weather),
            weather.fog_distance,
            rise,
            weather.fog_falloff,
            glow,
            drops,
            drop_light,
            lamplight,
            thrown,
        )

    def through(
        self, radiance: Float[ndarray, "height width 3"], depth: Float[ndarray, "height width"]
    ) -> Float32[ndarray, "height width 3"]:
        """The scene's radiance as it arrives at the camera (Koschmieder's law)."""
        path = np.clip(np.where(np.isfinite(depth), depth, FARTHEST) - self.start, 0, None)
        if self.rise is not None:
            path = _through_layer(path, self.rise, self.falloff)
        kept = np.exp(-self.extinction * path.astype(np.float32))[..., None]
        seen = radiance.astype(np.float32) * kept + self.glow.astype(np.float32) * (1 - kept)
        if self.lamplight is not None:
            seen = seen + self.lamplight
        light = self.drop_light.astype(np.float32)
        if self.spray.any():
            kept = np.exp(-self.spray)[..., None]
            seen = seen * kept + 0.8 * light * (1 - kept)
        if self.drops.any():
            opacity = self.drops[..., None]
            seen = seen * (1 - opacity) + light * opacity
        return np.asarray(seen, np.float32)


def velocity_of(camera: Camera, actors: tuple[ActorState, ...]) -> Float[ndarray, "3"]:
    """Velocity of the vehicle that a camera rides on, renderer axes [m/s]; zero if it stands beside the road."""
    for actor in actors:
        matrix = pose_matrix(actor.pose)
        if actor.blueprint.startswith("vehicle.") and np.linalg.norm(matrix[:3, 3] - camera.position) < ABOARD:
            return np.asarray(matrix[:3, 0] * actor.speed)
    return np.zeros(3)


def _looks(camera: Camera) -> Float[ndarray, "height width 3"]:
    """Direction through each pixel, renderer axes, as long as it gains a metre of depth."""
    x = (np.arange(camera.width) + 0.5 - camera.intrinsics[0, 2]) / camera.intrinsics[0, 0]
    y = (np.arange(camera.height) + 0.5 - camera.intrinsics[1, 2]) / camera.intrinsics[1, 1]
    right, down, forward = camera.camera_to_world[:3, :3].T
    return np.asarray(x[None, :, None] * right + y[:, None, None] * down + forward)


def _through_layer(
    path: Float[ndarray, "height width"], rise: Float[ndarray, "height width"], falloff: float
) -> Float[ndarray, "height width"]:
    """Length of a path through even fog that dims as much as `path` through fog that thins out with height."""
    gained = falloff * rise * path
    share = np.where(np.abs(gained) < 1e-4, 1 - gained / 2, -np.expm1(-gained) / np.where(gained == 0, 1, gained))
    return np.asarray(path * np.exp(-falloff * EYE) * np.minimum(share, 1e4))


def _sun_glow(camera: Camera, sky: Sky) -> Float[ndarray, "height width 3"]:
    """Sunlight that fog scatters once into each pixel, were it infinitely thick."""
    look = _looks(camera)
    cosine = (look @ sky.sun) / np.linalg.norm(look, axis=-1)
    phase = (1 - FORWARD**2) / (4 * np.pi * (1 + FORWARD**2 - 2 * FORWARD * cosine) ** 1.5)
    return np.asarray(phase[..., None] * sky.sun_irradiance)
