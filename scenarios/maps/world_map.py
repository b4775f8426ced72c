"""A map: the text of an OpenDRIVE file, and what CARLA's own map reader makes of it."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import carla
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from perception.errors import WhiteoutError

MAPS_FOLDER = Path(__file__).parent
BUNDLED = ("country_road", "small_town")

_PROBE = """
import sys, carla
sys.exit(0 if carla.Map("probe", sys.stdin.buffer.read().decode()).get_topology() else 3)
"""


@dataclass(frozen=True)
class Stretch:
    """A run of one lane without a bend.

    Attributes:
        road_id, lane_id: OpenDRIVE ids.
        s: OpenDRIVE station [m] where traffic enters the run.
        length: how far it goes on from there [m].
        heading: travel direction, counter-clockwise from OpenDRIVE's +x (east) [rad], in (-pi, pi].
    """

    road_id: int
    lane_id: int
    s: float
    length: float
    heading: float


@dataclass(frozen=True)
class WorldMap:
    """One road world.

    Attributes:
        name: bundled name, or the file's stem.
        opendrive: the file's whole text.
        path: where it was read from.
    """

    name: str
    opendrive: str
    path: Path

    @cached_property
    def _carla_map(self) -> carla.Map:
        return carla.Map(self.name, self.opendrive)

    def carla_map(self) -> carla.Map:
        """Return CARLA's map of this road world, built on the first call."""
        return self._carla_map

    def stretches(self, min_length: float = 100.0, *, step: float = 5.0, tolerance: float = 0.003) -> list[Stretch]:
        """Return the straight runs of every driving lane, longest first.

        Args:
            min_length: shortest run to report [m].
            step: spacing of the waypoints that are compared [m].
            tolerance: largest turn between neighbouring waypoints [rad].
        """
        lanes: dict[tuple[int, int], list[carla.Waypoint]] = {}
        for waypoint in self.carla_map().generate_waypoints(step):
            if not waypoint.is_junction:
                lanes.setdefault((waypoint.road_id, waypoint.lane_id), []).append(waypoint)
        found = [run for lane in lanes.values() for run in _straight_runs(lane, tolerance)]
        return sorted((run for run in found if run.length >= min_length), key=lambda run: -run.length)


def load_map(name_or_path: str | Path) -> WorldMap:
    """Read a bundled map by name, or any OpenDRIVE file.

    Raises:
        WhiteoutError: the name is unknown, or the file is missing, broken or holds no road that CARLA can use.
    """
    if str(name_or_path) in BUNDLED:
        path = MAPS_FOLDER / f"{name_or_path}.xodr"
        return WorldMap(str(name_or_path), path.read_text(encoding="utf-8"), path)
    path = Path(name_or_path)
    if path.suffix != ".xodr" and not path.exists():
        raise WhiteoutError(
            f"map {str(name_or_path)!r} is unknown: use {' or '.join(BUNDLED)}, or a path to an .xodr file"
        )
    text = _read_text(path)
    text = _checked_document(text, path)
    _check_carla_reads(text, path)
    return WorldMap(path.stem, text, path)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise WhiteoutError(f"map {path} does not exist: give the path of an OpenDRIVE (.xodr) file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise WhiteoutError(
            f"map {path} cannot be read as UTF-8 text ({error}): give an OpenDRIVE (.xodr) file"
        ) from error


def _checked_document(text: str, path: Path) -> str:
    """The text, without XML namespaces, which nobody reads in OpenDRIVE and which would hide its elements.

    Refuses what would make CARLA's reader abort the process: broken XML, other documents, roads without a shape.
    """
    try:
        root = fromstring(text.encode())
    except ET.ParseError as error:
        line, column = error.position
        raise WhiteoutError(
            f"map {path}, line {line}, column {column}: not well-formed XML ({str(error).partition(':')[0]});"
            " the file is broken or cut short, copy or export it again"
        ) from error
    except DefusedXmlException as error:
        raise WhiteoutError(
            f"map {path} declares XML entities, which are not expanded: export it without them"
        ) from error
    spaced = [element for element in root.iter() if element.tag.startswith("{")]
    for element in spaced:
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "OpenDRIVE":
        raise WhiteoutError(f"map {path} holds <{root.tag}>, not <OpenDRIVE>: give an OpenDRIVE (.xodr) file")
    roads = root.findall("road")
    if not roads:
        raise WhiteoutError(f"map {path} has no <road>: export it again with its road network")
    for road in roads:
        _check_road(road, path)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) if spaced else text


def _check_road(road: ET.Element, path: Path) -> None:
    for missing in ("planView/geometry", "lanes/laneSection/center/lane"):
        if road.find(missing) is None:
            raise WhiteoutError(
                f"map {path}: road {road.get('id')!r} has no {missing}: export the map again or remove the road"
            )
    try:
        length = float(road.get("length", "nan"))
    except ValueError:
        length = math.nan
    if not (math.isfinite(length) and length > 0):
        raise WhiteoutError(
            f"map {path}: road {road.get('id')!r} has length {road.get('length')!r}: it must be positive metres"
        )


def _check_carla_reads(text: str, path: Path) -> None:
    """Let CARLA's reader try in a child process first, since it aborts on some files instead of raising."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as given, tempfile.TemporaryFile("w+") as errors:
        given.write(text)
        given.seek(0)
        command = [sys.executable, "-c", _PROBE]
        probe = subprocess.run(command, stdin=given, stdout=subprocess.DEVNULL, stderr=errors, check=False)
        errors.seek(0)
        said = errors.read()
    if probe.returncode:
        lines = said.strip().splitlines() or [f"it ended with code {probe.returncode}"]
        reason = "no drivable lane" if probe.returncode == 3 else lines[-1]
        raise WhiteoutError(
            f"map {path} cannot be used by CARLA's map reader ({reason}): check its roads, lanes and links"
        )


def _straight_runs(lane: list[carla.Waypoint], tolerance: float) -> list[Stretch]:
    """Cut one lane's waypoints into runs whose heading stays the same."""
    ordered = sorted(lane, key=lambda waypoint: waypoint.s, reverse=lane[0].lane_id > 0)
    runs: list[list[carla.Waypoint]] = [[ordered[0]]]
    for before, after in pairwise(ordered):
        if abs(math.remainder(_heading(after) - _heading(before), math.tau)) > tolerance:
            runs.append([])
        runs[-1].append(after)
    return [
        Stretch(run[0].road_id, run[0].lane_id, run[0].s, abs(run[-1].s - run[0].s), _heading(run[len(run) // 2]))
        for run in runs
        if len(run) > 1
    ]


def _heading(waypoint: carla.Waypoint) -> float:
    return math.remainder(-math.radians(waypoint.transform.rotation.yaw), math.tau)
