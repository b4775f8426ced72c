"""The small town: three blocks by two, an avenue of two lanes a direction, lights where streets cross it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import roadgen

from scenarios.maps import finish

LANE_WIDTH = 3.25  # [m]
SIDEWALK_WIDTH = 2.5  # [m]
KERB_HEIGHT = 0.12  # [m]
COLUMNS = (0.0, 190.0, 400.0, 600.0)  # x of the streets that run north [m]
ROWS = (0.0, 190.0, 390.0)  # y of the streets that run east; the middle one is the avenue [m]
STREET_MOUTH, AVENUE_MOUTH = 20.0, 17.0  # from a junction's centre to where its streets, its avenue end [m]
CORNER_RADIUS = 32.0  # [m]


@dataclass(frozen=True)
class Arm:
    """One road's end at a junction.

    Attributes:
        road: roadgen's handle on the road.
        end: which of its ends meets the junction, "start" or "end".
        lanes: driving lanes per direction.
        quarter: where the arm lies, seen from the junction: 0 east, 1 north, 2 west, 3 south.
        length: of the whole road [m].
    """

    road: Any
    end: str
    lanes: int
    quarter: int
    length: float

    @property
    def incoming(self) -> list[Any]:
        """Driving lanes that enter the junction, from the road's middle outwards."""
        first = self.lanes + 1 if self.end == "end" else 0
        return [self.road.lane(first + k) for k in range(self.lanes)]

    @property
    def outgoing(self) -> list[Any]:
        """Driving lanes that leave the junction, from the road's middle outwards."""
        first = 0 if self.end == "end" else self.lanes + 1
        return [self.road.lane(first + k) for k in range(self.lanes)]


Arms = dict[tuple[int, int], list[Arm]]


def build() -> str:
    """Return the small town as OpenDRIVE text, the same bytes every time."""
    town = roadgen.Map("small_town", origin=(61.115, 10.466, 180.0))
    arms: Arms = {}
    _add_avenue(town, arms)
    _add_streets(town, arms)
    _add_ring(town, arms)
    for (column, row), around in sorted(arms.items()):
        _add_junction(town, f"junction_{column}_{row}", around)
    return _finished(town.to_opendrive_xml())


def _lanes(per_direction: int) -> list[Any]:
    """Lanes from the reference line outwards, first those against it; markings are named as seen along the road."""
    lanes = []
    for direction, outer, inner in (("backward", "left", "right"), ("forward", "right", "left")):
        for k in range(per_direction):
            marks = {f"{outer}_marking": "solid" if k == per_direction - 1 else "dashed"}
            marks[f"{inner}_marking"] = "dashed"
            lanes.append(roadgen.Lane(LANE_WIDTH, direction, **marks))
        bare = {"left_marking": "none", "right_marking": "none"}
        lanes.append(roadgen.Lane(SIDEWALK_WIDTH, direction, "sidewalk", height=(KERB_HEIGHT, KERB_HEIGHT), **bare))
    return lanes


def _add_road(town: Any, name: str, lanes: int, **shape: Any) -> Any:
    return town.add_road(_lanes(lanes), name=name, type_="town", speed_limit_kph=50.0, **shape)


def _note(arms: Arms, node: tuple[int, int], arm: Arm) -> None:
    arms.setdefault(node, []).append(arm)


def _add_avenue(town: Any, arms: Arms) -> None:
    y = ROWS[1]
    for k in range(3):
        start, end = (COLUMNS[k] + STREET_MOUTH, y, 0.0), (COLUMNS[k + 1] - STREET_MOUTH, y, 0.0)
        road = _add_road(town, f"avenue_{k}", 2, start=start, end=end)
        length = end[0] - start[0]
        _note(arms, (k, 1), Arm(road, "start", 2, 0, length))
        _note(arms, (k + 1, 1), Arm(road, "end", 2, 2, length))


def _add_streets(town: Any, arms: Arms) -> None:
    """Add the two streets that cross the avenue; the second swings to the side and back on its way."""
    for column in (1, 2):
        for row in (0, 1):
            mouths = (AVENUE_MOUTH if row == 0 else STREET_MOUTH, STREET_MOUTH if row == 0 else AVENUE_MOUTH)
            y0, y1 = ROWS[row] + mouths[0], ROWS[row + 1] - mouths[1]
            alignment = roadgen.Alignment(start=(COLUMNS[column], y0, 0.0), heading=math.pi / 2)
            length = _swing(alignment, y1 - y0) if column == 2 else y1 - y0
            if column == 1:
                alignment.line(length)
            road = _add_road(town, f"street_{column}_{row}", 1, alignment=alignment)
            _note(arms, (column, row), Arm(road, "start", 1, 1, length))
            _note(arms, (column, row + 1), Arm(road, "end", 1, 3, length))


def _swing(alignment: Any, length: float, radius: float = 90.0, turn: float = 0.25) -> float:
    """Go `length` metres ahead by way of a few metres to the left; return how long that way is [m]."""
    ends = (length - 4 * radius * math.sin(turn)) / 2
    alignment.line(ends)
    alignment.arc(radius * turn, 1 / radius)
    alignment.arc(2 * radius * turn, -1 / radius)
    alignment.arc(radius * turn, 1 / radius)
    alignment.line(ends)
    return 2 * ends + 4 * radius * turn


