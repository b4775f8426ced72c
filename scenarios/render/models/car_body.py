"""The shape of a car's body: one closed ring of plan outline, carried from the sills up to the shoulder.

Stations run along the left side from the nose to the tail; rows run from the sill (0) to the shoulder (last). The side
at a station and height is `half_width(x)` less an inset that depends on the height, so wheel arches only cut its edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models.car_profiles import Profile

ROWS = np.array([0.0, 0.16, 0.42, 0.60, 0.80, 0.92, 1.0])
"""Heights of the rows between a station's lower and upper edge, as shares."""

SQUARENESS = 2.7  # exponent of the plan outline's corners; 2 is an ellipse
_ARCH_GAP = 0.05  # between tyre and wheel arch [m]
CROWN = 0.035  # how far bonnet and deck rise towards the middle [m]


@dataclass(frozen=True)
class BodyShape:
    """A profile at one vehicle's size.

    Attributes:
        profile: the side profile.
        length: of the vehicle [m].
        half_width: of the body without mirrors [m].
        height: of the vehicle [m].
    """

    profile: Profile
    length: float
    half_width: float
    height: float

    def x(self, u: float) -> float:
        """Position along the vehicle of share `u` of its length [m]; the nose is at +length / 2."""
        return self.length * (0.5 - u)

    @property
    def axles(self) -> tuple[float, float]:
        """Position of the front and the rear axle [m]."""
        return self.x(self.profile.axles[0]), self.x(self.profile.axles[1])

    def plan(self, x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """Half width of the outline at x [m]: full along the doors, rounded to the nose and the tail."""
        t = self._end_share(x)
        return self.half_width * (1 - t**SQUARENESS) ** (1 / SQUARENESS)

    def _end_share(self, x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """0 along the doors, rising to 1 at the nose's and the tail's middle."""
        half = self.length / 2
        front = (x - half + self.profile.round_nose) / self.profile.round_nose
        rear = (-x - half + self.profile.round_tail) / self.profile.round_tail
        return np.clip(np.maximum(front, rear), 0.0, 1.0)

    def top(self, x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """Height of the shoulder at x [m]."""
        p = self.profile
        u = 0.5 - x / self.length
        known_u = [0.0, 0.12 * p.glass[0] + 0.02, p.glass[0], (p.glass[0] + p.glass[3]) / 2, p.glass[3], 1.0]
        rise = p.nose + 0.45 * (p.cowl - p.nose)
        return self.height * np.interp(u, known_u, [p.nose, rise, p.cowl, p.belt, p.deck, p.tail])

    def bottom(self, x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """Height of the lower edge at x [m]: the sills, the arches over the wheels, the rise under both ends."""
        sill = self.profile.clearance + 0.06 * self._end_share(x)
        radius = self.profile.wheel + _ARCH_GAP
        for axle in self.axles:
            under = radius**2 - (x - axle) ** 2
            sill = np.where(under >= -1e-9, self.profile.wheel + np.sqrt(np.maximum(under, 0.0)), sill)
        return sill

    @cached_property
    def stations(self) -> Float[ndarray, "n"]:
        """Where the body is cut across, from nose to tail [m]."""
        half, radius = self.length / 2, self.profile.wheel + _ARCH_GAP
        shares = np.array([0.16, 0.36, 0.56, 0.72, 0.84, 0.93])
        depth = (1 - shares**SQUARENESS) ** (1 / SQUARENESS)
        nose = half - self.profile.round_nose * (1 - depth)
        tail = -half + self.profile.round_tail * (1 - depth)
        arches = [axle + radius * np.cos(np.linspace(0, math.pi, 9)) for axle in self.axles]
        edges = [[axle + radius + 0.004, axle - radius - 0.004] for axle in self.axles]
        doors = np.linspace(self.axles[0] - radius, self.axles[1] + radius, 5 if self.length < 8 else 9)[1:-1]
        found = np.sort(np.concatenate([nose, tail, *arches, *edges, doors]))[::-1]
        keep = np.append(found[:-1] - found[1:] > 0.003, True)
        return np.asarray(found[keep])

    @cached_property
    def side(self) -> Float[ndarray, "rows n 3"]:
        """The left side, from the sill to the shoulder [m]."""
        x = self.stations
        low, high = self.bottom(x), self.top(x)
        return np.stack([self.at(x, low + share * (high - low)) for share in ROWS])

    def at(self, x: Float[ndarray, "n"], z: Float[ndarray, "n"]) -> Float[ndarray, "n 3"]:
        """Points of the left side at stations x and heights z [m]; the nose's slant moves them back."""
        sill, high = self.profile.clearance, self.top(x)
        h = np.clip((z - sill) / (high - sill), 0.0, 1.0)
        side_inset = np.interp(h, (0, 0.15, 0.40, 0.62, 0.80, 0.93, 1), (0.05, 0.012, 0, 0.008, 0.03, 0.055, 0.10))
        end_inset = np.interp(h, (0, 0.12, 0.25, 0.45, 0.70, 0.90, 1), (0.45, 0.06, 0, 0, 0.22, 0.55, 1.0))
        share = self._end_share(x) ** 2
        slant = self.profile.slant * np.where(x > 0, 1.0, 0.5)
        scale = min(1.0, self.half_width / 0.9) * np.where(h > 0.4, self.profile.shoulder, 1.0)
        y = np.maximum(self.plan(x) - side_inset * scale, 0.02)
        return np.stack([x - np.sign(x) * share * slant * end_inset, y, z], axis=-1)

    @cached_property
    def shoulder(self) -> Float[ndarray, "n 3"]:
        """The left upper edge [m]."""
        edge: Float[ndarray, "n 3"] = self.side[-1]
        return edge

    def crown(self, x: Float[ndarray, "n"]) -> Float[ndarray, "n"]:
        """How far bonnet and deck rise from the shoulder to the middle at x [m]; nothing at both ends."""
        return CROWN * (1 - self._end_share(x) ** 2)
