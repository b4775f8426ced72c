"""What is told of objects and lane lines beside where they are, as the classes that a model tells apart."""

from __future__ import annotations

import math

import numpy as np

from perception.lane import LANE_KINDS

BAND_EDGES: tuple[float, ...] = (15.0, 30.0, 60.0)
"""Distances at which one band ends and the next begins [m]."""

DISTANCE_BANDS: tuple[str, ...] = ("0-15 m", "15-30 m", "30-60 m", "60 m and more")
"""Names of the bands of an object's distance, near to far."""

LANE_COLORS: tuple[str, ...] = ("white", "yellow", "blue", "red", "other")
"""Colours of paint that a model tells apart; OpenDRIVE's rarer ones are "other"."""

UNKNOWN = -1
"""Index of a class that nobody can tell."""

MIRRORED: dict[str, str] = {"solid_broken": "broken_solid", "broken_solid": "solid_broken"}
"""Kinds of lines that are another kind in a mirror."""


def band_index(distance: float) -> int:
    """The band of a distance [m], `UNKNOWN` for NaN."""
    return UNKNOWN if math.isnan(distance) else int(np.searchsorted(BAND_EDGES, distance, side="right"))


def kind_index(kind: str) -> int:
    """Place of a line's kind in `LANE_KINDS`."""
    return LANE_KINDS.index(kind)


def color_index(color: str) -> int:
    """Place of a line's colour in `LANE_COLORS`; OpenDRIVE's "standard" is white."""
    known = "white" if color == "standard" else color
    return LANE_COLORS.index(known if known in LANE_COLORS else "other")
