"""Bicycles and motorcycles with their riders."""

from __future__ import annotations

import math

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Joint, Part, Vector
from scenarios.render.models.pedalling import CRANK, crank_joint
from scenarios.render.models.people import rider

Extent = tuple[float, float, float]


def bicycle(extent: Extent, paint: Color, seed: int, *, upright: bool = False) -> tuple[Part, ...]:
    """Build a bicycle and its rider.

    Args:
        extent: half sizes, rider included [m].
        paint: linear RGB of the frame.
        seed: the rider's clothes.
        upright: a town bicycle with high handlebar, mudguards and no helmet.
    """
    radius = min(0.35, 0.42 * extent[0])
    front, rear = extent[0] - radius, -extent[0] + radius
    saddle = (rear + 0.22, 0.0, min(0.98, 1.12 * extent[2]))
    grip = (front - (0.16 if upright else 0.06), extent[1] - 0.04, saddle[2] + (0.10 if upright else 0.0))
    crank = (0.42 * rear + 0.12, 0.0, radius - 0.05)
    stem = (front - 0.14, 0.0, grip[2] - 0.04)
    frame = [
        shapes.tube([crank, saddle], [0.018, 0.016], 6),
        shapes.tube([crank, (stem[0] + 0.01, 0, stem[2] - 0.16)], [0.02, 0.02], 6),
        shapes.tube([(saddle[0] - 0.01, 0, saddle[2] - 0.12), (stem[0], 0, stem[2] - 0.06)], [0.018, 0.018], 6),
        *(shapes.tube([(rear, y, radius), (saddle[0], y, saddle[2] - 0.14)], [0.01, 0.01], 5) for y in (-0.04, 0.04)),
        *(shapes.tube([(rear, y, radius), crank], [0.011, 0.011], 5) for y in (-0.04, 0.04)),
    ]
    bar = [(grip[0], -grip[1], grip[2]), (stem[0], 0, stem[2] + 0.04), grip]
    fork = [shapes.tube([(front, y, radius), (stem[0], y, stem[2] - 0.06)], [0.012, 0.015], 5) for y in (-0.04, 0.04)]
    dark = [shapes.tube(bar, [0.014] * 3, 6), shapes.ellipsoid(saddle, (0.13, 0.07, 0.035), 8, 5)]
    parts = [
        shapes.part("frame", shapes.join(*frame, *fork), "housing", color=paint),
        shapes.part("fittings", shapes.join(*dark), "plastic"),
        shapes.part(
            "front_lamp", shapes.ellipsoid((front - 0.04, 0, stem[2] - 0.1), (0.04, 0.04, 0.04), 8, 5), "headlight"
        ),
        shapes.part("rear_lamp", shapes.box((rear - 0.02 + 0.12, 0, saddle[2] - 0.2), (0.03, 0.06, 0.05)), "taillight"),
    ]
    for name, x in (("front", front), ("rear", rear)):
        parts += _spoked_wheel(name, x, radius, 0.022)
        if upright:
            parts.append(shapes.part(f"mudguard_{name}", _mudguard(x, radius + 0.004, 0.03), "housing", color=paint))
    parts.append(_pedals(crank))
    return (*parts, *rider(saddle, grip, crank, 2 * extent[2], seed, helmet=not upright, crank=crank))


def _pedals(crank: Vector) -> Part:
    """Chain wheel, both arms and pedals, the left one in front."""
    x, _, z = crank
    wheel = shapes.moved(shapes.lathe([(0.09, 0.012), (0.09, -0.012)], 14, caps=True), (x, -0.05, z))
    arms = [shapes.tube([(x, 0.07 * s, z), (x + CRANK * s, 0.08 * s, z)], [0.012, 0.01], 5) for s in (1, -1)]
    pads = [shapes.box((x + CRANK * s, 0.13 * s, z), (0.09, 0.09, 0.025)) for s in (1, -1)]
    return shapes.part("pedals", shapes.join(wheel, *arms, *pads), "plastic", joint=crank_joint(crank), smooth=False)


