"""Rain and snow in the air before the camera: streaks and flakes, drawn layer by layer with distance.

Each drop is a point in space that moves through the picture while the shutter is open: down by its own fall, sideways
with the wind, and towards the camera by the camera's own speed. Layers are planes across the optical axis, which a
pinhole sees evenly filled, and spheres around a fisheye, which sees beside itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.weather import Weather

LAYERS = (1.6, 3.0, 5.0, 8.0, 13.0, 20.0)
"""Distances at which what falls is drawn, of planes along the optical axis or of spheres [m]."""
RAIN_SPEED, SNOW_SPEED = 8.0, 1.3
"""Falling speeds [m/s] (Gunn and Kinzer 1949 for 4 mm drops; flakes of about 5 mm)."""
RAIN_SIZE, SNOW_SIZE = 0.004, 0.011
PER_VOLUME = {"rain": 5.0, "snow": 30.0}
"""Drops and flakes a cubic metre at 100 % that are large enough to be seen one by one."""
WIND = 4.0
"""Wind at 100 % [m/s]: CARLA gives its strength and no direction."""
NEAREST = 0.3
"""A drop that comes nearer than this during the exposure is drawn up to here [m]."""


def opacity(
    weather: Weather,
    camera: Camera,
    seen: Float[ndarray, "height width"],
    seed: int,
    velocity: Float[ndarray, "3"] | None = None,
    *,
    exposure_time: float = 1 / 200,
    wind_seed: int = 0,
) -> Float32[ndarray, "height width"]:
    """How far what falls hides each pixel, 0 to 1; the same seed gives the same drops.

    Args:
        weather: rain or snow, and the wind.
        camera: where it is seen from.
        seen: distance to what hides the drops behind it, along the pixels' rays [m].
        seed: of the drops.
        velocity: of the camera, renderer axes [m/s]; None stands.
        exposure_time: how long a drop is seen to move [s].
        wind_seed: of the direction from which the wind blows.
    """
    clear = np.ones((camera.height, camera.width), np.float32)
    if weather.precipitation <= 0:
        return 1 - clear
    rng = np.random.default_rng([seed, 23])
    snow = weather.temperature <= 0
    focal = float(camera.intrinsics[0, 0])
    fall = np.array([0.0, 0.0, -(SNOW_SPEED if snow else RAIN_SPEED)])
    moving = fall + wind(weather, wind_seed) - (np.zeros(3) if velocity is None else velocity)
    way = camera.camera_to_world[:3, :3].T @ moving * exposure_time
    reach = seen if camera.lens == "fisheye" else seen * camera.pixel_rays()[..., 2]
    edges = np.array([0.8, *np.sqrt(np.array(LAYERS[:-1]) * LAYERS[1:]), 28.0])
    for distance, near, far in zip(LAYERS, edges[:-1], edges[1:], strict=True):
        volume = (far**3 - near**3) / 3 * camera.width * camera.height / focal**2
        count = int(volume * PER_VOLUME["snow" if snow else "rain"] * weather.precipitation / 100)
        layer = _layer(camera, min(count, 6000), distance, way, 0.3 * exposure_time, snow, rng)
        clear *= 1 - layer * (reach > distance)
    return 1 - clear


def wind(weather: Weather, seed: int) -> Float[ndarray, "3"]:
    """Velocity of the air, renderer axes [m/s]; a seed draws its direction."""
    direction = np.random.default_rng([seed, 29]).uniform(0, 2 * np.pi)
    return WIND * weather.wind_intensity / 100 * np.array([np.cos(direction), np.sin(direction), 0.0])


def _layer(
    camera: Camera,
    count: int,
    distance: float,
    way: Float[ndarray, "3"],
    flutter: float,
    snow: bool,
    rng: np.random.Generator,
) -> Float32[ndarray, "height width"]:
    """One layer; drops move by `way` +- `flutter`, camera axes (x right, y down, z forward) [m]."""
    scale = float(camera.intrinsics[0, 0]) / distance
    size = (SNOW_SIZE if snow else RAIN_SIZE) * scale
    blur = max(0.0, size - 1) * 0.25 + (1.2 if distance < 2 else 0.0)
    picture = np.zeros((camera.height, camera.width), np.uint8)
    starts = rng.uniform((-20, -20), (camera.width + 20, camera.height + 20), (count, 2))
    ends = streak_ends(camera, starts, distance, way + rng.normal(0, flutter, (count, 3)))
    sizes = np.maximum(size * rng.uniform(0.5, 1.3, count), 1.0)
    for start, end, width in zip(starts, ends, sizes, strict=True):
        a, b = ((int(p[0] * 16), int(p[1] * 16)) for p in (start, end))
        cv2.line(picture, a, b, 255, max(1, round(float(width))), cv2.LINE_AA, 4)
    faint = min(1.0, size) * (0.85 if snow else 0.22)
    layer = picture.astype(np.float32) / 255 * faint
    return cv2.GaussianBlur(layer, (0, 0), blur) if blur > 0.3 else layer


def streak_ends(
    camera: Camera, starts: Float[ndarray, "n 2"], distance: float, way: Float[ndarray, "n 3"]
) -> Float[ndarray, "n 2"]:
    """Where drops that are seen at `starts` [px] on the layer at `distance` [m] are drawn after `way` [m], [px].

    Drops that leave what the lens draws stay where they are.
    """
    rays = camera.rays(starts)
    if camera.lens == "fisheye":
        moved = rays * distance + way
    else:
        moved = rays / rays[:, 2:] * distance + way
        moved[:, 2] = np.maximum(moved[:, 2], NEAREST)
    ends = camera.draw(moved)
    return np.where(np.isfinite(ends), ends, starts)
