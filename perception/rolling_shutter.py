"""A sensor that reads its rows one after the other while the camera moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class RollingShutter:
    """The motion of a camera while a picture is read; the camera's own pose is that of the middle row.

    Attributes:
        readout: time from the top of the picture to its bottom [s].
        velocity: of the optical centre, world axes [m/s].
        spin: angular velocity, right-handed about world axes [rad/s].
    """

    readout: float
    velocity: Triple
    spin: Triple

    def times(self, rows: Float[ndarray, "n"], height: int) -> Float[ndarray, "n"]:
        """When rows [px from the top] are read, from the middle one [s]; rows outside count as the nearest inside."""
        share = np.clip(np.where(np.isfinite(rows), rows, height / 2) / height, 0, 1)
        return np.asarray((share - 0.5) * self.readout)

    def shift(self, times: Float[ndarray, "n"]) -> Float[ndarray, "n 3"]:
        """How far the optical centre has moved [m]."""
        return np.asarray(times[:, None] * np.array(self.velocity))

    def turned(self, vectors: Float[ndarray, "n 3"], times: Float[ndarray, "n"]) -> Float[ndarray, "n 3"]:
        """World vectors turned with the camera (Rodrigues' formula)."""
        spin = np.array(self.spin)
        rate = float(np.linalg.norm(spin))
        if rate == 0:
            return vectors
        axis, angle = spin / rate, (rate * times)[:, None]
        along = (vectors @ axis)[:, None] * axis
        return np.asarray(
            vectors * np.cos(angle) + np.cross(axis, vectors) * np.sin(angle) + along * (1 - np.cos(angle))
        )
