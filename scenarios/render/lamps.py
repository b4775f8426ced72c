"""Lamps that light the scene: headlamps and street lamps, and what the glowing faces look like."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.instant import Instant
from scenarios.render.actors import HIGH_BEAM, LOW_BEAM
from scenarios.render.frames import pose_matrix
from scenarios.render.materials import LAMP_KINDS
from scenarios.weather import Weather

_GLOW = {
    "headlight": (2.2, 2.1, 1.8),
    "taillight": (0.16, 0.008, 0.006),
    "brakelight": (0.9, 0.04, 0.025),
    "indicator": (1.0, 0.38, 0.02),
    "lamp_red": (1.1, 0.06, 0.03),
    "lamp_yellow": (1.1, 0.62, 0.04),
    "lamp_green": (0.08, 0.95, 0.5),
    "streetlamp": (1.6, 1.3, 0.85),
    "tunnel": (1.2, 1.05, 0.75),
    "window": (0.05, 0.035, 0.018),
}
LAMP_COLORS = np.array([_GLOW.get(kind, (0.0, 0.0, 0.0)) for kind in LAMP_KINDS])
"""Radiance of each kind in the sky's units (a sunlit white wall at noon is about 0.4)."""
HEADLAMP = np.array([3.2, 3.1, 2.8])
STREET_LAMP = np.array([1.5, 1.15, 0.75])
NEAREST = 10
"""Most lamps of each sort that light a picture."""


def is_dark(weather: Weather) -> bool:
    """Whether street lamps are on."""
    return weather.sun_altitude_angle < -1


def season_of(weather: Weather) -> str:
    """Whether trees bear leaves."""
    return "winter" if weather.snow_cover > 0 or weather.temperature < 4 else "summer"


def scenery_bits(weather: Weather) -> int:
    """Lamp bits of the static world."""
    on = {"tunnel", "streetlamp", "window"} if is_dark(weather) else {"tunnel"}
    return sum(1 << LAMP_KINDS.index(kind) for kind in on)


def lamps_of(instant: Instant, street: Float[ndarray, "n 3"], eye: Float[ndarray, "3"]) -> Float[ndarray, "k 11"]:
    """Rows for the tracer, nearest to `eye` first: position, direction, intensity, cone's cosine, 1 for a low beam.

    By day headlamps are left out: against daylight they light nothing.
    """
    if not instant.weather.sun_altitude_angle < 0:
        return np.zeros((0, 11))
    rows = []
    for actor in instant.actors:
        if actor.lights & (LOW_BEAM | HIGH_BEAM):
            matrix = pose_matrix(actor.pose)
            place = matrix[:3, 3] + matrix[:3, :3] @ (2.3, 0.0, 0.75)
            aim = matrix[:3, :3] @ np.array([1.0, 0.0, -0.01])
            rows.append((*place, *aim, *HEADLAMP * 26, 0.45, 1.0))
    if is_dark(instant.weather):
        near = street[np.argsort(np.linalg.norm(street - eye, axis=1), kind="stable")[:NEAREST]]
        rows += [(*place, 0.0, 0.0, -1.0, *STREET_LAMP * 0.9, 0.2, 0.0) for place in near]
    found = np.array(rows, float).reshape(-1, 11)
    order = np.argsort(np.linalg.norm(found[:, :3] - eye, axis=1), kind="stable")
    return np.asarray(found[order[: 2 * NEAREST]])
