"""Traffic signs by the numbers of the German catalogue (StVO annexes 1 to 3, VzKat 2017), as crisp flat triangles.

They stand at the origin on a pole and face +x, towards the driver who reads them. What is not known is a blue plate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.lettering import THICK, flat, ribbon, text_strokes
from scenarios.render.models.mesh import Color, Model, Part
from scenarios.render.models.mesh import moved as parts_moved

_BLACK: Color = (0.012, 0.012, 0.012)
_WHITE: Color = (0.75, 0.75, 0.73)
_GREY: Color = (0.22, 0.22, 0.22)
MIDDLE = 2.3
"""Height of a sign face's middle over the ground [m]."""
HALF, HANGS = 0.45, 0.4
"""Half the height of most faces, and how far before its gantry's middle one hangs [m]."""
Corners = Sequence[tuple[float, float]]
Path = Sequence[tuple[float, float]]


@lru_cache(maxsize=128)
def sign(kind: str, value: str = "") -> Model:
    """Return a traffic sign on its pole.

    Args:
        kind: OpenDRIVE signal type, such as "274" speed limit, "205" give way, "206" stop, "306" priority road.
        value: a speed limit's number [km/h], or "left", "right" of an arrow.
    """
    pole = shapes.tube([(-0.04, 0, 0), (-0.04, 0, MIDDLE + 0.34)], [0.032, 0.032], 8)
    face = _FACES.get(kind.partition("-")[0], _blue_plate)(value)
    return Model((shapes.part("pole", pole, "pole"), *parts_moved(face, (0.0, 0.0, MIDDLE))))


@lru_cache(maxsize=64)
def hung_sign(kind: str, value: str = "") -> Model:
    """Return the face of a sign that hangs over the road, its lowest edge at about z = 0, on two brackets behind it."""
    face = _FACES.get(kind.partition("-")[0], _blue_plate)(value)
    brackets = [shapes.box((-HANGS / 2, y, HALF), (HANGS, 0.06, 0.06)) for y in (-0.18, 0.18)]
    metal = shapes.part("brackets", shapes.join(*brackets), "metal", smooth=False)
    return Model((metal, *parts_moved(face, (0.0, 0.0, HALF))))


def known() -> tuple[str, ...]:
    """Numbers of the signs that have a face of their own."""
    return tuple(_FACES)


def _regular(corners: int, radius: float, turn: float = 0.0) -> Corners:
    """A regular polygon, its first corner `turn` [rad] counter-clockwise from straight up."""
    angles = np.arange(corners) / corners * 2 * math.pi + turn
    return [(-radius * math.sin(a), radius * math.cos(a)) for a in angles]


def _plate(name: str, corners: Corners, out: float, material: str, color: Color | None = None) -> Part:
    return shapes.part(name, flat(corners, out), material, smooth=False, color=color)


def _back(corners: Corners) -> Part:
    front = flat(corners, -0.005)
    return shapes.part("back", shapes.Mesh(front.vertices, front.faces[:, ::-1].copy()), "sign_back", smooth=False)


def _lines(name: str, paths: Sequence[Path], thick: float, color: Color, out: float = 0.008) -> Part:
    mesh = ribbon([np.array(path, float) for path in paths], thick, out)
    return shapes.part(name, mesh, "sign", smooth=False, color=color)


def _text(text: str, height: float, color: Color) -> Part:
    mesh = ribbon(text_strokes(text, height), THICK * height, 0.008)
    return shapes.part("text", mesh, "sign", smooth=False, color=color)


def _ring() -> tuple[Part, ...]:
    return (
        _back(_regular(24, 0.33)),
        _plate("ring", _regular(24, 0.33), 0.0, "sign_red"),
        _plate("face", _regular(24, 0.262), 0.004, "sign"),
    )


def _limit(value: str) -> tuple[Part, ...]:
    text = value or "50"
    return (*_ring(), _text(text, 0.26 if len(text) < 3 else 0.2, _BLACK))


def _end(value: str) -> tuple[Part, ...]:
    bars = [[(-0.19 + d, -0.19 - d), (0.19 + d, 0.19 - d)] for d in (-0.04, 0.0, 0.04)]
    face = (_back(_regular(24, 0.33)), _plate("face", _regular(24, 0.33), 0.004, "sign"))
    number = (_text(value, 0.26 if len(value) < 3 else 0.2, _GREY),) if value else ()
    bar = ribbon([np.array(path) for path in bars], 0.018, 0.01)
    return (*face, *number, shapes.part("bars", bar, "sign", smooth=False, color=_BLACK))


