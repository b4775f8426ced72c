"""Posts, lamps, signs and traffic lights: they stand at the origin and face +x, towards the driver who reads them."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Model, Part

_BLACK: Color = (0.012, 0.012, 0.012)
_WHITE: Color = (0.75, 0.75, 0.73)
_SIGN_MIDDLE = 2.3  # height of a sign face's middle over the ground [m]

# Strokes of a character on a field 1 wide and 2 high, from (x, y) to (x, y).
_SEGMENTS = {
    "a": (0, 2, 1, 2), "b": (1, 2, 1, 1), "c": (1, 1, 1, 0), "d": (0, 0, 1, 0), "e": (0, 1, 0, 0), "f": (0, 2, 0, 1),
    "g": (0, 1, 1, 1), "t": (0.5, 2, 0.5, 0),
}  # fmt: skip
_GLYPHS = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgedc", "7": "abc",
    "8": "abcdefg", "9": "abcdfg", "S": "afgcd", "T": "at", "O": "abcdef", "P": "abefg",
}  # fmt: skip


@lru_cache(maxsize=1)
def guide_post() -> Model:
    """Return a delineator: white, 1 m high, with a black band and a reflector."""
    post = shapes.loft([_oval(0.06, 0.05, z) for z in (0.0, 0.72)], caps=False)
    band = shapes.loft([_oval(0.062, 0.052, z) for z in (0.70, 0.92)], caps=False)
    top = shapes.loft([_oval(0.06, 0.05, 0.92), _oval(0.03, 0.045, 1.0)])
    lens = shapes.box((0.062, 0, 0.81), (0.01, 0.05, 0.16))
    return Model(
        (
            shapes.part("post", shapes.join(post, top), "reflector"),
            shapes.part("band", band, "plastic"),
            shapes.part("lens", lens, "reflector", smooth=False, color=(0.8, 0.75, 0.6)),
        )
    )


def _oval(x: float, y: float, z: float) -> np.ndarray:
    angle = np.arange(8) / 8 * 2 * math.pi
    return np.stack([x * np.cos(angle), y * np.sin(angle), np.full(8, z)], axis=1)


@lru_cache(maxsize=1)
def street_lamp() -> Model:
    """Return a lamp post of 7 m whose arm reaches 1.6 m to +x."""
    pole = shapes.tube(
        [(0, 0, 0), (0, 0, 0.9), (0, 0, 6.2), (0.25, 0, 6.85), (1.0, 0, 7.05)], [0.09, 0.07, 0.05, 0.045, 0.035], 8
    )
    head = shapes.ellipsoid((1.35, 0, 7.04), (0.42, 0.15, 0.09), 10, 6)
    glass = shapes.box((1.38, 0, 6.965), (0.5, 0.2, 0.04))
    return Model(
        (
            shapes.part("pole", pole, "pole"),
            shapes.part("head", head, "pole"),
            shapes.part("glass", glass, "lamp", smooth=False),
        )
    )


@lru_cache(maxsize=1)
def traffic_light() -> Model:
    """Return a signal head on a post; its three lenses are parts named lamp_red, lamp_yellow and lamp_green."""
    pole = shapes.tube([(-0.12, 0, 0), (-0.12, 0, 3.75)], [0.07, 0.055], 8)
    case = shapes.box((0, 0, 3.1), (0.2, 0.32, 0.98))
    board = shapes.box((-0.06, 0, 3.1), (0.02, 0.52, 1.18))
    visors, lamps = [], []
    angle = np.linspace(0, math.pi, 7)
    for name, z in (("lamp_red", 3.41), ("lamp_yellow", 3.10), ("lamp_green", 2.79)):
        ring = np.stack(
            [np.zeros(12), *(0.105 * f(np.arange(12) / 12 * 2 * math.pi) for f in (np.cos, np.sin))], axis=1
        )
        lamps.append(shapes.part(name, shapes.fan(ring + np.array([0.105, 0.0, z])), name, smooth=False))
        for radius, ends in ((0.125, (0.1, 0.28)), (0.121, (0.28, 0.1))):
            arc = np.stack([np.zeros(7), radius * np.cos(angle), radius * np.sin(angle)], axis=1)
            visors.append(shapes.grid(np.stack([arc + np.array([x, 0, z]) for x in ends])))
    arms = [shapes.box((-0.07, 0, z), (0.14, 0.06, 0.05)) for z in (2.75, 3.45)]
    return Model(
        (
            shapes.part("pole", pole, "pole"),
            shapes.part("case", shapes.join(case, board, *visors, *arms), "housing", smooth=False),
            *lamps,
        )
    )


@lru_cache(maxsize=64)
def sign(kind: str, value: str = "") -> Model:
    """Return a traffic sign on its pole.

    Args:
        kind: OpenDRIVE signal type by the German catalogue: "274" speed limit, "205" give way, "206" stop, "306"
            priority road; any other is a blue plate.
        value: a speed limit's number [km/h].
    """
    pole = shapes.tube([(-0.04, 0, 0), (-0.04, 0, _SIGN_MIDDLE + 0.34)], [0.032, 0.032], 8)
    builders = {"274": _limit, "205": _give_way, "206": _stop, "306": _priority}
    face = builders.get(kind, _blue)(value)
    return Model((shapes.part("pole", pole, "pole"), *face))


def _polygon(corners: int, radius: float, turn: float, out: float) -> shapes.Mesh:
    """A regular polygon facing +x, its first corner `turn` [rad] from straight up, with a back."""
    a = np.arange(corners) / corners * 2 * math.pi + turn
    ring = np.stack([np.full(corners, out), -radius * np.sin(a), _SIGN_MIDDLE + radius * np.cos(a)], axis=1)
    return shapes.sheet(ring)


def _plate(name: str, corners: int, radius: float, turn: float, out: float, material: str) -> Part:
    return shapes.part(name, _polygon(corners, radius, turn, out), material, smooth=False)


def _back(corners: int, radius: float, turn: float) -> Part:
    front = _polygon(corners, radius, turn, -0.005)
    return shapes.part("back", shapes.Mesh(front.vertices, front.faces[:, ::-1].copy()), "sign_back", smooth=False)


def _limit(value: str) -> tuple[Part, ...]:
    text = value or "50"
    height = 0.26 if len(text) < 3 else 0.19
    return (
        _back(20, 0.33, 0.0), _plate("ring", 20, 0.33, 0.0, 0.0, "sign_red"),
        _plate("face", 20, 0.265, 0.0, 0.004, "sign"),
        shapes.part("number", _letters(text, height), "sign", smooth=False, color=_BLACK),
    )  # fmt: skip


def _give_way(_: str) -> tuple[Part, ...]:
    return (
        _back(3, 0.5, math.pi),
        _plate("ring", 3, 0.5, math.pi, 0.0, "sign_red"),
        _plate("face", 3, 0.32, math.pi, 0.004, "sign"),
    )


def _stop(_: str) -> tuple[Part, ...]:
    turn = math.pi / 8
    return (
        _back(8, 0.42, turn), _plate("edge", 8, 0.42, turn, 0.0, "sign"),
        _plate("face", 8, 0.395, turn, 0.004, "sign_red"),
        shapes.part("word", _letters("STOP", 0.2), "sign", smooth=False, color=_WHITE),
    )  # fmt: skip


def _priority(_: str) -> tuple[Part, ...]:
    return (
        _back(4, 0.42, 0.0),
        _plate("edge", 4, 0.42, 0.0, 0.0, "sign"),
        _plate("face", 4, 0.30, 0.0, 0.004, "sign_yellow"),
    )


def _blue(_: str) -> tuple[Part, ...]:
    turn = math.pi / 4
    return (
        _back(4, 0.42, turn),
        _plate("edge", 4, 0.42, turn, 0.0, "sign"),
        _plate("face", 4, 0.39, turn, 0.004, "sign_blue"),
    )


def _letters(text: str, height: float) -> shapes.Mesh:
    """Strokes of a line of characters, centred on the sign's face, 8 mm before it."""
    half, gap = height / 2, 0.85 * height
    thick = 0.085 * height if len(text) > 3 else 0.1 * height
    strokes = []
    for k, character in enumerate(text.upper()):
        left = (k - (len(text) - 1) / 2) * gap - half / 2
        for segment in _GLYPHS.get(character, ""):
            x0, y0, x1, y1 = (v * half for v in _SEGMENTS[segment])
            # Whoever reads it looks along -x, so his right is +y.
            low = (left + min(x0, x1) - thick, _SIGN_MIDDLE - half + min(y0, y1) - thick)
            high = (left + max(x0, x1) + thick, _SIGN_MIDDLE - half + max(y0, y1) + thick)
            corners = [
                (0.008, low[0], low[1]),
                (0.008, high[0], low[1]),
                (0.008, high[0], high[1]),
                (0.008, low[0], high[1]),
            ]
            strokes.append(shapes.sheet(corners))
    return shapes.join(*strokes)
