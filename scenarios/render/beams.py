"""How much light a lamp sends in each direction: low and high beams, road luminaires, lenses that face one way.

A low beam is no lamp's in particular. It holds the test points of UN Regulation 112, class B, for right-hand traffic
(01 series, paragraph 6.2): at most 350 cd at B50L and 625 cd in zone III above the cut-off, 13,200 cd at 50L, at least
10,100 cd at 75R and 50R, 5,100 cd at 50V, 1,700 cd at 25L and 25R, 2,500 cd in zone IV. A high beam adds 40,500 cd or
more on its axis.
"""

from __future__ import annotations

from typing import Any

from scenarios.render.mitsuba_setup import dr, mi

LENS, LUMINAIRE, LOW, HIGH = range(4)
"""Kinds of beams: a lens that faces one way, a road luminaire, a low beam, a low and a high beam."""
COLUMNS = 11
"""Of a lamp's row: position 3, axis 3, RGB intensity 3, cosine of a lens's edge, kind of beam."""
CUT_OFF = -0.01
"""Slope of the cut-off of a lamp that is aimed as UN Regulation 48 asks."""
KINK = 0.268
"""Slope of the cut-off's right arm: 15 degrees ..."""
ARM = 0.02
"""... up to this far over the left arm."""
RIM = 0.3
"""Cosine at which a luminaire's shield hides it: 72 degrees from straight down."""
FLATTEST = 4.0
"""How much stronger a luminaire shines to the side than straight down, at most."""


def low_beam(rise: Any, side: Any) -> Any:
    """Intensity [cd] of one headlamp's low beam; device arrays.

    Args:
        rise: sine of the direction's angle over the lamp's horizontal plane.
        side: sine of its angle to the right of the lamp's axis.
    """
    cut = CUT_OFF + dr.minimum(dr.maximum(side, 0) * KINK, ARM)
    below = cut - rise
    depth = dr.maximum(below, 0)
    wide = dr.exp(-dr.square(side / 0.40))
    hot = 17_000 * dr.exp(-depth / 0.021) * dr.exp(-dr.square((side - 0.03) / 0.10))
    near = 4_500 * dr.exp(-depth / 0.105) * wide
    stray = 280 * dr.exp(-dr.maximum(rise, 0) / 0.14) * wide
    return dr.clip(below / 0.006 + 0.5, 0, 1) * (hot + near) + stray


def high_beam(rise: Any, side: Any) -> Any:
    """Intensity [cd] of one headlamp's high beam; device arrays, see `low_beam`."""
    return 42_000 * dr.exp(-(dr.square(rise) + dr.square(side / 1.6)) / 0.0027)


def headlamp(axis: Any, away: Any, high: Any) -> Any:
    """Intensity [cd] of one headlamp in the unit direction `away`; `axis` is the vehicle's heading."""
    right = dr.normalize(mi.Vector3f(axis.y, -axis.x, 1e-6))
    rise, side = dr.dot(away, dr.cross(right, axis)), dr.dot(away, right)
    total = low_beam(rise, side) + dr.select(high, high_beam(rise, side), 0)
    return dr.select(dr.dot(away, axis) > 0, total, 0)


def beam(row: list[Any], away: Any) -> Any:
    """What a lamp's RGB intensity is to be multiplied by in the unit direction `away`; rows of `COLUMNS` arrays.

    Headlamps give candelas, the others 1 in the middle. A luminaire lights the road evenly: its intensity grows with
    the squared distance of the place that it lights, as EN 13201's uniformities ask, up to its shield.
    """
    axis, edge, kind = mi.Vector3f(*row[3:6]), row[9], row[10]
    cosine = dr.dot(away, axis)
    lens = dr.clip((cosine - edge) / (1 - edge), 0, 1)
    even = dr.minimum(dr.rcp(dr.square(dr.maximum(cosine, 0.1))), FLATTEST) * dr.clip((cosine - RIM) * 10, 0, 1)
    still = dr.select(kind == LUMINAIRE, even, lens)
    return dr.select(kind >= LOW, headlamp(axis, away, kind == HIGH), still)