def _give_way(_: str) -> tuple[Part, ...]:
    return (
        _back(_regular(3, 0.5, math.pi)),
        _plate("ring", _regular(3, 0.5, math.pi), 0.0, "sign_red"),
        _plate("face", _regular(3, 0.32, math.pi), 0.004, "sign"),
    )


def _stop(_: str) -> tuple[Part, ...]:
    turn = math.pi / 8
    return (
        _back(_regular(8, 0.42, turn)),
        _plate("edge", _regular(8, 0.42, turn), 0.0, "sign"),
        _plate("face", _regular(8, 0.395, turn), 0.004, "sign_red"),
        _text("STOP", 0.2, _WHITE),
    )


def _priority(_: str) -> tuple[Part, ...]:
    return (
        _back(_regular(4, 0.42)),
        _plate("edge", _regular(4, 0.42), 0.0, "sign"),
        _plate("face", _regular(4, 0.30), 0.004, "sign_yellow"),
    )


def _no_entry(_: str) -> tuple[Part, ...]:
    bar = [(-0.24, -0.055), (0.24, -0.055), (0.24, 0.055), (-0.24, 0.055)]
    return (
        _back(_regular(24, 0.33)),
        _plate("face", _regular(24, 0.33), 0.0, "sign_red"),
        _plate("bar", bar, 0.006, "sign"),
    )


def _no_overtaking(_: str) -> tuple[Part, ...]:
    def car(middle: float) -> Corners:
        return [(middle - 0.085, -0.07), (middle + 0.085, -0.07), (middle + 0.085, 0.0), (middle + 0.05, 0.065),
                (middle - 0.05, 0.065), (middle - 0.085, 0.0)]  # fmt: skip

    red = _plate("overtaking", car(-0.105), 0.008, "sign_red")
    return (*_ring(), red, _plate("overtaken", car(0.105), 0.008, "sign", _BLACK))


def _closed(_: str) -> tuple[Part, ...]:
    return _ring()


def _warning(paths: Sequence[Path], thick: float = 0.05) -> Callable[[str], tuple[Part, ...]]:
    """A red triangle with black strokes in it."""

    def build(_: str) -> tuple[Part, ...]:
        return (
            _back(_regular(3, 0.5)),
            _plate("ring", _regular(3, 0.5), 0.0, "sign_red"),
            _plate("face", _regular(3, 0.335), 0.004, "sign"),
            _lines("pictogram", paths, thick, _BLACK),
        )

    return build


def _blue_disc(paths: Sequence[Path], thick: float = 0.06) -> Callable[[str], tuple[Part, ...]]:
    """A blue disc with white strokes; a value of "left" mirrors them."""

    def build(value: str) -> tuple[Part, ...]:
        side = -1.0 if value == "left" else 1.0
        turned = [[(side * x, y) for x, y in path] for path in paths]
        return (
            _back(_regular(24, 0.33)),
            _plate("edge", _regular(24, 0.33), 0.0, "sign"),
            _plate("face", _regular(24, 0.315), 0.004, "sign_blue"),
            _lines("arrow", turned, thick, _WHITE),
        )

    return build


def _crossing(value: str) -> tuple[Part, ...]:
    walker = _lines("pictogram", _WALKER, 0.03, _BLACK, 0.009)
    return (*_blue_plate(value), _plate("field", _regular(3, 0.24), 0.006, "sign"), walker)


def _chevrons(value: str) -> tuple[Part, ...]:
    side = -1.0 if value == "left" else 1.0
    plate = [(-0.75, -0.25), (0.75, -0.25), (0.75, 0.25), (-0.75, 0.25)]
    paths = [[(side * (x - 0.11), -0.2), (side * (x + 0.11), 0.0), (side * (x - 0.11), 0.2)] for x in (-0.5, 0.0, 0.5)]
    mesh = ribbon([np.array(path) for path in paths], 0.12, 0.006)
    return (_back(plate), _plate("face", plate, 0.0, "sign"),
            shapes.part("chevrons", mesh, "sign_red", smooth=False))  # fmt: skip


