"""Lane lines of hand-made roads, against pixels computed on paper."""

from __future__ import annotations

import carla
import numpy as np
import pytest
from numpy import ndarray

from perception.camera import Camera
from scenarios.axes import camera_from, rotation
from scenarios.lane_truth import Line, Mark, lanes_in_view, states_of
from scenarios.maps.world_map import load_map
from tests.scenarios.roads import LANE_WIDTH, crest, straight_road

WIDTH, HEIGHT, FOV = 640, 384, 90.0
FOCAL = 320.0
EYE = 1.5
FAR = 1000.0


@pytest.fixture(scope="module")
def straight() -> carla.Map:
    return carla.Map("straight", straight_road())


def camera_at(x: float, y: float, yaw: float = 0.0) -> Camera:
    return camera_from(carla.Transform(carla.Location(x, y, EYE), carla.Rotation(yaw=yaw)), WIDTH, HEIGHT, FOV)


def empty() -> tuple[ndarray, ndarray]:
    """Depth and semantics of a picture in which nothing hides anything."""
    return np.full((HEIGHT, WIDTH), FAR, np.float32), np.ones((HEIGHT, WIDTH), np.uint8)


def test_lines_of_a_straight_road_are_where_geometry_puts_them(straight: carla.Map) -> None:
    lanes = lanes_in_view(straight, camera_at(20.0, LANE_WIDTH / 2), *empty())

    assert [lane.slot for lane in lanes] == [-2, -1, 1]
    assert [(lane.kind, lane.color) for lane in lanes] == [
        ("solid", "yellow"),
        ("broken", "white"),
        ("solid", "yellow"),
    ]
    for lane, right in zip(lanes, (-1.5 * LANE_WIDTH, -0.5 * LANE_WIDTH, 0.5 * LANE_WIDTH), strict=True):
        ahead = lane.metres[:, 0] - 20.0
        np.testing.assert_allclose(lane.metres[:, 1], -(LANE_WIDTH / 2 + right), atol=1e-3)
        np.testing.assert_allclose(lane.pixels[:, 0], 320 + FOCAL * right / ahead, atol=0.1)
        np.testing.assert_allclose(lane.pixels[:, 1], 192 + FOCAL * EYE / ahead, atol=0.1)
        assert lane.visible.all()
        assert ahead[-1] == pytest.approx(80.0, abs=1.0)


def test_lines_begin_exactly_at_the_border_of_the_picture(straight: carla.Map) -> None:
    lanes = {lane.slot: lane for lane in lanes_in_view(straight, camera_at(20.0, LANE_WIDTH / 2), *empty())}

    assert lanes[1].pixels[0, 1] == pytest.approx(HEIGHT, abs=0.1)
    assert lanes[1].metres[0, 0] - 20.0 == pytest.approx(FOCAL * EYE / 192, abs=0.01)
    assert lanes[-2].pixels[0, 0] == pytest.approx(0.0, abs=0.1)


def test_the_way_back_has_the_same_lines_mirrored(straight: carla.Map) -> None:
    lanes = lanes_in_view(straight, camera_at(150.0, -LANE_WIDTH / 2, yaw=180.0), *empty())

    assert [lane.slot for lane in lanes] == [-2, -1, 1]
    np.testing.assert_allclose([lane.metres[0, 1] for lane in lanes], [-3.5, 0.0, 3.5], atol=1e-3)


def test_a_camera_on_the_wrong_side_still_looks_along_its_own_direction(straight: carla.Map) -> None:
    lanes = lanes_in_view(straight, camera_at(20.0, -1.0), *empty())

    assert [lane.slot for lane in lanes] == [-1, 1, 2]
    np.testing.assert_allclose([lane.metres[0, 1] for lane in lanes], [3.5, 0.0, -3.5], atol=1e-3)


def test_what_stands_before_a_line_hides_it(straight: carla.Map) -> None:
    depth, semantic = empty()
    depth[:, 320:] = 15.0
    lanes = {lane.slot: lane for lane in lanes_in_view(straight, camera_at(20.0, LANE_WIDTH / 2), depth, semantic)}

    distance = lanes[1].metres[:, 0] - 20.0
    assert lanes[1].visible[distance < 15.0].all()
    assert not lanes[1].visible[distance > 18.0].any()
    assert lanes[-1].visible[:-3].all()


def test_a_vehicle_in_the_pixel_hides_the_line_whatever_the_depth(straight: carla.Map) -> None:
    depth, semantic = empty()
    semantic[:, :320] = 14
    lanes = {lane.slot: lane for lane in lanes_in_view(straight, camera_at(20.0, LANE_WIDTH / 2), depth, semantic)}

    assert not lanes[-1].visible.any()
    assert lanes[1].visible.all()


def test_snow_hides_lines_from_a_share_of_six_tenths(straight: carla.Map) -> None:
    asked: list[ndarray] = []

    def cover(points: ndarray) -> ndarray:
        asked.append(points)
        return np.where(points[:, 0] > 50.0, 0.6, 0.59)

    lanes = lanes_in_view(straight, camera_at(20.0, LANE_WIDTH / 2), *empty(), cover)

    for lane in lanes:
        np.testing.assert_array_equal(lane.visible, lane.metres[:, 0] <= 50.0)
    assert asked[0][0, 1] == pytest.approx(-LANE_WIDTH, abs=1e-3), "points are asked for in CARLA's axes"


