"""Which places of a map are for training and which are held out: no model is tested where it learned."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

import carla

from perception.errors import WhiteoutError
from scenarios.route import Route, route_from

CELL = 250.0
"""Roads are cut into cells of about this length [m]."""

HELD_OUT_EVERY = 4
"""One cell in so many is held out."""

GUARD = 40.0
"""Training keeps this far away from held-out cells of the same road [m]."""

SPACING = 10.0
"""Distance between possible start places [m]."""

STRETCHES = ("train", "test")


@dataclass(frozen=True)
class Cell:
    """A part of a road: from `start` to `end` along its reference line [m]."""

    road: int
    start: float
    end: float
    held_out: bool


class Stretches:
    """A map's roads, outside junctions, cut into training and held-out cells."""

    def __init__(self, world_map: carla.Map) -> None:
        self._map = world_map

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells in the order of road numbers."""
        cells: list[Cell] = []
        for road, (start, end) in sorted(self._extents.items()):
            count = max(1, round((end - start) / CELL))
            size = (end - start) / count
            for index in range(count):
                held_out = len(cells) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
                cells.append(Cell(road, start + index * size, start + (index + 1) * size, held_out))
        return tuple(cells)

    @cached_property
    def _lanes(self) -> tuple[carla.Waypoint, ...]:
        """A waypoint every few metres of every driving lane outside junctions, in a fixed order."""
        found = [w for w in self._map.generate_waypoints(SPACING) if not w.is_junction]
        return tuple(sorted(found, key=lambda w: (w.road_id, w.lane_id, w.s)))

    @cached_property
    def _extents(self) -> dict[int, tuple[float, float]]:
        extents: dict[int, tuple[float, float]] = {}
        for waypoint in self._lanes:
            low, high = extents.get(waypoint.road_id, (waypoint.s, waypoint.s))
            extents[waypoint.road_id] = (min(low, waypoint.s), max(high, waypoint.s))
        return extents

    def allows(self, waypoint: carla.Waypoint, stretch: str) -> bool:
        """Whether a place belongs to `stretch`; junctions belong to neither and stand open to both."""
        if waypoint.is_junction:
            return True
        margin = 0.0 if stretch == "test" else GUARD
        held_out = [c for c in self.cells if c.road == waypoint.road_id and c.held_out]
        inside = any(c.start - margin <= waypoint.s <= c.end + margin for c in held_out)
        return inside == (stretch == "test")

    def draw(self, chance: random.Random, stretch: str, length: float, bend: float, *, junctions: bool) -> Route:
        """A route of `length` metres that stays within `stretch` and turns less than `bend` degrees.

        Args:
            chance: what decides which.
            stretch: "train" or "test".
            length: of the route [m].
            bend: largest change of heading against its start [deg].
            junctions: whether it may lead through junctions.

        Raises:
            WhiteoutError: the map has none.
        """
        if stretch not in STRETCHES:
            raise WhiteoutError(f"there is no stretch {stretch!r}; choose one of {', '.join(STRETCHES)}")
        places = [waypoint for waypoint in self._lanes if self.allows(waypoint, stretch)]
        while places:
            route = route_from(places.pop(chance.randrange(len(places))), length)
            if self._fits(route, stretch, length, bend, junctions=junctions):
                return route
        raise WhiteoutError(
            f"map {self._map.name} has no {stretch} stretch of {length:.0f} m that turns less than {bend:.0f} deg"
            f"{'' if junctions else ' without a junction'}; choose another map or stretch"
        )

    def _fits(self, route: Route, stretch: str, length: float, bend: float, *, junctions: bool) -> bool:
        return (
            route.length >= length - 1.0
            and route.bend <= bend
            and (junctions or not any(w.is_junction for w in route.waypoints))
            and all(self.allows(w, stretch) for w in route.waypoints)
        )