def _blue_plate(_: str) -> tuple[Part, ...]:
    turn = math.pi / 4
    return (
        _back(_regular(4, 0.42, turn)),
        _plate("edge", _regular(4, 0.42, turn), 0.0, "sign"),
        _plate("face", _regular(4, 0.39, turn), 0.004, "sign_blue"),
    )


_WALKER = (
    ((0.0, 0.16), (0.012, 0.17)),
    ((0.0, 0.09), (-0.02, -0.04), (-0.09, -0.15)),
    ((-0.02, -0.04), (0.05, -0.08), (0.06, -0.15)),
    ((-0.08, 0.0), (0.0, 0.09), (0.08, 0.01)),
)
_EXCLAMATION = (((0.0, 0.17), (0.0, -0.03)), ((0.0, -0.115), (0.0, -0.125)))
_BEND = (((-0.05, -0.14), (-0.05, -0.02), (0.02, 0.06), (0.06, 0.1)), ((-0.02, 0.1), (0.07, 0.11), (0.06, 0.01)))
_DOUBLE_BEND = (
    ((0.04, -0.15), (0.04, -0.07), (-0.05, 0.0), (-0.05, 0.06), (0.02, 0.14)),
    ((-0.05, 0.13), (0.03, 0.15), (0.03, 0.06)),
)
_CROSSROADS = (((-0.1, -0.14), (0.1, 0.06)), ((-0.1, 0.06), (0.1, -0.14)))
_PRIORITY_HERE = (((0.0, -0.15), (0.0, 0.16)), ((-0.1, -0.02), (0.1, -0.02)))
_NARROW = (((-0.07, -0.14), (-0.07, -0.04), (-0.03, 0.02), (-0.03, 0.14)),
           ((0.07, -0.14), (0.07, -0.04), (0.03, 0.02), (0.03, 0.14)))  # fmt: skip
_SIGNALS = (((0.0, 0.12), (0.001, 0.121)), ((0.0, 0.0), (0.001, 0.001)), ((0.0, -0.12), (0.001, -0.119)))
_WORKS = (((-0.11, -0.14), (-0.02, -0.05), (0.0, 0.09)), ((-0.02, 0.13), (0.0, 0.14)), ((0.0, 0.06), (0.08, -0.1)),
          ((0.05, -0.13), (0.14, -0.13)))  # fmt: skip
_RIGHT = (((-0.2, 0.0), (0.19, 0.0)), ((0.06, 0.14), (0.2, 0.0), (0.06, -0.14)))
_AHEAD = (((0.0, -0.2), (0.0, 0.19)), ((-0.14, 0.06), (0.0, 0.2), (0.14, 0.06)))
_PASS_RIGHT = (((-0.14, 0.14), (0.13, -0.13)), ((-0.05, -0.14), (0.14, -0.14), (0.14, 0.05)))
_ROUNDABOUT = tuple(
    (
        *((0.16 * math.cos(a), 0.16 * math.sin(a)) for a in np.linspace(t, t + 1.4, 6)),
        (0.1 * math.cos(t + 1.3), 0.1 * math.sin(t + 1.3)),
    )
    for t in (0.5, 0.5 + 2 * math.pi / 3, 0.5 + 4 * math.pi / 3)
)

_FACES: dict[str, Callable[[str], tuple[Part, ...]]] = {
    "101": _warning(_EXCLAMATION),
    "102": _warning(_CROSSROADS),
    "103": _warning(_BEND),
    "105": _warning(_DOUBLE_BEND),
    "120": _warning(_NARROW, 0.035),
    "123": _warning(_WORKS, 0.035),
    "131": _warning(_SIGNALS, 0.08),
    "133": _warning(_WALKER, 0.035),
    "205": _give_way,
    "206": _stop,
    "209": _blue_disc(_RIGHT),
    "211": _blue_disc(_RIGHT),
    "214": _blue_disc(_AHEAD),
    "215": _blue_disc(_ROUNDABOUT, 0.05),
    "222": _blue_disc(_PASS_RIGHT),
    "250": _closed,
    "267": _no_entry,
    "274": _limit,
    "276": _no_overtaking,
    "278": _end,
    "282": lambda _: _end(""),
    "301": _warning(_PRIORITY_HERE),
    "306": _priority,
    "350": _crossing,
    "625": _chevrons,
}
