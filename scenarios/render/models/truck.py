"""Trucks: a cab over the engine, a frame, and what it carries: a box, or a fire engine's body and ladder."""

from __future__ import annotations

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Part
from scenarios.render.models.wheels import wheel

_RED: Color = (0.42, 0.012, 0.012)
_SILVER: Color = (0.42, 0.43, 0.44)


def truck(
    extent: tuple[float, float, float], paint: Color, seed: int, *, fire_engine: bool = False
) -> tuple[Part, ...]:
    """Build a truck.

    Args:
        extent: half sizes, mirrors included [m].
        paint: linear RGB of the cab; a fire engine is red.
        seed: varies the box's colour.
        fire_engine: with roller shutters, ladder and warning lights in place of a plain box.
    """
    rng = np.random.default_rng(seed)
    length, height, half = 2 * extent[0] - 0.04, 2 * extent[2], extent[1] - 0.14
    front = length / 2
    radius = 0.42 if length < 6 else 0.50
    cab_length = 0.29 * length if length < 6 else 2.3
    cab_height = 0.93 * height if length < 6 else 0.76 * height
    color = _RED if fire_engine else paint
    parts = _cab(front, cab_length, half, cab_height, radius, color)
    floor = radius * 1.75
    rear = front - cab_length - 0.12
    load: Color = (0.62, 0.62, 0.6) if rng.random() < 0.6 else (0.25, 0.04, 0.03)
    parts += _box(
        -front, rear, half, floor, height if not fire_engine else 0.93 * height, color if fire_engine else load
    )
    if fire_engine:
        parts += _fire_fittings(extent, half, rear, floor, cab_length, cab_height)
    parts += _frame(front, half, floor, cab_length)
    parts.append(_cab_arches(front - 0.62 * cab_length, half, radius))
    parts += _side_mirrors(extent, half, cab_length, cab_height)
    axles = (front - 0.62 * cab_length, -0.52 * front)
    for end, axle in zip(("front", "rear"), axles, strict=True):
        for side, sign in (("left", 1), ("right", -1)):
            hub = (axle, sign * (half - (0.10 if end == "front" else 0.17)), radius)
            parts += wheel(f"wheel_{end}_{side}", hub, radius, 0.3, steered=end == "front", spokes=8)
    return tuple(parts)


def _cab(front: float, length: float, half: float, height: float, radius: float, paint: Color) -> list[Part]:
    """The cab: side outline carried across, rounded at its edges, with glass set into its front and sides."""
    low, belt, back = 0.62 * radius, 0.53 * height, front - length
    outline = [(front - 0.04, low), (front, low + 0.1), (front, belt - 0.1), (front - 0.03, belt),
               (front - 0.2, height - 0.14), (front - 0.34, height), (back, height), (back, low)]  # fmt: skip
    sections = []
    for y, inset in (
        (half, 0.09),
        (half - 0.03, 0.03),
        (half - 0.1, 0.0),
        (-half + 0.1, 0.0),
        (-half + 0.03, 0.03),
        (-half, 0.09),
    ):
        ring = np.array([(x, y, z) for x, z in outline])
        middle = ring.mean(axis=0)
        shrink = np.sign(ring - middle) * inset
        sections.append(ring - shrink * (1, 0, 1))
    shell = shapes.loft(sections)
    parts = [shapes.part("cab", shell, "body", smooth=False, color=paint)]
    parts += _cab_glass(front, back, half, height, belt)
    grille = shapes.box((front, 0, (low + belt) / 2), (0.03, 1.3 * half, 0.4 * (belt - low)))
    bumper = shapes.box((front - 0.05, 0, low + 0.1), (0.12, 1.94 * half, 0.28))
    parts.append(shapes.part("cab_front", shapes.join(grille, bumper), "plastic", smooth=False))
    for name, material, size, y, z in (
        ("headlights", "headlight", (0.03, 0.3, 0.17), 0.8 * half, low + 0.36),
        ("indicators", "indicator", (0.03, 0.12, 0.09), 0.8 * half, low + 0.54),
    ):
        lamp = shapes.box((front + 0.005, y, z), size)
        parts.append(shapes.part(name, shapes.join(lamp, shapes.mirrored(lamp)), material, smooth=False))
    parts.append(
        shapes.part("plate_front", shapes.box((front + 0.008, 0, low + 0.1), (0.02, 0.52, 0.11)), "plate", smooth=False)
    )
    return parts


def _cab_arches(axle: float, half: float, radius: float) -> Part:
    """Dark wheel wells on the cab's sides, just behind the wheels' faces."""
    angle = np.linspace(0, np.pi, 10)
    low, reach = 0.5 * radius, 1.16 * radius
    arc = [(axle + reach * np.cos(a), half + 0.004, radius + reach * np.sin(a)) for a in angle]
    left = shapes.sheet([(axle + reach, half + 0.004, low), (axle - reach, half + 0.004, low), *arc[::-1]])
    return shapes.part("arches", shapes.join(left, shapes.mirrored(left)), "plastic", smooth=False)


def _cab_glass(front: float, back: float, half: float, height: float, belt: float) -> list[Part]:
    foot, head, out = (front - 0.025, belt + 0.05), (front - 0.185, height - 0.2), 0.012
    wide = half - 0.13
    screen = shapes.sheet(
        [
            (foot[0] + out, -wide, foot[1]),
            (foot[0] + out, wide, foot[1]),
            (head[0] + out, wide, head[1]),
            (head[0] + out, -wide, head[1]),
        ]
    )
    side = [
        (front - 0.24, belt + 0.06),
        (front - 0.36, height - 0.26),
        (back + 0.3, height - 0.26),
        (back + 0.3, belt + 0.06),
    ]
    left = shapes.sheet([(x, half + 0.006, z) for x, z in side[::-1]])
    glass = shapes.join(screen, left, shapes.mirrored(left))
    seam = shapes.box((back + 0.24, half, (belt + height) / 2 - 0.5), (0.02, 0.012, height - 1.1))
    handle = shapes.box((back + 0.36, half + 0.01, belt - 0.08), (0.16, 0.03, 0.03))
    dark = shapes.join(seam, handle)
    return [
        shapes.part("windows", glass, "glass", smooth=False),
        shapes.part("doors", shapes.join(dark, shapes.mirrored(dark)), "plastic", smooth=False),
    ]


