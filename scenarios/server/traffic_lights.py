"""Traffic lights: where the map's signals stand, whom they stop, and when they switch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import carla
from defusedxml.ElementTree import fromstring

from scenarios.instant import Pose
from scenarios.server.actors import TrafficLight, Vehicle
from scenarios.server.geometry import BoundingBox, Footprint, Vector, overlap, relative

LIGHT_TYPE = "1000001"
"""OpenDRIVE's signal type of a three-coloured light."""

RED, YELLOW, GREEN, OFF = 0, 1, 2, 3

STOP_LENGTH = 9.0
"""How far before the stop line a light's area begins [m]: the braking distance at 40 km/h and a little."""

_STEP_BACK = 2.0
_FINE_STEP = 0.5
_MAX_STEPS = 40


@dataclass(frozen=True)
class Signal:
    """One traffic light of the map.

    Attributes:
        id: OpenDRIVE's signal id.
        pose: where its pole stands, level with the lane that it stops; CARLA turns the actor by 90 degrees, so that x
            runs across the lane.
        stops: the last metres of each lane that it stops.
        group: the junction whose lights take turns; -1 for a light of its own.
        phase: its turn there.
    """

    id: str
    pose: Pose
    stops: tuple[Footprint, ...]
    group: int
    phase: int


def read_signals(carla_map: Any, opendrive: str) -> list[Signal]:
    """The map's traffic lights, ordered by id as the file has them."""
    phases = _controllers(opendrive)
    by_id: dict[str, list[Any]] = {}
    for landmark in carla_map.get_all_landmarks_of_type(LIGHT_TYPE):
        by_id.setdefault(landmark.id, []).append(landmark)
    signals = []
    for id_, landmarks in sorted(by_id.items(), key=lambda item: (len(item[0]), item[0])):
        entries = _entry_waypoints(carla_map, landmarks)
        junction = _junction_ahead(entries)
        group, phase = phases.get(id_, (junction, -1))
        transform = landmarks[0].transform
        place = transform.location
        stopped = entries[0].transform if entries else transform
        yaw = math.remainder(stopped.rotation.yaw + 90.0, 360.0)
        pose = Pose(place.x, place.y, stopped.location.z, 0.0, yaw, 0.0)
        signals.append(Signal(id_, pose, tuple(_stop_area(one) for one in entries), group, phase))
    return _with_phases(signals)


def stop_box(signal: Signal) -> BoundingBox:
    """The first stop area in the axes of the light's actor: CARLA's trigger volume."""
    if not signal.stops:
        return BoundingBox()
    area = signal.stops[0]
    heading = math.degrees(math.atan2(area.sin, area.cos))
    local = relative(signal.pose, Pose(area.x, area.y, (area.bottom + area.top) / 2, 0.0, heading, 0.0))
    turned = abs(math.cos(math.radians(local.yaw))) > math.sqrt(0.5)
    x, y = (area.half_length, area.half_width) if turned else (area.half_width, area.half_length)
    return BoundingBox(Vector(local.x, local.y, local.z), Vector(x, y, (area.top - area.bottom) / 2))


def reset(lights: Iterable[TrafficLight]) -> None:
    """Begin every cycle anew: the first phase of each group is green."""
    for light in lights:
        light.elapsed = 0.0
        light.state = GREEN if light.phase == 0 else RED


def switch(lights: Sequence[TrafficLight], delta: float) -> None:
    """Let `delta` seconds pass for all groups."""
    groups: dict[int, list[TrafficLight]] = {}
    for light in lights:
        groups.setdefault(light.group, []).append(light)
    for group in groups.values():
        if not any(light.frozen for light in group):
            _switch_group(group, delta)


def find_lights(vehicles: Iterable[Vehicle], lights: Sequence[TrafficLight]) -> None:
    """Tell every vehicle which light's stop area it is in."""
    areas = [(light, stop) for light in lights for stop in light.stops]
    for vehicle in vehicles:
        if not areas:
            vehicle.light_at = 0
            continue
        pose = vehicle.pose
        close = [(light, stop) for light, stop in areas if abs(stop.x - pose.x) < 30 and abs(stop.y - pose.y) < 30]
        body = vehicle.footprint if close else None
        vehicle.light_at = next((light.id for light, stop in close if body and _stops(stop, body)), 0)


def _stops(stop: Footprint, body: Footprint) -> bool:
    """Whether a vehicle stands in a stop area and drives the way that it stops."""
    return stop.cos * body.cos + stop.sin * body.sin > 0.5 and overlap(stop, body) is not None


