"""How a cyclist's legs follow the pedals: angles of hip and knee over one turn, as swings about their middle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models.mesh import Joint, Vector

CRANK = 0.165
"""Length of a pedal's arm [m]."""
DEVELOPMENT = 4.6
"""Path of one turn of the pedals [m]."""
THIGH, SHIN = 0.43, 0.44
"""Lengths of the leg [m]."""
_STEPS = 48


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg in the middle of its swing.

    Attributes:
        knee, ankle: places there [m].
        hip_joint, knee_joint: what moves thigh and shin.
    """

    knee: Float[ndarray, "3"]
    ankle: Float[ndarray, "3"]
    hip_joint: Joint
    knee_joint: Joint


def crank_joint(crank: Vector) -> Joint:
    """What turns the pedals."""
    return Joint("crank", crank, period=DEVELOPMENT / (2 * math.pi))


def leg(hip: Float[ndarray, "3"], crank: Vector, start: float) -> Leg:
    """The leg from a hip to the pedal that starts `start` [rad] past the front, by both angles' first harmonic."""
    turn = np.arange(_STEPS) / _STEPS * 2 * math.pi
    ankle_x = crank[0] + CRANK * np.cos(turn + start) - 0.04 - hip[0]
    ankle_z = crank[2] - CRANK * np.sin(turn + start) + 0.09 - hip[2]
    reach = np.minimum(np.hypot(ankle_x, ankle_z), 0.995 * (THIGH + SHIN))
    down = np.arctan2(-ankle_z, ankle_x)
    at_hip = np.arccos((THIGH**2 + reach**2 - SHIN**2) / (2 * THIGH * reach))
    at_knee = math.pi - np.arccos((THIGH**2 + SHIN**2 - reach**2) / (2 * THIGH * SHIN))
    thigh, bend = down - at_hip, at_knee
    hip_swing, knee_swing = _harmonic(turn, thigh), _harmonic(turn, bend)
    knee = hip + THIGH * np.array([math.cos(hip_swing[0]), 0.0, -math.sin(hip_swing[0])])
    shin = hip_swing[0] + knee_swing[0]
    ankle = knee + SHIN * np.array([math.cos(shin), 0.0, -math.sin(shin)])
    hip_joint = Joint("pedal", _point(hip), phase=hip_swing[2], amplitude=hip_swing[1], period=DEVELOPMENT)
    knee_joint = Joint("pedal", _point(knee), phase=knee_swing[2], amplitude=knee_swing[1], period=DEVELOPMENT,
                       parent=hip_joint)  # fmt: skip
    return Leg(knee, ankle, hip_joint, knee_joint)


def _harmonic(turn: Float[ndarray, "n"], angle: Float[ndarray, "n"]) -> tuple[float, float, float]:
    """Mean, amplitude and phase of the sine that is nearest to an angle over one turn [rad]."""
    mean = float(angle.mean())
    sine, cosine = (2 * float(((angle - mean) * wave).mean()) for wave in (np.sin(turn), np.cos(turn)))
    return mean, math.hypot(sine, cosine), math.atan2(cosine, sine)


def _point(place: Float[ndarray, "3"]) -> Vector:
    return float(place[0]), float(place[1]), float(place[2])
