"""Spray behind vehicles on a wet road: billows of droplets that rise from the rear wheels and thin out behind them.

How much water is thrown up grows with the water film and with speed, as in the model of Flintsch, Viner and Dunford
(2014, "Predicting splash and spray and its impact on drivers"); that it blinds cameras for seconds behind a
car that cuts in was measured by Walz et al. (2021, "A benchmark for spray from nearby cutting vehicles"). The shape of
the billows here is a drawing, not a flow simulation.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.actor_sizes import EXTENTS
from scenarios.instant import ActorState, Instant
from scenarios.render.frames import pose_matrix
from scenarios.weather import Weather

SLOWEST, FASTEST = 5.0, 28.0
"""Speeds at which spray begins and at which it is at its fullest [m/s]."""
LENGTH = 11.0
"""How far behind the wheels full spray reaches [m]."""
PUFFS = 16
"""Billows behind each rear wheel."""
THICKNESS = 0.85
"""Optical thickness through the middle of the densest billow."""
FARTHEST = 90.0


def water_thrown(weather: Weather) -> float:
    """Water on the road that wheels can throw, 0 dry to 1 flooded; slush counts as water, hard snow does not."""
    film = max(weather.wetness / 100 - 0.25, 0.0) / 0.75
    return float(min(1.0, max(film * (weather.temperature > -2), weather.slush)))


def spray(
    instant: Instant, camera: Camera, seen: Float[ndarray, "height width"], hidden: frozenset[int] = frozenset()
) -> Float32[ndarray, "height width"]:
    """Optical thickness of the spray before each pixel; zero on dry roads.

    Args:
        instant: the world.
        camera: the view.
        seen: distance to what each pixel shows, along its ray [m].
        hidden: actors that throw none.
    """
    thickness = np.zeros((camera.height, camera.width), np.float32)
    water = water_thrown(instant.weather)
    if water <= 0:
        return thickness
    to_camera = np.linalg.inv(camera.camera_to_world)
    for actor in instant.actors:
        pace = (abs(actor.speed) - SLOWEST) / (FASTEST - SLOWEST)
        if actor.blueprint.startswith("vehicle.") and pace > 0 and actor.id not in hidden:
            strength = water * min(pace, 1.0)
            for centre, radius, density in _puffs(actor, strength, instant.frame):
                place = to_camera[:3, :3] @ centre + to_camera[:3, 3]
                if 1.0 < _reach(camera, place) < FARTHEST:
                    _add(thickness, camera, seen, place, radius, density)
    return thickness


def _puffs(actor: ActorState, strength: float, frame: int) -> list[tuple[Float[ndarray, "3"], float, float]]:
    """Middle (renderer axes), radius [m] and optical thickness of an actor's billows."""
    rng = np.random.default_rng([actor.id, frame, 43])
    half_length, half_width, half_height = EXTENTS.get(actor.blueprint, (2.3, 0.95, 0.75))
    matrix = pose_matrix(actor.pose)
    size = 0.3 + 0.35 * half_height
    found = []
    for side in (-1.0, 1.0):
        for k in range(PUFFS):
            share = (k + rng.uniform(0, 1)) / PUFFS
            behind = share * LENGTH * (0.35 + 0.65 * strength)
            radius = size * (0.45 + 1.1 * share) * rng.uniform(0.8, 1.2)
            local = (
                -0.55 * half_length - behind,
                side * half_width * (0.8 + 0.35 * share) + rng.normal(0, 0.12),
                radius * 0.7 + 0.4 * share * half_height + rng.normal(0, 0.08),
            )
            density = THICKNESS * strength * (1 - share) ** 1.3 * rng.uniform(0.5, 1.0)
            found.append((matrix[:3, :3] @ local + matrix[:3, 3], float(radius), float(density)))
    return found


def _reach(camera: Camera, place: Float[ndarray, "3"]) -> float:
    """How far off a lens draws things at a place as small as they are, camera axes [m]."""
    return float(np.linalg.norm(place) if camera.lens == "fisheye" else place[2])


def _add(
    thickness: Float32[ndarray, "height width"],
    camera: Camera,
    seen: Float[ndarray, "height width"],
    place: Float[ndarray, "3"],
    radius: float,
    density: float,
) -> None:
    """Add one round, soft billow in camera axes; what stands before its middle hides it, what stands in it half."""
    column, row = camera.draw(place[None])[0]
    if not np.isfinite(column):
        return
    size = max(radius * float(camera.intrinsics[0, 0]) / _reach(camera, place), 0.7)
    x0, x1 = (int(np.clip(column + k * 2.2 * size, 0, camera.width)) for k in (-1, 1))
    y0, y1 = (int(np.clip(row + k * 2.2 * size, 0, camera.height)) for k in (-1, 1))
    if x1 <= x0 or y1 <= y0:
        return
    x = np.exp(-(((np.arange(x0, x1) + 0.5 - column) / size) ** 2))
    y = np.exp(-(((np.arange(y0, y1) + 0.5 - row) / size) ** 2))
    before = np.clip((seen[y0:y1, x0:x1] - np.linalg.norm(place)) / (2 * radius) + 0.5, 0, 1)
    thickness[y0:y1, x0:x1] += (density * y[:, None] * x[None] * before).astype(np.float32)
