"""The painted lines of the road in view, from the map and never from the picture.

The road is walked from the camera along its lanes, straight on where they fork. At every metre the borders of all lanes
of that road are noted where OpenDRIVE paints them; side roads are left out. Painted lines are usually interrupted in
junctions: a line that goes on behind one in the same place is one line, invisible in between.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import carla
import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

from perception.camera import Camera
from perception.lane import Lane
from scenarios.axes import MIRROR
from scenarios.route import STEP, ahead

REACH = 80.0
"""How far along the road lines are labelled [m]."""

LONGEST_GAP = 35.0
"""An unpainted gap up to this length does not end a line [m]."""

SIDESTEP = 0.8
"""A line may jump sideways so far between two stations and still be the same [m]."""

SNOW_LIMIT = 0.6
"""A point under this share of snow, or more, is not visible."""

HIDERS = (3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 28)
"""CARLA's classes that hide a line when they fill its pixel."""

NEAREST = 0.5
"""Points nearer than this to the image plane are not projected [m]."""

KINDS = {
    "Solid": "solid",
    "Broken": "broken",
    "SolidSolid": "solid_solid",
    "SolidBroken": "solid_broken",
    "BrokenSolid": "broken_solid",
    "BrokenBroken": "broken",
    "BottsDots": "other",
    "Other": "other",
}
"""CARLA's LaneMarkingType to `Lane.kind`; NONE, Grass and Curb are no paint."""

Cover = Callable[[Float[ndarray, "n 3"]], Float[ndarray, "n"]]
"""Share of each point [CARLA's axes, m] that is under snow, 0 to 1."""


@dataclass(frozen=True)
class Mark:
    """A painted lane border at one station.

    Attributes:
        offset: how far right of the walked lane's middle [m].
        point: on the road, CARLA's axes [m].
        kind: see `perception.lane.LANE_KINDS`.
        color: OpenDRIVE's name.
    """

    offset: float
    point: tuple[float, float, float]
    kind: str
    color: str


@dataclass
class Line:
    """A line while it is being collected: marks and the stations [m] they were found at."""

    marks: list[Mark] = field(default_factory=list)
    stations: list[float] = field(default_factory=list)

    def continues(self, mark: Mark, station: float) -> bool:
        """Whether `mark` may be this line's next point."""
        gap = station - self.stations[-1]
        return 0.0 < gap <= LONGEST_GAP and abs(mark.offset - self.marks[-1].offset) <= SIDESTEP

    def add(self, mark: Mark, station: float) -> None:
        """Append a point."""
        self.marks.append(mark)
        self.stations.append(station)

    @property
    def looks(self) -> tuple[str, str]:
        """Kind and colour that most of it has: where the paint changes, the line goes on as one."""
        return Counter((mark.kind, mark.color) for mark in self.marks).most_common(1)[0][0]

    def points(self) -> tuple[Float[ndarray, "n 3"], Bool[ndarray, "n"]]:
        """The line at every `STEP` metres in CARLA's axes [m], and where it is painted."""
        count = round((self.stations[-1] - self.stations[0]) / STEP) + 1
        stations = self.stations[0] + STEP * np.arange(count)
        known = np.array([mark.point for mark in self.marks])
        points = np.column_stack([np.interp(stations, self.stations, known[:, axis]) for axis in range(3)])
        nearest = np.abs(stations[:, None] - np.array(self.stations)[None, :]).min(axis=1)
        return points, nearest < STEP / 2


def lanes_in_view(
    world_map: carla.Map,
    camera: Camera,
    depth: Float[ndarray, "height width"],
    semantic: UInt8[ndarray, "height width"],
    cover: Cover | None = None,
) -> tuple[Lane, ...]:
    """The lane lines that have at least two points in the picture, from left to right.

    Args:
        world_map: CARLA's map.
        camera: where the picture was taken.
        depth: along the optical axis [m].
        semantic: CARLA's classes.
        cover: tells the snow on the road; without it no line is under snow.
    """
    start = _lane_under(world_map, camera)
    if start is None:
        return ()
    lateral = _offset_of(start, camera.position * MIRROR)
    found: list[tuple[float, Lane]] = []
    for line in painted_lines(start):
        points, painted = line.points()
        lane = _in_picture(line.looks, points, painted, camera)
        if lane is not None:
            open_ = _unhidden(lane, camera, depth, semantic)
            snow = cover(lane.metres * MIRROR) >= SNOW_LIMIT if cover is not None else np.zeros_like(open_)
            states = states_of(lane.visible, open_, snow)
            seen = np.array([state == "visible" for state in states])
            found.append((line.marks[0].offset - lateral, replace(lane, visible=seen, states=states)))
    return _ranked(found)


