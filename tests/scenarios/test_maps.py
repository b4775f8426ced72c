"""The bundled maps are what the script makes, pass ASAM's checker, and drive; broken files get a sentence."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import carla
import pytest
import roadgen
from defusedxml.ElementTree import fromstring
from qc_baselib import Configuration, Result, StatusType
from qc_opendrive import constants
from qc_opendrive import main as qc

from perception.errors import WhiteoutError
from scenarios.maps import country_road
from scenarios.maps.generate import generate
from scenarios.maps.world_map import BUNDLED, MAPS_FOLDER, load_map
from scenarios.render.roads import lanes_of


def driving_waypoints(name: str, spacing: float = 10.0) -> list[carla.Waypoint]:
    return [w for w in load_map(name).carla_map().generate_waypoints(spacing) if not w.is_junction]


def test_generation_repeats_the_committed_bytes(tmp_path: Path) -> None:
    for file in generate(tmp_path):
        assert file.read_bytes() == (MAPS_FOLDER / file.name).read_bytes()


@pytest.mark.parametrize("name", BUNDLED)
def test_asam_checker_finds_no_fault(name: str) -> None:
    config, result = Configuration(), Result()
    config.set_config_param("InputFile", str(MAPS_FOLDER / f"{name}.xodr"))
    result.register_checker_bundle(
        name=constants.BUNDLE_NAME, description="", version=constants.BUNDLE_VERSION, summary=""
    )
    qc.run_checks(config, result)
    checkers = result.get_checker_results(constants.BUNDLE_NAME)
    assert [(c.checker_id, i.description) for c in checkers for i in c.issues] == []
    assert sum(c.status == StatusType.COMPLETED for c in checkers) >= 20
    assert all(c.status in {StatusType.COMPLETED, StatusType.SKIPPED} for c in checkers)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_lane_is_marked_and_leads_on(name: str) -> None:
    for waypoint in driving_waypoints(name):
        for marking in (waypoint.left_lane_marking, waypoint.right_lane_marking):
            assert marking.type in {
                carla.LaneMarkingType.Solid,
                carla.LaneMarkingType.Broken,
                carla.LaneMarkingType.SolidSolid,
            }
            assert 0.1 <= marking.width <= 0.2
            assert marking.color in {carla.LaneMarkingColor.White, carla.LaneMarkingColor.Yellow}
        assert waypoint.next(2.0), f"lane {waypoint.lane_id} of road {waypoint.road_id} ends at s = {waypoint.s}"


def test_country_road_is_a_hilly_loop() -> None:
    waypoint = load_map("country_road").carla_map().get_waypoint_xodr(0, -1, 1.0)
    start, heights, travelled = waypoint.transform.location, [], 0.0
    while travelled < 100.0 or waypoint.transform.location.distance(start) > 4.0:
        before, (waypoint,) = waypoint, waypoint.next(3.0)
        turn = math.remainder(waypoint.transform.rotation.yaw - before.transform.rotation.yaw, 360.0)
        assert abs(turn) < 3.0
        heights.append(waypoint.transform.location.z)
        travelled += 3.0
        assert travelled < 6000.0
    assert 3000.0 < travelled < 4500.0
    grades = [(b - a) / 3.0 for a, b in pairwise(heights)]
    assert 0.03 < max(map(abs, grades)) < 0.055
    assert max(heights) - min(heights) > 10.0


def test_country_road_has_both_centre_lines_and_a_long_straight_to_the_east() -> None:
    kinds = [w.left_lane_marking.type for w in driving_waypoints("country_road") if w.lane_id == -1]
    assert kinds.count(carla.LaneMarkingType.Solid) > len(kinds) // 10
    assert kinds.count(carla.LaneMarkingType.Broken) > len(kinds) // 3
    longest = load_map("country_road").stretches()[0]
    assert longest.length >= 400.0
    assert abs(longest.heading) < 0.01


def test_country_road_closes_to_the_millimetre() -> None:
    loop = load_map("country_road").carla_map()
    last = max((w for w in loop.generate_waypoints(1.0) if w.road_id == 2), key=lambda w: w.s)
    end, start = last.next(5.0)[0], loop.get_waypoint_xodr(0, last.lane_id, 5.0 - _left_over(last))
    assert end.transform.location.distance(start.transform.location) < 0.002


def _left_over(last: carla.Waypoint) -> float:
    text = load_map("country_road").opendrive
    length = float(text.split('name="country_2"')[0].rpartition('length="')[2].partition('"')[0])
    return length - float(last.s)


def test_overtaking_is_closed_before_each_tight_bend() -> None:
    tight = (country_road.Line(200.0), country_road.Bend(40.0, 150.0), country_road.Line(300.0))
    ((start, end),) = country_road._no_overtaking(tight)
    assert start == 160.0
    assert end == pytest.approx(200 + math.radians(40) * 150 + 60)
    assert country_road._no_overtaking((country_road.Line(200.0), country_road.Bend(40.0, 400.0))) == []


def test_town_has_lights_signs_and_crosswalks_where_carla_looks_for_them() -> None:
    town = load_map("small_town").carla_map()
    lights = town.get_all_landmarks_of_type("1000001")
    assert len(lights) == 8
    assert len(town.get_all_landmarks_of_type("205")) == 6
    assert len(town.get_crosswalks()) == 14 * 5
    for light in lights:
        lane = town.get_waypoint(light.transform.location, project_to_road=True)
        assert 1.625 < lane.transform.location.distance(light.transform.location) < 4.0
        assert not lane.is_junction
        assert town.get_waypoint(light.transform.location, project_to_road=False) is None


def test_a_driver_meets_the_light_that_is_meant_for_him() -> None:
    lanes = [w for w in driving_waypoints("small_town") if w.get_landmarks_of_type(60.0, "1000001", True)]
    assert len({(w.road_id, w.lane_id) for w in lanes}) == 12


def test_town_lights_change_in_two_phases_per_junction() -> None:
    root = fromstring(load_map("small_town").opendrive)
    phases = {controller.get("id"): len(controller) for controller in root.findall("controller")}
    assert sorted(phases.values()) == [2, 2, 2, 2]
    used = [[c.get("id") for c in junction.findall("controller")] for junction in root.findall("junction")]
    assert sorted(map(len, used)) == [0] * 6 + [2, 2]
    assert {phase for junction in used for phase in junction} == set(phases)


def test_town_avenue_has_two_lanes_a_direction_and_a_double_yellow_line() -> None:
    avenue = [w for w in driving_waypoints("small_town") if w.lane_id == -2]
    inner = [w.get_left_lane() for w in avenue]
    assert len(avenue) > 30
    assert {w.left_lane_marking.type for w in inner} == {carla.LaneMarkingType.SolidSolid}
    assert {w.left_lane_marking.color for w in inner} == {carla.LaneMarkingColor.Yellow}
    assert {str(w.left_lane_marking.lane_change) for w in avenue} == {"Both"}
    assert {w.get_right_lane().lane_type for w in avenue} == {carla.LaneType.Sidewalk}


def test_town_can_be_crossed_from_anywhere() -> None:
    graph: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for a, b in load_map("small_town").carla_map().get_topology():
        graph.setdefault((a.road_id, a.lane_id), set()).add((b.road_id, b.lane_id))
    start = next(iter(graph))
    seen, todo = {start}, [start]
    while todo:
        for after in graph.get(todo.pop(), set()) - seen:
            seen.add(after)
            todo.append(after)
    assert len({road for road, _ in seen}) > 60


@pytest.mark.parametrize("name", BUNDLED)
def test_roadgen_reads_its_own_map_back(name: str) -> None:
    roads = roadgen.read_opendrive(str(MAPS_FOLDER / f"{name}.xodr"))
    assert not [w for w in roads.read_warnings() if "geoReference" in w]
    assert len(roads.road_ids()) >= 3


def test_any_file_is_a_map(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.xodr"
    copy.write_text(load_map("small_town").opendrive)
    world = load_map(copy)
    assert world.name == "elsewhere"
    assert world.carla_map() is world.carla_map()
    assert len(world.carla_map().get_topology()) > 100


def broken(tmp_path: Path, old: str, new: str) -> Path:
    text = load_map("country_road").opendrive
    assert old in text
    path = tmp_path / f"broken_{len(list(tmp_path.iterdir()))}.xodr"
    path.write_text(text.replace(old, new, 1))
    return path


def test_bad_maps_are_told_in_a_sentence(tmp_path: Path) -> None:
    text = load_map("country_road").opendrive
    cut = tmp_path / "cut.xodr"
    cut.write_text(text[: len(text) // 2])
    empty = tmp_path / "empty.xodr"
    empty.write_text("<OpenDRIVE><header/></OpenDRIVE>")
    other = tmp_path / "other.xodr"
    other.write_text("<html/>")
    binary = tmp_path / "binary.xodr"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    entity = tmp_path / "entity.xodr"
    entity.write_text('<!DOCTYPE x [<!ENTITY a "b">]><OpenDRIVE>&a;</OpenDRIVE>')
    no_lanes = broken(tmp_path, "<center>", "<left>")
    for path, words in (
        ("atlantis", "country_road or small_town"),
        (tmp_path / "gone.xodr", "does not exist"),
        (cut, r"line \d+, column \d+"),
        (empty, "no <road>"),
        (other, "holds <html>"),
        (binary, "UTF-8"),
        (entity, "entities"),
        (no_lanes, "line"),
        (broken(tmp_path, 'length="', 'length="-'), "must be positive"),
    ):
        with pytest.raises(WhiteoutError, match=words):
            load_map(path)


def test_a_file_on_which_carla_gives_up_does_not_take_us_along(tmp_path: Path) -> None:
    for old, new, words in (
        ('<laneSection s="0">', '<laneSection s="9999999">', "ended with code -11"),
        ('hdg="0"', 'hdg="nan"', "distance > 0.0"),
    ):
        with pytest.raises(WhiteoutError, match=f"CARLA's map reader .*{words}"):
            load_map(broken(tmp_path, old, new))


def test_a_map_without_a_drivable_lane_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shoulders.xodr"
    path.write_text(load_map("country_road").opendrive.replace('type="driving"', 'type="shoulder"'))
    with pytest.raises(WhiteoutError, match="no drivable lane"):
        load_map(path)


def test_a_namespace_hides_no_road(tmp_path: Path) -> None:
    plain = load_map("country_road")
    path = tmp_path / "spaced.xodr"
    path.write_text(plain.opendrive.replace("<OpenDRIVE", '<OpenDRIVE xmlns="http://code.asam.net/OpenDRIVE"', 1))
    spaced = load_map(path)
    assert "xmlns" not in spaced.opendrive
    assert len(lanes_of(spaced.opendrive, spaced.carla_map())) == len(lanes_of(plain.opendrive, plain.carla_map())) > 0
