"""A road wheel: tyre, spoked rim and the joint it rolls on."""

from __future__ import annotations

import math

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Joint, Part, Vector


def wheel(
    name: str,
    hub: Vector,
    radius: float,
    width: float,
    *,
    steered: bool = False,
    spokes: int = 5,
    rim: Color | None = None,
) -> list[Part]:
    """Make one wheel of a car, its outside to the side of the car that the hub is on.

    Args:
        name: prefix of the parts' names, such as "wheel_front_left".
        hub: middle of the wheel [m]; its height is the rolling radius.
        radius: of the tyre [m].
        width: of the tyre [m].
        steered: turns with the steering.
        spokes: of the rim.
        rim: linear RGB of the rim, None for bare metal.
    """
    outside = 1.0 if hub[1] >= 0 else -1.0
    joint = Joint("steer_wheel" if steered else "wheel", hub, (0.0, 1.0, 0.0), period=hub[2])

    def placed(mesh: shapes.Mesh) -> shapes.Mesh:
        return shapes.moved(mesh if outside > 0 else shapes.mirrored(mesh), hub)

    inner = 0.68 * radius
    return [
        shapes.part(f"{name}_tyre", placed(_tyre(radius, inner, width)), "tyre", joint=joint),
        shapes.part(f"{name}_well", placed(_discs(inner, width)), "plastic", joint=joint, smooth=False),
        shapes.part(
            f"{name}_rim", placed(_rim(inner, width, spokes)), "rim" if rim is None else "housing", joint=joint,
            smooth=False, color=rim,
        ),
    ]  # fmt: skip


def _tyre(radius: float, inner: float, width: float) -> shapes.Mesh:
    half = width / 2
    profile = [(inner, 0.9 * half), (0.93 * radius, half), (radius, 0.68 * half)]
    return shapes.lathe(profile + [(r, -y) for r, y in profile[::-1]], sides=18)


def _discs(inner: float, width: float) -> shapes.Mesh:
    """Close the wheel: what is seen between the spokes, and its back."""
    angle = np.arange(14) / 14 * 2 * math.pi
    circle = np.stack([np.cos(angle), np.zeros(14), np.sin(angle)], axis=1) * inner
    front = shapes.fan((circle + np.array([0, 0.22 * width, 0]))[::-1])
    return shapes.join(front, shapes.fan(circle - (0, 0.4 * width, 0)))


def _rim(inner: float, width: float, spokes: int) -> shapes.Mesh:
    """Lip, spokes and hub cap, facing +y."""
    lip = shapes.lathe([(0.86 * inner, 0.34 * width), (inner, 0.46 * width)], sides=18)
    pieces = [lip]
    face, root = 0.38 * width, 0.2 * inner
    for k in range(spokes):
        a = 2 * math.pi * k / spokes
        along, across = np.array([math.cos(a), 0, math.sin(a)]), np.array([-math.sin(a), 0, math.cos(a)])
        wide, narrow, out = 0.17 * inner, 0.13 * inner, np.array([0, 1.0, 0])
        corners = [
            along * root - across * wide + out * (face + 0.01),
            along * root + across * wide + out * (face + 0.01),
            along * 0.92 * inner + across * narrow + out * face,
            along * 0.92 * inner - across * narrow + out * face,
        ]
        pieces.append(shapes.sheet(corners[::-1]))
    angle = np.arange(8) / 8 * 2 * math.pi
    cap = np.stack([np.cos(angle) * root * 1.3, np.full(8, face + 0.015), np.sin(angle) * root * 1.3], axis=1)
    pieces.append(shapes.fan(cap[::-1]))
    return shapes.join(*pieces)