def states_of(painted: Bool[ndarray, "n"], unhidden: Bool[ndarray, "n"], snow: Bool[ndarray, "n"]) -> tuple[str, ...]:
    """The state of each point (`perception.lane.POINT_STATES`): the first that holds of gap, hidden, snow, visible."""
    return tuple(np.select([~painted, ~unhidden, snow], ["gap", "hidden", "snow"], "visible").tolist())


def painted_lines(start: carla.Waypoint, reach: float = REACH) -> list[Line]:
    """The painted lines of the road from `start` on."""
    lines: list[Line] = []
    waypoint: carla.Waypoint | None = start
    station = 0.0
    while waypoint is not None and station <= reach:
        taken: set[int] = set()
        for mark in () if waypoint.is_junction else marks_across(waypoint):
            open_lines = [i for i, line in enumerate(lines) if i not in taken and line.continues(mark, station)]
            if open_lines:
                best = min(open_lines, key=lambda i: abs(lines[i].marks[-1].offset - mark.offset))
                lines[best].add(mark, station)
                taken.add(best)
            else:
                lines.append(Line([mark], [station]))
                taken.add(len(lines) - 1)
        waypoint = ahead(waypoint, STEP)
        station += STEP
    return [line for line in lines if len(line.marks) >= 2]


def road_edges(waypoint: carla.Waypoint) -> tuple[float, float]:
    """How far right of a waypoint the outermost driving lanes of its road end, on the left (negative) and right [m]."""
    edges = [
        _offset_of(waypoint, np.array(_beside(lane, side * lane.lane_width)))
        for lane in lanes_across(waypoint)
        if lane.lane_type == carla.LaneType.Driving
        for side in (-0.5, 0.5)
    ]
    return min(edges), max(edges)


def marks_across(waypoint: carla.Waypoint) -> list[Mark]:
    """The painted borders of all lanes of the road at `waypoint`, each once, from left to right as seen from it."""
    marks: dict[int, Mark] = {}
    for lane in lanes_across(waypoint):
        inner = lane.lane_id - int(math.copysign(1, lane.lane_id))
        for border, side, marking in (
            (inner, -0.5, lane.left_lane_marking),
            (lane.lane_id, 0.5, lane.right_lane_marking),
        ):
            kind = KINDS.get(marking.type.name)
            if kind is not None and border not in marks:
                point = _beside(lane, side * lane.lane_width)
                offset = _offset_of(waypoint, np.array(point))
                marks[border] = Mark(offset, point, kind, _color(marking))
    return sorted(marks.values(), key=lambda mark: mark.offset)


def lanes_across(waypoint: carla.Waypoint) -> list[carla.Waypoint]:
    """All lanes of the road at `waypoint`: it, those of its direction, then those of the other."""
    lanes = [waypoint]
    across: carla.Waypoint | None = None
    step = waypoint.get_right_lane()
    while step is not None:
        lanes.append(step)
        step = step.get_right_lane()
    step = waypoint.get_left_lane()
    while step is not None:
        if step.lane_id * waypoint.lane_id < 0:
            across = step
            break
        lanes.append(step)
        step = step.get_left_lane()
    while across is not None:
        lanes.append(across)
        across = across.get_right_lane()
    return lanes


def _color(marking: carla.LaneMarking) -> str:
    """OpenDRIVE's colour name; its "standard" is white, and CARLA reads "white" as other than standard."""
    name = marking.color.name.lower()
    return "white" if name == "standard" else name


def _beside(waypoint: carla.Waypoint, right: float) -> tuple[float, float, float]:
    """The point `right` metres to the right of a waypoint, level with it, in CARLA's axes."""
    pose = waypoint.transform
    yaw = math.radians(pose.rotation.yaw)
    return (pose.location.x - math.sin(yaw) * right, pose.location.y + math.cos(yaw) * right, pose.location.z)


def _offset_of(waypoint: carla.Waypoint, point: Float[ndarray, "3"]) -> float:
    """How far right of a waypoint a point [CARLA's axes, m] lies."""
    pose = waypoint.transform
    yaw = math.radians(pose.rotation.yaw)
    return float(-math.sin(yaw) * (point[0] - pose.location.x) + math.cos(yaw) * (point[1] - pose.location.y))