def _switch_group(group: Sequence[TrafficLight], delta: float) -> None:
    for light in group:
        light.elapsed += delta
    leading = [light for light in group if light.state in {GREEN, YELLOW}]
    if not leading:
        last = max(group, key=lambda light: light.phase).phase
        waiting = min(group, key=lambda light: (light.elapsed, -light.phase))
        if waiting.elapsed >= waiting.red - 1e-9:
            _begin(group, (waiting.phase + 1) % (last + 1))
        return
    for light in leading:
        if light.state == GREEN and light.elapsed >= light.green - 1e-9:
            light.state, light.elapsed = YELLOW, 0.0
        elif light.state == YELLOW and light.elapsed >= light.yellow - 1e-9:
            light.state, light.elapsed = RED, 0.0


def _begin(group: Sequence[TrafficLight], phase: int) -> None:
    for light in group:
        if light.phase == phase:
            light.state, light.elapsed = GREEN, 0.0


def _controllers(opendrive: str) -> dict[str, tuple[int, int]]:
    """For every signal with a controller: its junction and its turn there."""
    root = fromstring(opendrive.encode())
    members = {
        one.get("id", ""): [control.get("signalId", "") for control in one.iter("control")]
        for one in root.iter("controller")
        if one.find("control") is not None
    }
    turns: dict[str, tuple[int, int]] = {}
    for junction in root.iter("junction"):
        names = [one.get("id", "") for one in junction.findall("controller")]
        known = [name for name in names if members.get(name)]
        for phase, name in enumerate(known):
            for signal in members[name]:
                turns.setdefault(signal, (int(junction.get("id", "-1")), phase))
    return turns


def _with_phases(signals: list[Signal]) -> list[Signal]:
    """Give lights without a controller a turn: those that face along the same line share one."""
    free: dict[int, list[Signal]] = {}
    for signal in signals:
        if signal.phase < 0:
            free.setdefault(signal.group, []).append(signal)
    turns: dict[str, tuple[int, int]] = {}
    for number, (group, members) in enumerate(sorted(free.items())):
        axes: list[float] = []
        for signal in members:
            yaw = signal.pose.yaw
            phase = next((i for i, axis in enumerate(axes) if abs(math.remainder(yaw - axis, 180.0)) < 45), len(axes))
            if phase == len(axes):
                axes.append(yaw)
            turns[signal.id] = (group if group >= 0 else -1 - number, phase)
    return [Signal(one.id, one.pose, one.stops, *turns.get(one.id, (one.group, one.phase))) for one in signals]


def _entry_waypoints(carla_map: Any, landmarks: Iterable[Any]) -> list[Any]:
    """The waypoint of each stopped lane at its stop line: where it leaves the road for the junction."""
    found: dict[tuple[int, int, int], Any] = {}
    for landmark in landmarks:
        for first, last in landmark.get_lane_validities():
            for lane in range(min(first, last), max(first, last) + 1):
                waypoint = carla_map.get_waypoint_xodr(landmark.road_id, lane, landmark.s) if lane else None
                if waypoint is None or waypoint.lane_type != carla.LaneType.Driving:
                    continue
                entry = _step_out_of_junction(waypoint)
                if entry is not None:
                    found.setdefault((entry.road_id, entry.section_id, entry.lane_id), entry)
    return [found[key] for key in sorted(found)]


def _step_out_of_junction(waypoint: Any) -> Any:
    for _ in range(_MAX_STEPS):
        if not waypoint.is_junction:
            break
        before = waypoint.previous(_STEP_BACK)
        if not before:
            return None
        waypoint = before[0]
    return _end_of_lane(waypoint)


def _end_of_lane(waypoint: Any) -> Any:
    """Where the lane ends if that is near: signals often stand a little before their stop line."""
    here = waypoint
    for _ in range(_MAX_STEPS):
        after = here.next(_FINE_STEP)
        if not after or (after[0].road_id, after[0].lane_id) != (waypoint.road_id, waypoint.lane_id):
            return here
        here = after[0]
    return waypoint


def _junction_ahead(entries: Sequence[Any]) -> int:
    for entry in entries:
        for after in entry.next(_STEP_BACK):
            if after.is_junction:
                return int(after.junction_id)
    return -1


def _stop_area(waypoint: Any) -> Footprint:
    transform = waypoint.transform
    yaw = math.radians(transform.rotation.yaw)
    cos, sin = math.cos(yaw), math.sin(yaw)
    place = transform.location
    half = STOP_LENGTH / 2
    return Footprint(
        place.x - half * cos,
        place.y - half * sin,
        place.z - 1.0,
        place.z + 3.0,
        half,
        0.4 * waypoint.lane_width,
        cos,
        sin,
    )