def motorcycle(extent: Extent, paint: Color, seed: int, *, scooter: bool = False) -> tuple[Part, ...]:
    """Build a motorcycle and its rider.

    Args:
        extent: half sizes, rider included [m].
        paint: linear RGB of tank and fairing.
        seed: the rider's clothes.
        scooter: small wheels and a shield before the legs.
    """
    radius = 0.23 if scooter else 0.31
    front, rear = extent[0] - radius, -extent[0] + radius
    seat = 0.76 if scooter else 0.80
    grip = (front - 0.30, extent[1] - 0.034, 1.0)
    tank = shapes.ellipsoid((0.12, 0, seat + 0.08), (0.33, 0.15, 0.15), 10, 6)
    engine = shapes.box((0.02, 0, 0.45), (0.5, 0.32, 0.38))
    tail = shapes.tube(
        [(-0.1, 0, seat - 0.02), (-0.45, 0, seat + 0.02), (rear - 0.05, 0, seat + 0.1)],
        [0.13, 0.12, 0.05],
        8,
        squash=1.0,
    )
    cowl = shapes.ellipsoid((front - 0.22, 0, 0.86), (0.24, 0.19, 0.2), 10, 6)
    shield = shapes.tube(
        [(front - 0.36, 0, 0.32), (front - 0.3, 0, 0.6), (front - 0.36, 0, 0.95)], [0.2, 0.22, 0.12], 8, squash=0.3
    )
    deck = shapes.box((-0.02, 0, 0.33), (0.75, 0.3, 0.12))
    painted = (
        (shield, tail, deck, _mudguard(front, radius + 0.03, 0.07))
        if scooter
        else (tank, tail, cowl, _mudguard(front, radius + 0.03, 0.06))
    )
    forks = [shapes.tube([(front, y, radius), (front - 0.28, y, 0.95)], [0.028, 0.024], 6) for y in (-0.09, 0.09)]
    swing = [shapes.tube([(rear, y, radius), (-0.1, y, 0.42)], [0.03, 0.04], 6) for y in (-0.1, 0.1)]
    pipe = shapes.tube([(-0.05, -0.18, 0.33), (rear - 0.05, -0.18, 0.42)], [0.05, 0.06], 8)
    bar = shapes.tube([(grip[0], -grip[1], grip[2]), (front - 0.26, 0, grip[2] + 0.02), grip], [0.018] * 3, 6)
    parts = [
        shapes.part("bodywork", shapes.join(*painted), "body", color=paint),
        shapes.part("engine", shapes.join(*((tail,) if scooter else (engine,)), *swing), "plastic", smooth=False),
        shapes.part("metalwork", shapes.join(*forks, pipe), "metal"),
        shapes.part(
            "bar", shapes.join(bar, shapes.ellipsoid((-0.25, 0, seat + 0.06), (0.3, 0.14, 0.06), 8, 5)), "plastic"
        ),
        shapes.part(
            "headlight",
            shapes.ellipsoid((front - (0.3 if scooter else 0.03), 0, 0.86), (0.07, 0.1, 0.08), 10, 5),
            "headlight",
        ),
        shapes.part("taillight", shapes.box((rear - 0.12, 0, seat + 0.05), (0.04, 0.14, 0.06)), "taillight"),
        shapes.part("brakelight", shapes.box((rear - 0.12, 0, seat - 0.02), (0.04, 0.10, 0.04)), "brakelight"),
        shapes.part("plate", shapes.box((rear - 0.14, 0, seat - 0.14), (0.02, 0.2, 0.14)), "plate", smooth=False),
    ]
    for name, x in (("front", front), ("rear", rear)):
        parts += _solid_wheel(name, x, radius, 0.07)
    saddle, pedal = (-0.22, 0.0, seat), ((0.1, 0.16, 0.42) if scooter else (-0.12, 0.17, 0.36))
    return (*parts, *rider(saddle, grip, pedal, 2 * extent[2], seed))


def _joint(name: str, x: float, radius: float) -> Joint:
    return Joint("steer_wheel" if name == "front" else "wheel", (x, 0.0, radius), period=radius)


def _spoked_wheel(name: str, x: float, radius: float, thick: float) -> list[Part]:
    """A thin tyre and crossing spokes."""
    joint = _joint(name, x, radius)
    tyre = shapes.lathe([(radius - 1.6 * thick, thick * 0.6), (radius - 0.5 * thick, thick), (radius, 0.0),
                         (radius - 0.5 * thick, -thick), (radius - 1.6 * thick, -thick * 0.6)], 20)  # fmt: skip
    spokes = [shapes.box((0, 0, 0), (0.05, 0.06, 0.05))]
    for k in range(9):
        a = math.pi * k / 9
        end = np.array([math.cos(a), 0, math.sin(a)]) * (radius - thick)
        spokes.append(shapes.tube([-end, end], [0.003, 0.003], 3, caps=False))
    center = (x, 0.0, radius)
    return [
        shapes.part(f"tyre_{name}", shapes.moved(tyre, center), "tyre", joint=joint),
        shapes.part(f"spokes_{name}", shapes.moved(shapes.join(*spokes), center), "metal", joint=joint),
    ]


def _solid_wheel(name: str, x: float, radius: float, thick: float) -> list[Part]:
    """A fat tyre on a disc with three openings."""
    joint, inner = _joint(name, x, radius), 0.66 * radius
    tyre = shapes.lathe([(inner, 0.7 * thick), (0.88 * radius, thick), (radius, 0.3 * thick), (radius, -0.3 * thick),
                         (0.88 * radius, -thick), (inner, -0.7 * thick)], 18)  # fmt: skip
    spokes = [shapes.turned(shapes.box((0, 0, 0), (2 * inner, 0.05, 0.06)), pitch=math.pi * k / 3) for k in range(3)]
    hub = shapes.lathe([(0.25 * radius, 0.05), (0.25 * radius, -0.05)], 10, caps=True)
    center = (x, 0.0, radius)
    return [
        shapes.part(f"tyre_{name}", shapes.moved(tyre, center), "tyre", joint=joint),
        shapes.part(f"rim_{name}", shapes.moved(shapes.join(*spokes, hub), center), "rim", joint=joint, smooth=False),
    ]


def _mudguard(x: float, radius: float, half: float) -> shapes.Mesh:
    """A curved strip over the wheel at x, with an underside."""
    angle = np.linspace(0.25 * math.pi, 1.0 * math.pi, 8)
    sheets = []
    for r, side in ((radius, -1.0), (radius - 0.006, 1.0)):
        arc = np.stack([x + r * np.cos(angle), 0 * angle, radius - 0.02 + r * np.sin(angle)], axis=1)
        offset = np.array([0.0, side * half, 0.0])
        sheets.append(shapes.grid(np.stack([arc - offset, arc + offset])))
    return shapes.join(*sheets)
