"""What makes the front and the rear of a car: lamp units, grille, intakes, badges, bumpers, shut lines.

All are patches that lie a few millimetres before the body's skin, so they fit every profile.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models import shapes
from scenarios.render.models.car_body import SQUARENESS, BodyShape
from scenarios.render.models.mesh import Part

Span = tuple[float, float]


def face_parts(shape: BodyShape, rng: np.random.Generator) -> list[Part]:
    """Build front and rear details, varied by the seed."""
    by_material: dict[str, list[shapes.Mesh]] = {}
    for material, mesh in [*_front(shape, rng), *_rear(shape, rng), *_bonnet(shape)]:
        by_material.setdefault(material, []).append(mesh)
    return [
        shapes.part(f"face_{material}", shapes.join(*meshes), material, smooth=material == "glass")
        for material, meshes in by_material.items()
    ]


def _front(shape: BodyShape, rng: np.random.Generator) -> list[tuple[str, shapes.Mesh]]:
    style, slant = int(rng.integers(4)), float(rng.uniform(0.0, 0.07))
    inner = float(rng.uniform(0.50, 0.60))
    lamp = _both(shape, 1, (inner, 0.985), (0.62 - slant, 0.63 + slant), (0.81, 0.80 + slant), 0.006)
    glow = _both(shape, 1, (inner + 0.07, 0.93), (0.67 - slant / 2, 0.67 + slant), (0.78, 0.77 + slant), 0.011)
    found = [("glass", lamp), ("headlight", glow)]
    turn = _both(shape, 1, (inner + 0.04, 0.97), (0.60 - slant, 0.605 + slant), (0.625 - slant, 0.63 + slant), 0.012)
    found.append(("indicator", turn))
    width = shape.profile.grille
    if width:
        low, high = ((0.52, 0.80), (0.40, 0.82), (0.58, 0.74), (0.46, 0.78))[style]
        half = min(inner - 0.05, width * (0.9, 0.75, 1.0, 0.85)[style])
        found.append(("plastic", patch(shape, 1, (-half, half), (low, low), (high, high), 0.007)))
        bars = np.linspace(low, high, (4, 6, 3, 5)[style])
        found += [("metal" if style % 2 or k in {0, len(bars) - 1} else "housing",
                   patch(shape, 1, (-half, half), (bar - 0.012, bar - 0.012), (bar + 0.012, bar + 0.012), 0.014))
                  for k, bar in enumerate(bars)]  # fmt: skip
    found.append(("plastic", patch(shape, 1, (-0.62, 0.62), (0.10, 0.10), (0.30, 0.30), 0.006)))
    found.append(("housing", patch(shape, 1, (-0.60, 0.60), (0.19, 0.19), (0.21, 0.21), 0.012)))
    found.append(("plastic", _both(shape, 1, (0.70, 0.93), (0.14, 0.17), (0.34, 0.36), 0.006)))
    found.append(("metal", _both(shape, 1, (0.77, 0.83), (0.22, 0.22), (0.28, 0.28), 0.012)))
    found.append(("metal", patch(shape, 1, (-0.055, 0.055), (0.72, 0.72), (0.79, 0.79), 0.018)))
    return found


def _rear(shape: BodyShape, rng: np.random.Generator) -> list[tuple[str, shapes.Mesh]]:
    style = int(rng.integers(4))
    across, low, high = (
        ((0.60, 0.99), 0.62, 0.86),
        ((0.76, 0.99), 0.46, 0.95),
        ((0.48, 0.99), 0.70, 0.86),
        ((0.66, 0.99), 0.56, 0.90),
    )[style]
    a, b = across
    mid, third = (low + high) / 2, a + 0.38 * (b - a)
    found = [("glass", _both(shape, -1, (a - 0.02, b), (low - 0.02, low - 0.02), (high + 0.02, high + 0.02), 0.005))]
    if style == 1:
        pieces = (("taillight", (a, b), (low, mid)), ("brakelight", (a, b), (mid + 0.02, high - 0.11)),
                  ("indicator", (a, b), (high - 0.09, high)))  # fmt: skip
    else:
        pieces = (("taillight", (third + 0.02, b), (low, high)), ("brakelight", (a, third), (mid, high)),
                  ("indicator", (a, third), (low, mid - 0.02)))  # fmt: skip
    found += [(kind, _both(shape, -1, span, (z[0], z[0]), (z[1], z[1]), 0.011)) for kind, span, z in pieces]
    if style == 2:
        found.append(("plastic", patch(shape, -1, (-a, a), (0.74, 0.74), (0.81, 0.81), 0.008)))
    found.append(("plastic", patch(shape, -1, (-0.33, 0.33), (0.41, 0.41), (0.63, 0.63), 0.004)))
    found.append(("plastic", patch(shape, -1, (-0.84, 0.84), (0.0, 0.0), (0.20, 0.20), 0.007)))
    found.append(("taillight", _both(shape, -1, (0.70, 0.86), (0.24, 0.24), (0.27, 0.27), 0.009)))
    found.append(("plastic", patch(shape, -1, (-0.97, 0.97), (0.375, 0.375), (0.39, 0.39), 0.004)))
    found.append(("plastic", _both(shape, -1, (a - 0.035, a - 0.022), (0.39, 0.39), (0.98, 0.98), 0.004)))
    found.append(("metal", patch(shape, -1, (-0.05, 0.05), (0.70, 0.70), (0.77, 0.77), 0.014)))
    return found


def _bonnet(shape: BodyShape) -> list[tuple[str, shapes.Mesh]]:
    """The gap between bonnet and wings."""
    x = np.linspace(shape.length / 2 - 0.75 * shape.profile.round_nose, shape.x(shape.profile.glass[0]) - 0.02, 9)
    if x[0] - x[-1] < 0.3:
        return []
    edge = shape.at(x, shape.top(x))
    rows = []
    for share in (0.905, 0.895):
        row = edge * (1.0, share, 1.0)
        row[:, 2] += shape.crown(x) * (1 - share**2) + 0.004
        rows.append(row)
    left = shapes.grid(np.stack(rows))
    return [("plastic", shapes.join(left, shapes.mirrored(left)))]


def arches(shape: BodyShape) -> shapes.Mesh:
    """Cladding round the wheel arches."""
    angle = np.linspace(0.06, np.pi - 0.06, 13)
    rings = []
    for axle in shape.axles:
        rows = []
        for radius in (shape.profile.wheel + 0.052, shape.profile.wheel + 0.115):
            x, z = axle + radius * np.cos(angle), shape.profile.wheel + radius * np.sin(angle)
            rows.append(shape.at(x, np.minimum(z, 0.97 * shape.top(x))) + np.array([0.0, 0.012, 0.0]))
        rings.append(shapes.grid(np.stack(rows)[:, ::-1]))
    left = shapes.join(*rings)
    return shapes.join(left, shapes.mirrored(left))


def _both(shape: BodyShape, end: int, across: Span, low: Span, high: Span, out: float) -> shapes.Mesh:
    left = patch(shape, end, across, low, high, out)
    return shapes.join(left, shapes.mirrored(left))


def patch(shape: BodyShape, end: int, across: Span, low: Span, high: Span, out: float) -> shapes.Mesh:
    """Span a sheet `out` metres before the nose (`end` 1) or the tail (-1).

    Args:
        shape: the body.
        end: 1 for the nose, -1 for the tail.
        across: where it begins and ends, shares of the half width, positive to the left.
        low: its lower edge at both ends, shares of the height from sill to shoulder there.
        high: its upper edge, likewise.
        out: distance to the skin [m].
    """
    count = max(3, int(np.ceil((across[1] - across[0]) / 0.12)) + 1)
    share = np.linspace(*across, count)
    bottom, top = (np.interp(share, across, edge) for edge in (low, high))
    rows = [_skin(shape, end, share, bottom + k * (top - bottom), out) for k in (0.0, 0.5, 1.0)]
    points = np.stack(rows)
    return shapes.grid(points if end > 0 else points[:, ::-1])


def _skin(
    shape: BodyShape, end: int, share: Float[ndarray, "n"], height: Float[ndarray, "n"], out: float
) -> Float[ndarray, "n 3"]:
    """Points before the skin at shares of the half width and of the height."""
    p = shape.profile
    round_off = p.round_nose if end > 0 else p.round_tail
    wide = np.minimum(np.abs(share), 0.999)
    t = (1 - wide**SQUARENESS) ** (1 / SQUARENESS)
    x = end * (shape.length / 2 - round_off * (1 - t))
    z = p.clearance + height * (shape.top(x) - p.clearance)
    points = shape.at(x, z)
    normal = np.stack([end * t ** (SQUARENESS - 1) / round_off, wide ** (SQUARENESS - 1) / shape.half_width], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    points[:, :2] += out * normal
    points[:, 1] *= np.sign(share)
    middle = np.abs(share) < 1e-9
    points[middle, 1] = 0.0
    return points