def _lane_under(world_map: carla.Map, camera: Camera) -> carla.Waypoint | None:
    """The lane at the camera that leads the way it looks; lanes of the other direction are left to their neighbours."""
    x, y, z = (float(value) for value in camera.position * MIRROR)
    forward = camera.camera_to_world[:3, 2] * MIRROR
    waypoint = world_map.get_waypoint(carla.Location(x, y, z))
    while waypoint is not None:
        yaw = math.radians(waypoint.transform.rotation.yaw)
        if math.cos(yaw) * forward[0] + math.sin(yaw) * forward[1] > 0:
            return waypoint
        crossed = waypoint.get_left_lane()
        while crossed is not None and crossed.lane_type != carla.LaneType.Driving:
            crossed = crossed.get_left_lane()
        if crossed is None or crossed.lane_id * waypoint.lane_id < 0:
            return crossed
        waypoint = crossed
    return None


def _in_picture(
    looks: tuple[str, str], points: Float[ndarray, "n 3"], painted: Bool[ndarray, "n"], camera: Camera
) -> Lane | None:
    """The longest run of a line inside the picture, cut at its border; None if fewer than two points are left."""
    world = points * MIRROR
    inside = _inside(world, camera)
    run = _longest_run(inside)
    if run is None:
        return None
    low, high = run
    ends = [world[low:high]]
    marks = [painted[low:high]]
    if low > 0:
        ends.insert(0, _border_point(world[low], world[low - 1], camera)[None])
        marks.insert(0, painted[low : low + 1])
    if high < len(world):
        ends.append(_border_point(world[high - 1], world[high], camera)[None])
        marks.append(painted[high - 1 : high])
    metres = np.concatenate(ends)
    pixels, _ = camera.project(metres)
    if len(metres) < 2:
        return None
    return Lane(pixels, metres, np.concatenate(marks), *looks)


def _inside(points: Float[ndarray, "n 3"], camera: Camera) -> Bool[ndarray, "n"]:
    pixels, depth = camera.project(points)
    with np.errstate(invalid="ignore"):
        across = (pixels >= 0).all(axis=1) & (pixels[:, 0] <= camera.width) & (pixels[:, 1] <= camera.height)
    return np.asarray(across & (depth > NEAREST))


def _longest_run(inside: Bool[ndarray, "n"]) -> tuple[int, int] | None:
    """First and one past the last index of the longest stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    if not len(edges):
        return None
    runs = edges.reshape(-1, 2)
    low, high = runs[int((runs[:, 1] - runs[:, 0]).argmax())]
    return int(low), int(high)


def _border_point(inner: Float[ndarray, "3"], outer: Float[ndarray, "3"], camera: Camera) -> Float[ndarray, "3"]:
    """Where the line from a point inside the picture to one outside leaves it, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if _inside((inner + middle * (outer - inner))[None], camera)[0]:
            low = middle
        else:
            high = middle
    return np.asarray(inner + low * (outer - inner))


def _unhidden(
    lane: Lane, camera: Camera, depth: Float[ndarray, "height width"], semantic: UInt8[ndarray, "height width"]
) -> Bool[ndarray, "n"]:
    """Which points are on the surface that the picture shows.

    The depth of a road changes fast from one row to the next, so a point counts as hidden only if everything around its
    pixel is nearer by more than one row's worth and a share of the distance.
    """
    column = np.clip(lane.pixels[:, 0].astype(int), 0, camera.width - 1)
    row = np.clip(lane.pixels[:, 1].astype(int), 0, camera.height - 1)
    distance = camera.to_camera(lane.metres)[:, 2]
    around = [
        depth[np.clip(row + dy, 0, camera.height - 1), np.clip(column + dx, 0, camera.width - 1)]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    height = np.maximum(camera.position[2] - lane.metres[:, 2], 0.5)
    per_row = distance**2 / (camera.intrinsics[1, 1] * height)
    tolerance = 0.3 + 0.03 * distance + per_row
    return np.asarray((np.max(around, axis=0) >= distance - tolerance) & ~np.isin(semantic[row, column], HIDERS))


def _ranked(found: list[tuple[float, Lane]]) -> tuple[Lane, ...]:
    """Lines from left to right with their slots; `found` has each line's offset to the right of the camera [m]."""
    left = sorted((pair for pair in found if pair[0] < 0), key=lambda pair: -pair[0])
    right = sorted((pair for pair in found if pair[0] >= 0), key=lambda pair: pair[0])
    lanes = [replace(lane, slot=-rank) for rank, (_, lane) in enumerate(left, start=1)]
    lanes.reverse()
    return tuple(lanes + [replace(lane, slot=rank) for rank, (_, lane) in enumerate(right, start=1)])
