"""Road marks as an OpenDRIVE file states them: kinds, colours, widths and the strokes that make them up.

The elements are ASAM OpenDRIVE's `<roadMark>`, `<type>` and `<line>`. A mark without lines gets those of `strokes`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace

from scenarios.render.opendrive_number import number_in

DASH, GAP = 3.0, 6.0
"""Length of a broken line's strokes and of the gaps between them [m] (German RMS 1: 3 m and 6 m inside towns, 4 and 8
outside; CARLA's towns are painted 3 and 6 to 9)."""
WIDTH = 0.12
"""Width of a mark whose width is not stated [m]."""
COLORS = frozenset({"white", "yellow", "blue", "red", "green", "orange", "violet"})


@dataclass(frozen=True)
class Stroke:
    """One line of a road mark.

    Attributes:
        offset: outwards from the lane's border [m].
        length, space: of its dashes and gaps [m]; no space is a line without gaps.
        start: where its first dash begins, from the mark's start [m]; None where dashes count from the road's start.
        width: [m].
    """

    offset: float
    length: float
    space: float
    start: float | None
    width: float


@dataclass(frozen=True)
class RoadMark:
    """What a lane's border carries from `s` on, until the next mark.

    Attributes:
        s: along the road [m].
        kind: OpenDRIVE's type, such as "solid broken".
        color: one of COLORS.
        width: [m].
        strokes: painted lines, none for "none", "grass", "curb" and "botts dots".
    """

    s: float
    kind: str
    color: str
    width: float
    strokes: tuple[Stroke, ...]


_PATTERNS: dict[str, tuple[tuple[int, bool], ...]] = {
    "solid": ((0, False),),
    "edge": ((0, False),),
    "custom": ((0, False),),
    "broken": ((0, True),),
    "solid solid": ((-1, False), (1, False)),
    "solid broken": ((-1, False), (1, True)),
    "broken solid": ((-1, True), (1, False)),
    "broken broken": ((-1, True), (1, True)),
}
"""Strokes of each type: place in line widths from the border, inner first, and whether it has gaps."""


def strokes(kind: str, width: float) -> tuple[Stroke, ...]:
    """The lines of a type whose file states none; empty where nothing is painted."""
    return tuple(
        Stroke(place * width, DASH, GAP if broken else 0.0, None, width) for place, broken in _PATTERNS.get(kind, ())
    )


def road_marks(lane: ET.Element, section_start: float, outward: int, *, middle: bool = False) -> tuple[RoadMark, ...]:
    """The marks of a `<lane>` by ascending s.

    Args:
        lane: the element.
        section_start: s of its lane section [m].
        outward: 1 where t grows away from the inner side of the lane that carries them, else -1.
        middle: of the middle lane, whose double lines are named from left to right, not from the inside.
    """
    order = -outward if middle else 1
    found = [_mark(element, section_start, outward, order) for element in lane.findall("roadMark")]
    return tuple(sorted(found, key=lambda mark: mark.s))


def _mark(element: ET.Element, section_start: float, outward: int, order: int) -> RoadMark:
    kind = " ".join(element.get("type", "none").split())
    color = element.get("color", "standard")
    width = number_in(element, "width", 0.0)
    width = width if width > 0.01 else WIDTH
    lines = [_stroke(line, width, outward) for line in element.findall("type/line")]
    stated = tuple(line for line in lines if line is not None) if kind in _PATTERNS else ()
    usual = tuple(replace(stroke, offset=order * stroke.offset) for stroke in strokes(kind, width))
    s = section_start + number_in(element, "sOffset", 0.0)
    return RoadMark(s, kind, color if color in COLORS else "white", width, stated or usual)


def _stroke(line: ET.Element, width: float, outward: int) -> Stroke | None:
    length, space = number_in(line, "length", 0.0), number_in(line, "space", 0.0)
    if length <= 0:
        return None
    own = number_in(line, "width", 0.0)
    offset = outward * number_in(line, "tOffset", 0.0)
    return Stroke(offset, length, max(space, 0.0), number_in(line, "sOffset", 0.0), own if own > 0.01 else width)
