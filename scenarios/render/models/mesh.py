"""What a model is: parts with one material each, and joints that say how wheels roll and limbs swing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int32
from numpy import ndarray

Vector = tuple[float, float, float]
Color = tuple[float, float, float]

MATERIALS: frozenset[str] = frozenset(
    {
        "body",  # car paint, clear-coated
        "glass",  # windows: dark, mirror-like
        "plastic",  # bumpers, sills, wheel wells, grilles: dark and dull
        "housing",  # painted metal or plastic of props, boxes, lamp heads
        "tyre",
        "rim",
        "metal",
        "pole",  # galvanised or painted poles
        "headlight",
        "taillight",
        "brakelight",
        "indicator",
        "plate",
        "skin",
        "hair",
        "cloth_a",  # coats, dresses, shirts
        "cloth_b",  # trousers, skirts
        "shoe",
        "bark",
        "leaf",  # deciduous foliage, bushes
        "needle",  # conifers
        "cone",
        "reflector",
        "sign",
        "sign_red",
        "sign_blue",
        "sign_yellow",
        "sign_back",
        "lamp_red",  # traffic light lenses
        "lamp_yellow",
        "lamp_green",
        "lamp",  # street lamp glass
    }
)
"""Every material that a part may name, a subset of the renderer's. A part's colour replaces the material's own."""


@dataclass(frozen=True)
class Joint:
    """How a part moves about a fixed line.

    Attributes:
        kind: "wheel" rolls by travelled / pivot height; "steer_wheel" rolls and turns about the vertical with the
            steering; "crank" turns as a wheel does, but at pedals; "steer" only turns; "swing" goes back and forth
            with the steps; "bend" only one way (knees); "pedal" swings as far at any speed, as feet on pedals must.
        pivot: a point on the axis, in the model's axes [m].
        axis: unit direction of the axis; a positive angle turns by the right-hand rule.
        phase: of a swing, in the cycle of two steps [rad].
        amplitude: of a swing [rad].
        period: path length of one cycle (two steps) [m]; wheels: pivot's height over the ground [m], their radius;
            cranks: path length of one radian [m].
        parent: the joint that carries this one (the hip carries the knee).
    """

    kind: str
    pivot: Vector
    axis: Vector = (0.0, 1.0, 0.0)
    phase: float = 0.0
    amplitude: float = 0.0
    period: float = 1.0
    parent: Joint | None = None

    def matrix(self, travelled: float, steer: float = 0.0, gait: float = 1.0) -> Float[ndarray, "4 4"]:
        """Return the transform from the part at rest to the part in motion, both in the model's axes.

        Args:
            travelled: path length since spawn [m].
            steer: front wheel angle, positive to the right as CARLA's [deg].
            gait: share of the full swing, 0 standing to 1 walking.
        """
        angle, turn = 0.0, 0.0
        if self.kind in {"wheel", "steer_wheel", "crank"}:
            angle = travelled / self.period
        if self.kind in {"steer", "steer_wheel"}:
            turn = -math.radians(steer)
        if self.kind in {"swing", "bend", "pedal"}:
            wave = math.sin(2 * math.pi * travelled / self.period + self.phase)
            share = 1.0 if self.kind == "pedal" else gait
            angle = share * self.amplitude * (max(wave, 0.0) if self.kind == "bend" else wave)
        local: Float[ndarray, "4 4"] = _about(self.pivot, (0.0, 0.0, 1.0), turn) @ _about(self.pivot, self.axis, angle)
        if self.parent is None:
            return local
        carried: Float[ndarray, "4 4"] = self.parent.matrix(travelled, steer, gait) @ local
        return carried


@dataclass(frozen=True)
class Part:
    """One piece of one material.

    Attributes:
        name: what it is, such as "wheel_front_left".
        vertices: positions [m].
        faces: vertex indices, counter-clockwise seen from outside.
        material: one of `MATERIALS`.
        joint: how it moves, None for what is fixed to the body.
        smooth: interpolate normals across faces.
        color: linear RGB reflectance that replaces the material's own, None to keep it.
    """

    name: str
    vertices: Float32[ndarray, "n 3"]
    faces: Int32[ndarray, "m 3"]
    material: str
    joint: Joint | None = None
    smooth: bool = True
    color: Color | None = None


@dataclass(frozen=True)
class Model:
    """A thing to draw: its parts, in the actor's own axes about CARLA's origin."""

    parts: tuple[Part, ...]

    def bounds(self) -> Float[ndarray, "2 3"]:
        """Return the lowest and the highest corner of all parts at rest [m]."""
        corners = np.concatenate([part.vertices for part in self.parts]).astype(float)
        return np.stack([corners.min(axis=0), corners.max(axis=0)])

    def triangles(self) -> int:
        """Return how many faces all parts have together."""
        return sum(len(part.faces) for part in self.parts)


def moved(parts: Iterable[Part], offset: Vector) -> tuple[Part, ...]:
    """Return the parts, and the joints they hang on, shifted."""
    shift = np.array(offset, dtype=np.float32)
    return tuple(replace(p, vertices=p.vertices + shift, joint=_shifted(p.joint, offset)) for p in parts)


def _shifted(joint: Joint | None, offset: Vector) -> Joint | None:
    if joint is None:
        return None
    x, y, z = (a + b for a, b in zip(joint.pivot, offset, strict=True))
    return replace(joint, pivot=(x, y, z), parent=_shifted(joint.parent, offset))


def _about(pivot: Vector, axis: Vector, angle: float) -> Float[ndarray, "4 4"]:
    """Rotation by `angle` [rad] about the line through `pivot` along `axis` (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] += math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    matrix[:3, 3] = np.array(pivot) - matrix[:3, :3] @ np.array(pivot)
    return matrix