def _box(rear: float, front: float, half: float, low: float, high: float, paint: Color) -> list[Part]:
    """The load's box with its edge rails, and the tail lamps on its frame."""
    middle = ((front + rear) / 2, 0.0, (low + high) / 2)
    body = shapes.box(middle, (front - rear, 2 * half, high - low - 0.02))
    rails = []
    for x in (front, rear):
        rails += [
            shapes.box((x + (0.02 if x == rear else -0.02), s * half, middle[2]), (0.05, 0.05, high - low))
            for s in (1, -1)
        ]
    for z in (low, high):
        rails += [
            shapes.box((middle[0], s * half, z + (0.02 if z == low else -0.02)), (front - rear, 0.05, 0.05))
            for s in (1, -1)
        ]
    doors = shapes.box((rear - 0.004, 0, middle[2]), (0.012, 0.025, high - low - 0.1))
    bars = [shapes.box((rear - 0.01, y, middle[2]), (0.02, 0.03, high - low - 0.2)) for y in (-0.3 * half, 0.3 * half)]
    parts = [
        shapes.part("box", body, "housing", smooth=False, color=paint),
        shapes.part("rails", shapes.join(*rails, *bars), "housing", smooth=False, color=_SILVER),
        shapes.part("door_gap", doors, "plastic", smooth=False),
    ]
    for name, material, y, width in (
        ("taillights", "taillight", 0.86, 0.16),
        ("brakelights", "brakelight", 0.68, 0.14),
    ):
        lamp = shapes.box((rear - 0.01, y * half, low - 0.12), (0.03, width * half * 1.6, 0.13))
        parts.append(shapes.part(name, shapes.join(lamp, shapes.mirrored(lamp)), material, smooth=False))
    plate = shapes.box((rear - 0.01, 0, low - 0.16), (0.02, 0.52, 0.11))
    return [*parts, shapes.part("plate_rear", plate, "plate", smooth=False)]


def _frame(front: float, half: float, floor: float, cab_length: float) -> list[Part]:
    beams = [shapes.box((-0.2, y, floor - 0.12), (1.93 * front - 0.3, 0.12, 0.22)) for y in (-0.4, 0.4)]
    bar = shapes.box((-front + 0.06, 0, floor - 0.16), (0.1, 1.96 * half, 0.2))
    guard = shapes.box((-0.12 * front, half - 0.06, 0.62 * floor), (0.55 * front, 0.06, 0.3))
    tank = shapes.box((front - cab_length - 0.45, half - 0.3, 0.62 * floor), (0.6, 0.45, 0.4))
    mesh = shapes.join(*beams, bar, guard, shapes.mirrored(guard), tank)
    return [shapes.part("frame", mesh, "plastic", smooth=False)]


def _side_mirrors(extent: tuple[float, float, float], half: float, cab_length: float, cab_height: float) -> list[Part]:
    x, z = extent[0] - 0.1 * cab_length, 0.66 * cab_height
    arm = shapes.box((x, (half + extent[1]) / 2, z + 0.16), (0.04, extent[1] - half, 0.03))
    head = shapes.box((x, extent[1] - 0.07, z), (0.09, 0.14, 0.38))
    left = shapes.join(arm, head)
    return [shapes.part("mirrors", shapes.join(left, shapes.mirrored(left)), "plastic", smooth=False)]


def _fire_fittings(
    extent: tuple[float, float, float], half: float, rear: float, floor: float, cab_length: float, cab_height: float
) -> list[Part]:
    """Shutters along the body, a pale stripe, the ladder on the roof, blue lights on the cab."""
    top = 0.93 * 2 * extent[2]
    step = (rear + extent[0] - 0.5) / 4
    shutters, slats = [], []
    for k in range(4):
        x = -extent[0] + 0.25 + (k + 0.5) * step
        shutters.append(
            shapes.box((x, half + 0.004, floor + 0.62 * (top - floor)), (0.86 * step, 0.012, 0.55 * (top - floor)))
        )
    stripe = shapes.box(
        (rear / 2 - extent[0] / 2, half + 0.004, floor + 0.22 * (top - floor)), (rear + extent[0], 0.012, 0.18)
    )
    slats += [
        shapes.box((-0.1 * extent[0], y, 2 * extent[2] - 0.12), (1.5 * extent[0], 0.06, 0.24)) for y in (-0.35, 0.35)
    ]
    slats += [
        shapes.box((x, 0, 2 * extent[2] - 0.16), (0.05, 0.7, 0.05)) for x in np.linspace(-0.8, 0.6, 14) * extent[0]
    ]
    lights = shapes.box((extent[0] - 0.45 * cab_length, 0, cab_height + 0.07), (0.3, 1.5 * half, 0.14))
    both = [shapes.join(mesh, shapes.mirrored(mesh)) for mesh in (shapes.join(*shutters), stripe)]
    return [
        shapes.part("shutters", both[0], "housing", smooth=False, color=_SILVER),
        shapes.part("stripe", both[1], "reflector", smooth=False),
        shapes.part("ladder", shapes.join(*slats), "metal", smooth=False),
        shapes.part("blue_lights", lights, "sign_blue", smooth=False),
    ]
