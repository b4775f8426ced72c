"""Cars, vans and buses: a body from its profile, a cabin of glass and pillars, lamps, plates, mirrors, wheels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models import shapes
from scenarios.render.models.cabin import cabin_parts
from scenarios.render.models.car_body import ROWS, BodyShape
from scenarios.render.models.car_face import arches, face_parts
from scenarios.render.models.car_profiles import Profile
from scenarios.render.models.fittings import Livery, livery_parts, roof_rails
from scenarios.render.models.mesh import Color, Part
from scenarios.render.models.wheels import wheel

RAILED_FROM, RAILED, CLAD, LONGEST_CAR = 0.38, 0.6, 0.7, 5.7
"""Wheel radius [m] from which a body up to LONGEST_CAR [m] may have roof rails and clad sills, and how often it has."""
CLAD_ROWS = 2
"""How many of the lowest rows are dark where the sills are clad."""


def car(
    profile: Profile,
    extent: tuple[float, float, float],
    paint: Color,
    seed: int,
    livery: Livery | None = None,
) -> tuple[Part, ...]:
    """Build a vehicle whose body is of one piece.

    Args:
        profile: its side.
        extent: half sizes, mirrors included [m].
        paint: linear RGB of the body.
        seed: varies rims, grille and plates.
        livery: of a vehicle that wears the colours of its trade.
    """
    rng = np.random.default_rng(seed)
    half_width = max(0.87 * extent[1], min(extent[1] - 0.06, 0.9)) if extent[1] < 1.25 else extent[1] - 0.03
    rise = 0.0 if livery is None else livery.rise
    shape = BodyShape(profile, 2 * extent[0], half_width, 2 * extent[2] - rise)
    is_tall = profile.wheel >= RAILED_FROM and shape.length < LONGEST_CAR
    clad = is_tall and rng.random() < CLAD
    parts = _shell(shape, paint, clad=clad) + cabin_parts(shape, paint) + face_parts(shape, rng)
    parts += [_seams(shape), _underbody(shape), _plates(shape)]
    if clad:
        parts.append(shapes.part("arches", arches(shape), "plastic"))
    parts += _mirrors(shape, extent[1], paint if rng.random() < 0.7 else None)
    if livery is not None:
        parts += livery_parts(shape, livery)
    elif is_tall and profile.rear_window and rng.random() < RAILED:
        parts.append(roof_rails(shape))
    return (*parts, *_wheels(shape, int(rng.integers(5, 10)), profile.wheel))


def _shell(shape: BodyShape, paint: Color, *, clad: bool) -> list[Part]:
    """Both sides, bonnet, deck and the flat strip below the cabin; a `clad` one has wide dark sills."""
    left = shape.side
    ring = np.concatenate([left, left[:, ::-1] * (1.0, -1.0, 1.0)], axis=1)
    painted = np.ones((len(ROWS) - 1, ring.shape[1]), dtype=bool)
    painted[: CLAD_ROWS if clad else 1] = False
    parts = [
        shapes.part("shell_body", shapes.grid_cells(ring, painted), "body", smooth=shape.profile.smooth, color=paint),
        shapes.part("shell_plastic", shapes.grid_cells(ring, ~painted), "plastic", smooth=False),
    ]
    across = np.array([1, 0.85, 0.5, 0, -0.5, -0.85, -1])
    lid = shape.shoulder[:, None] * np.stack([np.ones(7), across, np.ones(7)], axis=-1)
    lid[:, :, 2] += shape.crown(shape.stations)[:, None] * (1 - across**2)
    parts.append(shapes.part("lids", shapes.grid(lid[:, ::-1]), "body", smooth=shape.profile.smooth, color=paint))
    return parts


def _underbody(shape: BodyShape) -> Part:
    """Close the body from below; over the axles it rises to the arches and so makes the wheel wells."""
    low = shape.side[0]
    strip = low[:, None] * np.array([[1, -1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    return shapes.part("underbody", shapes.grid(strip[:, ::-1]), "plastic", smooth=False)


def _on_side(shape: BodyShape, x: float, low: float, high: float, out: float) -> Float[ndarray, "n 3"]:
    """Points up the left side at x between two heights, `out` metres in front of it."""
    z = np.linspace(low, high, 6)
    points: Float[ndarray, "n 3"] = shape.at(np.full(6, x), z) + np.array([0.0, out, 0.0])
    return points


def _seams(shape: BodyShape) -> Part:
    """Draw the gaps between the doors as dark lines, and the handles."""
    pieces, width = [], 0.012
    for u in shape.profile.doors:
        x = shape.x(u)
        top = float(shape.top(np.array([x]))[0])
        low = float(shape.bottom(np.array([x]))[0]) + 0.06
        strip = np.stack([_on_side(shape, x - dx, low, top - 0.02, 0.004) for dx in (width / 2, -width / 2)], axis=1)
        pieces += [shapes.grid(strip[:, ::-1])]
        if u > 0.3:
            handle = shape.at(np.array([x + 0.13]), np.array([0.87 * top]))[0]
            pieces.append(
                shapes.box((float(handle[0]), float(handle[1]) + 0.01, float(handle[2])), (0.16, 0.03, 0.025))
            )
    left = shapes.join(*pieces)
    return shapes.part("seams", shapes.join(left, shapes.mirrored(left)), "plastic", smooth=False)


def _plates(shape: BodyShape) -> Part:
    half = shape.length / 2
    high = shape.profile.clearance + 0.28 * (shape.height * shape.profile.nose - shape.profile.clearance)
    rear = shape.profile.clearance + 0.52 * (shape.height * shape.profile.tail - shape.profile.clearance)
    front = shapes.box((half, 0, high), (0.036, 0.52, 0.11))
    return shapes.part(
        "plates", shapes.join(front, shapes.box((-half + 0.012, 0, rear), (0.06, 0.52, 0.11))), "plate", smooth=False
    )


def _mirrors(shape: BodyShape, reach: float, paint: Color | None) -> list[Part]:
    """Put a mirror at each front window's foot, reaching to the vehicle's full width."""
    p = shape.profile
    x = shape.x(p.glass[0] + 0.35 * (p.glass[1] - p.glass[0])) - 0.05
    z = shape.height * p.belt + 0.10
    size = 0.09 if shape.length < 5.5 else 0.14
    thick = min(0.12, max(0.06, (reach - 0.8 * shape.half_width) / 2))
    ball = shapes.ellipsoid((0, 0, 0), (1, 1, 1), sides=12, rings=6)
    blunt = np.sign(ball.vertices) * np.abs(ball.vertices) ** 0.6
    body = shapes.Mesh(blunt / np.abs(blunt).max(axis=0) * (0.07, thick, size) + (x, reach - thick, z), ball.faces)
    face = shapes.box((x - 0.055, reach - thick, z), (0.01, 1.3 * thick, 1.2 * size))
    stalk = shapes.box((x, reach - 2 * thick, z - 0.06), (0.05, 2.2 * thick, 0.03))
    dark = shapes.join(stalk, shapes.mirrored(stalk))
    return [
        shapes.part(
            "mirrors", shapes.join(body, shapes.mirrored(body)), "plastic" if paint is None else "body", color=paint
        ),
        shapes.part("mirror_stalks", dark, "plastic", smooth=False),
        shapes.part("mirror_glass", shapes.join(face, shapes.mirrored(face)), "glass", smooth=False),
    ]


def _wheels(shape: BodyShape, spokes: int, radius: float) -> list[Part]:
    parts = []
    width = 0.62 * radius
    for end, axle in zip(("front", "rear"), shape.axles, strict=True):
        for side, sign in (("left", 1), ("right", -1)):
            y = sign * (shape.half_width - width / 2 - 0.015)
            parts += wheel(
                f"wheel_{end}_{side}", (axle, y, radius), radius, width, steered=end == "front", spokes=spokes
            )
    return parts
