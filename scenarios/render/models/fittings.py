"""What marks a vehicle's trade: warning lights, a taxi's roof sign, stripes on the sides, roof rails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.car_body import BodyShape
from scenarios.render.models.lettering import THICK, ribbon, text_strokes
from scenarios.render.models.mesh import Color, Part

_WHITE: Color = (0.72, 0.72, 0.71)
_BLACK: Color = (0.012, 0.012, 0.014)
_YELLOW: Color = (0.72, 0.42, 0.01)
_RED: Color = (0.5, 0.012, 0.014)
_SIGNAL_YELLOW: Color = (0.6, 0.55, 0.02)


@dataclass(frozen=True)
class Livery:
    """A trade's colours.

    Attributes:
        paint: of the body.
        roof: "lights", "taxi" or "" for nothing on the roof.
        panel: colour of the doors, or None.
        stripe: colour of a band along the side, or None.
    """

    paint: Color
    roof: str = ""
    panel: Color | None = None
    stripe: Color | None = None

    @property
    def rise(self) -> float:
        """How far the roof's fitting stands over the roof [m]."""
        return 0.12 if self.roof else 0.0


LIVERIES: dict[str, Livery] = {
    "vehicle.dodge.charger_police": Livery(_BLACK, "lights", panel=_WHITE),
    "vehicle.dodge.charger_police_2020": Livery(_BLACK, "lights", panel=_WHITE),
    "vehicle.ford.crown": Livery(_YELLOW, "taxi", stripe=_BLACK),
    "vehicle.ford.ambulance": Livery(_WHITE, "lights", stripe=_RED),
}
"""Vehicles that always wear the colours of their trade."""


def livery_parts(shape: BodyShape, livery: Livery) -> list[Part]:
    """The fittings of a trade on a body."""
    parts = []
    if livery.roof == "lights":
        parts += _light_bar(shape, livery.rise)
    if livery.roof == "taxi":
        parts += _taxi_sign(shape, livery.rise)
    if livery.panel is not None:
        parts.append(_side_band(shape, "door_panels", (0.315, 0.70), (0.12, 0.97), livery.panel))
    if livery.stripe is not None:
        parts.append(_side_band(shape, "stripe", (0.30, 0.70), (0.55, 0.72), livery.stripe))
    return parts


def roof_rails(shape: BodyShape) -> Part:
    """Two bars along the edges of the roof."""
    front, rear = (shape.x(shape.profile.glass[i]) for i in (1, 2))
    y = 0.86 * shape.half_width * (1 - shape.profile.tumblehome)
    z = shape.height - 0.02
    left = shapes.tube(
        [(front - 0.1, y, z - 0.05), (front - 0.2, y, z), (rear + 0.2, y, z), (rear + 0.1, y, z - 0.05)], [0.018] * 4, 6
    )
    return shapes.part("roof_rails", shapes.join(left, shapes.mirrored(left)), "metal")


def _roof_middle(shape: BodyShape) -> float:
    return shape.x(shape.profile.glass[1]) - 0.35


def _light_bar(shape: BodyShape, rise: float) -> list[Part]:
    x, half = _roof_middle(shape), 0.62 * shape.half_width
    low = shape.height - 0.02
    foot = shapes.box((x, 0, low + 0.02), (0.2, 2 * half, 0.06))
    left = shapes.box((x, half / 2, low + (rise + 0.06) / 2), (0.26, half - 0.08, rise - 0.02))
    head = shapes.box((x, 0, low + (rise + 0.04) / 2), (0.24, 0.16, rise))
    return [
        shapes.part("light_bar", shapes.join(foot, head), "plastic", smooth=False),
        shapes.part("light_left", left, "sign_red", smooth=False),
        shapes.part("light_right", shapes.mirrored(left), "sign_blue", smooth=False),
    ]


def _taxi_sign(shape: BodyShape, rise: float) -> list[Part]:
    x, low = _roof_middle(shape), shape.height - 0.02
    case = shapes.box((x, 0, low + (rise + 0.02) / 2), (0.14, 0.42, rise + 0.02))
    middle = low + (rise + 0.02) / 2
    word = ribbon(text_strokes("TAXI", 0.075), THICK * 0.075, 0.073)
    front = shapes.moved(word, (x, 0, middle))
    back = shapes.moved(shapes.turned(word, np.pi), (x, 0, middle))
    return [
        shapes.part("roof_sign", case, "housing", smooth=False, color=_SIGNAL_YELLOW),
        shapes.part("roof_sign_word", shapes.join(front, back), "plastic", smooth=False),
    ]


def _side_band(shape: BodyShape, name: str, u: tuple[float, float], height: tuple[float, float], color: Color) -> Part:
    """A sheet just before both sides, between two shares of the length and of the side's height."""
    xs = shape.x(u[0]) + np.linspace(0, 1, 9) * (shape.x(u[1]) - shape.x(u[0]))
    low, high = shape.profile.clearance, shape.top(xs)
    rows = [shape.at(xs, low + share * (high - low)) + np.array([0.0, 0.004, 0.0]) for share in np.linspace(*height, 6)]
    left = shapes.grid(np.stack(rows))
    return shapes.part(name, shapes.join(left, shapes.mirrored(left)), "body", color=color)