def _add_ring(town: Any, arms: Arms) -> None:
    """Add the street around the town: two straights north and south, four roads that turn its corners."""
    for row in (0, 2):
        start, end = (COLUMNS[1] + AVENUE_MOUTH, ROWS[row], 0.0), (COLUMNS[2] - AVENUE_MOUTH, ROWS[row], 0.0)
        road = _add_road(town, f"ring_{row}", 1, start=start, end=end)
        length = end[0] - start[0]
        _note(arms, (1, row), Arm(road, "start", 1, 0, length))
        _note(arms, (2, row), Arm(road, "end", 1, 2, length))
    # From the avenue's end round the corner to the next street: the quarter it leaves by, the turn, both junctions.
    for name, leave, turn, here, there in (
        ("south_west", 3, 1, (0, 1), (1, 0)),
        ("north_west", 1, -1, (0, 1), (1, 2)),
        ("south_east", 3, -1, (3, 1), (2, 0)),
        ("north_east", 1, 1, (3, 1), (2, 2)),
    ):
        along = abs(ROWS[here[1]] - ROWS[there[1]]) - STREET_MOUTH - CORNER_RADIUS
        across = abs(COLUMNS[here[0]] - COLUMNS[there[0]]) - AVENUE_MOUTH - CORNER_RADIUS
        sign = 1 if leave == 1 else -1
        start = (COLUMNS[here[0]], ROWS[1] + sign * STREET_MOUTH, 0.0)
        alignment = roadgen.Alignment(start=start, heading=sign * math.pi / 2)
        alignment.line(along)
        alignment.arc(CORNER_RADIUS * math.pi / 2, turn / CORNER_RADIUS)
        alignment.line(across)
        road = _add_road(town, f"ring_{name}", 1, alignment=alignment)
        length = along + CORNER_RADIUS * math.pi / 2 + across
        _note(arms, here, Arm(road, "start", 1, leave, length))
        _note(arms, there, Arm(road, "end", 1, 2 if there[0] == 1 else 0, length))


def _add_junction(town: Any, name: str, arms: list[Arm]) -> None:
    junction = town.add_junction(name)
    for a in arms:
        for b in arms:
            if a is not b:
                _add_turns(town, junction, a, b)
    if len(arms) == 4:
        for arm in arms:
            _add_crossing(town, arm)
            light = town.add_traffic_light(arm.incoming[-1], end=arm.end, height=2.6, setback=6.5)
            lines = [town.add_stop_line(lane, end=arm.end, setback=6.5) for lane in arm.incoming]
            town.add_traffic_light_rule([light], arm.incoming, lines[-1])
    else:
        _add_priority(town, arms)


def _add_crossing(town: Any, arm: Arm, setback: float = 3.5, width: float = 4.0) -> None:
    """Paint a crosswalk, its middle `setback` metres before the junction."""
    fraction = setback / arm.length
    town.add_crosswalk(arm.road, fraction=1 - fraction if arm.end == "end" else fraction, width=width)


def _add_priority(town: Any, arms: list[Arm]) -> None:
    """Make the arm that ends at a three-way junction give way to the road that goes through."""
    (minor,) = (arm for arm in arms if all((arm.quarter - other.quarter) % 4 != 2 for other in arms))
    _add_crossing(town, minor)
    lines = [town.add_stop_line(lane, end=minor.end, setback=6.5) for lane in minor.incoming]
    town.add_traffic_sign(minor.incoming[-1], "205", end=minor.end, setback=7.0, height=2.2)
    through = [lane for arm in arms if arm is not minor for lane in arm.incoming]
    town.add_right_of_way(through, minor.incoming, lines[-1])


def _add_turns(town: Any, junction: Any, a: Arm, b: Arm) -> None:
    """Connect the lanes of `a` to those of `b`: straight on lane by lane, left from the inner, right from the outer."""
    turn = (b.quarter - a.quarter) % 4
    if turn == 2:
        for k in range(max(a.lanes, b.lanes)):
            town.connect_lanes(a.incoming[min(k, a.lanes - 1)], b.outgoing[min(k, b.lanes - 1)], junction)
    elif turn == 1:  # its arm lies one quarter counter-clockwise of ours: a right turn
        town.connect_lanes(a.incoming[-1], b.outgoing[-1], junction)
    else:
        town.connect_lanes(a.incoming[0], b.outgoing[0], junction)


def _finished(text: str) -> str:
    root = finish.parse(text)
    finish.finish_markings(root)
    finish.finish_signals(root)
    for road in root.findall("road"):
        if road.get("name", "").startswith("avenue"):
            finish.paint_centre(road, "solid solid", "yellow")
    _group_lights(root)
    finish.order_children(root)
    return finish.serialise(root)


def _group_lights(root: ET.Element) -> None:
    """Let the lights that face each other change together: one controller for the avenue, one for the street."""
    road_of = {signal.get("id"): road.get("name", "") for road in root.iter("road") for signal in road.iter("signal")}
    controllers = {controller.get("id"): controller for controller in root.findall("controller")}
    for junction in root.findall("junction"):
        phases: dict[str, ET.Element] = {}
        for reference in junction.findall("controller"):
            controller = controllers[reference.get("id")]
            kind = road_of[controller.find("control").get("signalId")].partition("_")[0]  # type: ignore[union-attr]
            if kind in phases:
                phases[kind].extend(controller)
                root.remove(controller)
                junction.remove(reference)
            else:
                phases[kind] = controller
                controller.set("name", f"{junction.get('name')}_{kind}")
                reference.set("sequence", str(len(phases) - 1))
