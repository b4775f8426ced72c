"""A painted lane line in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from numpy import ndarray

LANE_KINDS: tuple[str, ...] = ("solid", "broken", "solid_solid", "solid_broken", "broken_solid", "other")
"""Road-mark types, OpenDRIVE's names with spaces written as underscores."""


POINT_STATES: tuple[str, ...] = ("visible", "hidden", "snow", "gap")
"""What can become of a point of a line: seen, behind an object, under snow (and behind no object), or not painted."""


@dataclass(frozen=True, eq=False)
class Lane:
    """One lane line as a polyline ordered from near to far; gaps between the dashes of a broken line are bridged.

    Attributes:
        pixels: points in the picture [px].
        metres: the same points in world axes [m]; NaN where the source has none.
        visible: per point, false where an object hides the line or snow covers it.
        kind: one of `LANE_KINDS`.
        color: OpenDRIVE's colour name, such as "white" or "yellow".
        slot: order: rank sideways at the near end: -1 first line to the left of the camera (ego-left), +1 first to the
            right (ego-right), outwards -2, +2, ...; 0 if unknown.
        states: per point, one of `POINT_STATES`; empty where the source does not tell.
    """

    pixels: Float[ndarray, "n 2"]
    metres: Float[ndarray, "n 3"]
    visible: Bool[ndarray, "n"]
    kind: str = "solid"
    color: str = "white"
    slot: int = 0
    states: tuple[str, ...] = ()
