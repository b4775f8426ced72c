"""The country road: a closed two-lane loop of about 4.1 km over hills, with a long straight that runs east."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import roadgen

from scenarios.maps import finish

LANE_WIDTH = 3.5  # [m]
SHOULDER_WIDTH = 1.25  # [m]
TRANSITION = 60.0  # length of the spiral at each end of a bend [m]


@dataclass(frozen=True)
class Line:
    """A straight of `length` [m]; `closes` marks the two whose length is solved so that the loop closes."""

    length: float
    closes: bool = False


@dataclass(frozen=True)
class Bend:
    """A bend through `angle` [deg] (positive left) at `radius` [m], with a spiral at each end."""

    angle: float
    radius: float

    @property
    def arc_length(self) -> float:
        """Length of the circular part [m]."""
        return abs(math.radians(self.angle)) * self.radius - TRANSITION

    @property
    def curvature(self) -> float:
        """Signed curvature of the circular part [1/m]."""
        return math.copysign(1 / self.radius, self.angle)


Piece = Line | Bend

# Three roads, one after the other; angles add up to one full turn to the left.
ROUTE: tuple[tuple[Piece, ...], ...] = (
    (Line(500.0), Bend(50.0, 180.0), Line(60.0), Bend(-35.0, 240.0), Line(40.0), Bend(75.0, 160.0), Line(40.0)),
    (
        Line(40.0),
        Bend(-30.0, 260.0),
        Line(40.0),
        Bend(55.0, 190.0),
        Line(40.0),
        Bend(65.0, 170.0),
        Line(260.0, closes=True),
    ),
    (
        Line(60.0),
        Bend(45.0, 200.0),
        Line(40.0),
        Bend(-35.0, 240.0),
        Line(40.0),
        Bend(70.0, 150.0),
        Line(60.0),
        Bend(-30.0, 260.0),
        Line(40.0),
        Bend(30.0, 260.0),
        Line(90.0, closes=True),
        Bend(100.0, 150.0),
    ),
)


def build() -> str:
    """Return the country road as OpenDRIVE text, the same bytes every time."""
    route = _closed(ROUTE)
    roads_map = roadgen.Map("country_road", origin=(61.115, 10.466, 180.0))
    point, heading = (0.0, 0.0, 0.0), 0.0
    roads = []
    for number, pieces in enumerate(route):
        alignment = roadgen.Alignment(start=point, heading=heading)
        for piece in pieces:
            _append(alignment, piece)
        roads.append(_add_road(roads_map, f"country_{number}", alignment, pieces))
        point, heading = alignment.point, alignment.heading
    for before, after in zip(roads, roads[1:] + roads[:1], strict=True):
        roads_map.connect(before, after)
    _add_signs(roads_map, roads)
    return _finished(roads_map.to_opendrive_xml())


def _append(alignment: Any, piece: Piece) -> None:
    if isinstance(piece, Line):
        alignment.line(piece.length)
    else:
        alignment.spiral(TRANSITION, piece.curvature)
        alignment.arc(piece.arc_length, piece.curvature)
        alignment.spiral(TRANSITION, 0.0)


def _length(piece: Piece) -> float:
    return piece.length if isinstance(piece, Line) else piece.arc_length + 2 * TRANSITION


def _closed(route: tuple[tuple[Piece, ...], ...]) -> tuple[tuple[Piece, ...], ...]:
    """Return the route with its two `closes` lines stretched to join end and start (linear in their lengths)."""
    alignment, directions = roadgen.Alignment(start=(0.0, 0.0, 0.0), heading=0.0), []
    for piece in (piece for pieces in route for piece in pieces):
        if isinstance(piece, Line) and piece.closes:
            directions.append((math.cos(alignment.heading), math.sin(alignment.heading)))
        _append(alignment, piece)
    stretch = iter(np.linalg.solve(np.array(directions).T, -np.array(alignment.point[:2])))
    return tuple(
        tuple(Line(p.length + float(next(stretch))) if isinstance(p, Line) and p.closes else p for p in pieces)
        for pieces in route
    )


def _lanes(centre: str) -> list[Any]:
    """Lanes from the reference line outwards, first those against it; markings are named as seen along the road."""
    lane, shoulder = {"width": LANE_WIDTH}, {"width": SHOULDER_WIDTH, "type_": "shoulder"}
    bare = {"left_marking": "none", "right_marking": "none"}
    return [
        roadgen.Lane(**lane, direction="backward", left_marking="solid", right_marking=centre),
        roadgen.Lane(**shoulder, direction="backward", **bare),
        roadgen.Lane(**lane, direction="forward", left_marking=centre, right_marking="solid"),
        roadgen.Lane(**shoulder, direction="forward", **bare),
    ]


def _add_road(roads_map: Any, name: str, alignment: Any, pieces: tuple[Piece, ...]) -> Any:
    """Add one road whose centre line is broken where overtaking is safe, and solid in tight bends and ahead of them."""
    total = sum(map(_length, pieces))
    changes = []
    for start, end in _no_overtaking(pieces):
        changes += [(station, centre) for station, centre in ((start, "solid"), (end, "dashed")) if 0 < station < total]
    sections = [(station, _lanes(centre)) for station, centre in changes]
    return roads_map.add_road(
        _lanes("dashed"), alignment=alignment, name=name, type_="rural", speed_limit_kph=80.0, cross_sections=sections
    )


def _no_overtaking(pieces: tuple[Piece, ...], ahead: float = 40.0, gap: float = 80.0) -> list[tuple[float, float]]:
    """Stations [m] from `ahead` of each tight bend to its end; neighbours closer than `gap` are joined."""
    spans: list[tuple[float, float]] = []
    station = 0.0
    for piece in pieces:
        start, station = station, station + _length(piece)
        if isinstance(piece, Bend) and piece.radius < 200:
            span = (max(start - ahead, 10.0), station)
            spans = [*spans[:-1], (spans[-1][0], span[1])] if spans and span[0] - spans[-1][1] < gap else [*spans, span]
    return spans


def _add_signs(roads_map: Any, roads: list[Any]) -> None:
    """Stand speed limits at each road's ends, for both directions (lane 0 runs backward, lane 2 forward)."""
    for road, code in zip(roads, ("274-80", "274-60", "274-80"), strict=True):
        for lane, setback in ((0, 30.0), (2, 60.0)):
            roads_map.add_traffic_sign(road.lane(lane), code, end="start", setback=setback, height=1.8)


def _height(length: float) -> finish.Height:
    """Hills that repeat after one lap; the steepest grade is about 5 %."""
    waves = ((2, 6.0, 0.4), (4, 3.6, 1.9), (7, 1.3, 4.0))  # waves a lap, half height [m], phase [rad]
    return lambda s: sum(a * math.sin(2 * math.pi * k * s / length + phase) for k, a, phase in waves)


def _finished(text: str) -> str:
    root = finish.parse(text)
    finish.finish_markings(root)
    finish.finish_signals(root)
    roads = root.findall("road")
    height = _height(sum(float(road.get("length", "0")) for road in roads))
    start = 0.0
    for road in roads:
        finish.finish_elevation(road, height, start)
        start += float(road.get("length", "0"))
    finish.order_children(root)
    return finish.serialise(root)