def test_each_point_says_what_became_of_it(straight: carla.Map) -> None:
    """An object fills the right half beyond 15 m, snow lies beyond 50 m on all lines."""
    depth, semantic = empty()
    depth[:, 320:] = 15.0
    lanes = {
        lane.slot: lane
        for lane in lanes_in_view(
            straight, camera_at(20.0, LANE_WIDTH / 2), depth, semantic, lambda p: np.where(p[:, 0] > 50.0, 1.0, 0.0)
        )
    }
    ahead = lanes[1].metres[:, 0] - 20.0
    states = np.array(lanes[1].states)
    assert set(states[ahead < 15.0]) == {"visible"}
    assert set(states[ahead > 18.0]) == {"hidden"}, "what is behind an object is hidden, snow or not"
    left = np.array(lanes[-2].states)
    np.testing.assert_array_equal(left == "snow", lanes[-2].metres[:, 0] > 50.0)
    for lane in lanes.values():
        np.testing.assert_array_equal(lane.visible, np.array(lane.states) == "visible")


def test_gaps_come_before_objects_and_objects_before_snow() -> None:
    painted, open_, snow = np.array([[True, True, True, False], [True, False, False, False], [False, True, True, True]])
    unhidden = ~np.array([False, False, True, True])
    assert states_of(painted, unhidden, snow) == ("visible", "snow", "hidden", "gap")
    assert states_of(painted, open_, np.zeros(4, bool)) == ("visible", "hidden", "hidden", "gap")


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (-6.0, 12.0, 15.0)], ids=["straight", "askew"])
@pytest.mark.parametrize("name", ["country_road", "small_town"])
def test_lines_of_real_roads_lie_on_the_lane_borders(name: str, turn: tuple[float, float, float]) -> None:
    """Waypoints of `carla.Map` beside each point, and its pixel, by hand."""
    world_map = load_map(name).carla_map()
    checked = 0
    for start in world_map.generate_waypoints(90.0)[:12]:
        place, heading = start.transform.location, start.transform.rotation.yaw
        pose = carla.Transform(
            carla.Location(place.x, place.y, place.z + EYE), carla.Rotation(turn[0], heading + turn[1], turn[2])
        )
        for lane in lanes_in_view(world_map, camera_from(pose, WIDTH, HEIGHT, FOV), *empty()):
            axes = rotation(turn[0], heading + turn[1], turn[2])
            away = (lane.metres * [1, -1, 1] - [place.x, place.y, place.z + EYE]) @ axes
            pixels = np.column_stack([320 + FOCAL * away[:, 1] / away[:, 0], 192 - FOCAL * away[:, 2] / away[:, 0]])
            np.testing.assert_allclose(lane.pixels, pixels, atol=0.01)
            for point in lane.metres[np.array(lane.states) == "visible"]:
                assert border_distance(world_map, point) < 0.15
                checked += 1
    assert checked > 400


def border_distance(world_map: carla.Map, point: ndarray) -> float:
    """How far a point is from the nearest border of the lane that it lies on, of any type [m]."""
    location = carla.Location(float(point[0]), -float(point[1]), float(point[2]))
    waypoint = world_map.get_waypoint(location, project_to_road=True, lane_type=carla.LaneType.Any)
    right = waypoint.transform.get_right_vector()
    middle = waypoint.transform.location
    offset = (location.x - middle.x) * right.x + (location.y - middle.y) * right.y
    return float(abs(abs(offset) - waypoint.lane_width / 2))


def test_the_far_side_of_a_crest_is_not_visible() -> None:
    begin, end, height = 40.0, 80.0, 3.0
    hill = carla.Map("crest", straight_road(elevation=crest(begin, end, height)))
    camera = camera_at(20.0, LANE_WIDTH / 2)
    lanes = lanes_in_view(hill, camera, depth_of_crest(begin, end, height), empty()[1])

    assert len(lanes) == 3
    for lane in lanes:
        x = lane.metres[:, 0]
        assert lane.visible[x < 45.0].all()
        assert not lane.visible[x > 70.0].any()


def depth_of_crest(begin: float, end: float, height: float) -> ndarray:
    """Depth of an infinitely wide crest seen from x = 20 m, by marching along each row's ray."""
    depth = np.full((HEIGHT, WIDTH), FAR, np.float32)
    x = np.arange(0.5, 200.0, 0.02)
    half = (end - begin) / 2
    middle = (begin + end) / 2
    ground = np.where(np.abs(x + 20 - middle) < half, height * (1 - ((x + 20 - middle) / half) ** 2), 0.0)
    for row in range(HEIGHT):
        below = EYE - (row + 0.5 - HEIGHT / 2) / FOCAL * x <= ground
        if below.any():
            depth[row] = x[below.argmax()]
    return depth


def test_lines_end_where_the_road_ends(straight: carla.Map) -> None:
    lanes = lanes_in_view(straight, camera_at(160.0, LANE_WIDTH / 2), *empty())

    assert len(lanes) == 3
    for lane in lanes:
        assert 198.0 <= lane.metres[-1, 0] <= 200.0


def test_a_line_whose_paint_changes_is_called_what_most_of_it_is() -> None:
    kinds = ["solid", "broken", "broken", "broken"]
    marks = [Mark(1.75, (float(s), 0.0, 0.0), kind, "white") for s, kind in enumerate(kinds)]
    assert Line(marks, [0.0, 1.0, 2.0, 3.0]).looks == ("broken", "white")
