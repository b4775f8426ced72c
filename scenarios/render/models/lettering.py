"""Letters and digits as round-ended strokes, in the plain shapes of road signs (after DIN 1451)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models import shapes

Stroke = tuple[tuple[float, float], ...]
WIDE, HIGH = 0.6, 1.0
"""Field of one character: its strokes' middles lie within it."""
ADVANCE = 0.86
THICK = 0.15
"""From one character to the next, and width of a stroke, in character heights."""


def _arc(x: float, y: float, rx: float, ry: float, start: int, end: int) -> Stroke:
    """Part of an ellipse from `start` to `end` [deg], counter-clockwise from +x."""
    angles = np.radians(np.linspace(start, end, max(3, int(abs(end - start) / 22) + 1)))
    return tuple((x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles)


_ROUND = _arc(0.3, 0.7, 0.3, 0.3, 0, 180) + _arc(0.3, 0.3, 0.3, 0.3, 180, 360) + ((0.6, 0.7),)
_GLYPHS: dict[str, tuple[Stroke, ...]] = {
    "0": (_ROUND,),
    "1": (((0.12, 0.78), (0.4, 1.0), (0.4, 0.0)),),
    "2": ((*_arc(0.3, 0.72, 0.28, 0.28, 170, -35), (0.02, 0.0), (0.6, 0.0)),),
    "3": (_arc(0.28, 0.76, 0.24, 0.24, 155, -80) + _arc(0.28, 0.27, 0.3, 0.27, 90, -155),),
    "4": (((0.44, 0.0), (0.44, 1.0), (0.0, 0.26), (0.62, 0.26)),),
    "5": (((0.54, 1.0), (0.1, 1.0), (0.06, 0.56), *_arc(0.28, 0.31, 0.31, 0.31, 110, -150)),),
    "6": (_arc(0.3, 0.3, 0.29, 0.3, 0, 360), ((0.02, 0.36), (0.42, 1.0))),
    "7": (((0.0, 1.0), (0.58, 1.0), (0.2, 0.0)),),
    "8": (_arc(0.3, 0.76, 0.24, 0.24, 0, 360), _arc(0.3, 0.27, 0.3, 0.27, 0, 360)),
    "9": (_arc(0.3, 0.7, 0.29, 0.3, 0, 360), ((0.58, 0.64), (0.18, 0.0))),
    "S": (_arc(0.3, 0.75, 0.26, 0.25, 35, 255) + _arc(0.3, 0.26, 0.29, 0.26, 75, -145),),
    "T": (((0.0, 1.0), (0.6, 1.0)), ((0.3, 1.0), (0.3, 0.0))),
    "O": (_ROUND,),
    "P": (((0.04, 0.0), (0.04, 1.0), *_arc(0.32, 0.74, 0.27, 0.26, 90, -90), (0.04, 0.48)),),
    "A": (((0.0, 0.0), (0.3, 1.0), (0.6, 0.0)), ((0.12, 0.34), (0.48, 0.34))),
    "X": (((0.0, 0.0), (0.6, 1.0)), ((0.0, 1.0), (0.6, 0.0))),
    "I": (((0.3, 0.0), (0.3, 1.0)),),
    "C": (_arc(0.32, 0.5, 0.3, 0.5, 40, 320),),
    "E": (((0.56, 1.0), (0.04, 1.0), (0.04, 0.0), (0.56, 0.0)), ((0.04, 0.52), (0.48, 0.52))),
    "L": (((0.04, 1.0), (0.04, 0.0), (0.56, 0.0)),),
}


def characters() -> str:
    """Every character that can be drawn."""
    return "".join(_GLYPHS)


def text_strokes(text: str, height: float) -> list[Float[ndarray, "_ 2"]]:
    """The strokes of a line of characters about the origin, x to the reader's right, y up [m]; others are blank."""
    pitch = ADVANCE * height
    left = -((len(text) - 1) * pitch + WIDE * height) / 2
    return [
        np.array(stroke) * height + (left + k * pitch, -height / 2)
        for k, character in enumerate(text.upper())
        for stroke in _GLYPHS.get(character, ())
    ]


def ribbon(strokes: Sequence[Float[ndarray, "_ 2"]], thick: float, out: float) -> shapes.Mesh:
    """Strokes as flat bands of width `thick` with round joints, in a plane x = `out` that faces +x [m].

    Whoever reads it looks along -x, so his right is +y.
    """
    pieces = []
    for stroke in strokes:
        for k, (a, b) in enumerate(pairwise(stroke)):
            along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
            side = np.array([-along[1], along[0]]) * thick / 2
            pieces.append(_flat([a - side, b - side, b + side, a + side], out))
            if k:
                pieces.append(_flat(_disc(a, thick / 2), out))
    return shapes.join(*pieces)


def flat(corners: Sequence[tuple[float, float]], out: float) -> shapes.Mesh:
    """A convex polygon, counter-clockwise to its reader, in the plane x = `out` [m]."""
    return _flat([np.array(corner) for corner in corners], out)


def _disc(middle: Float[ndarray, "2"], radius: float) -> list[Float[ndarray, "2"]]:
    angles = np.arange(8) / 8 * 2 * math.pi
    return [middle + radius * np.array([math.cos(a), math.sin(a)]) for a in angles]


def _flat(corners: Sequence[Float[ndarray, "2"]], out: float) -> shapes.Mesh:
    return shapes.sheet([(out, corner[0], corner[1]) for corner in corners])
