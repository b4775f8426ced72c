"""Normals, flow, radiance ratio and twins as the unmodified client gets them, and the cameras that are refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from perception.mask_codes import decode_flow, decode_normals, decode_ratio, encode_flow, encode_normals
from scenarios.axes import rotation
from scenarios.server.launch import ServerProcess, start_server
from scenarios.server.pictures import encode_flow as carla_flow
from tests.scenarios.served import run

WIDTH, HEIGHT, FOCAL = 96, 64, 48.0
"""90 degrees wide."""
TWINS = ["no_sun", "no_glare", "no_snow", "no_wetness", "no_actor:OTHER", "sun+30", "sun-10.5"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with start_server("country_road", quality="preview") as process:
        yield process


@pytest.fixture(scope="module")
def seen(server: ServerProcess) -> dict[str, Any]:
    return run(server.port, "fields", twins=TWINS)


def raw(seen: dict[str, Any], name: str) -> ndarray:
    data = base64.b64decode(seen["images"][name])
    return np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, -1)


def depth_of(seen: dict[str, Any]) -> ndarray:
    blue, green, red, _ = np.moveaxis(raw(seen, "depth").astype(float), -1, 0)
    return np.asarray((red + 256 * green + 65536 * blue) / (2**24 - 1) * 1000)


def test_flow_of_the_wire_takes_every_point_to_where_it_was(seen: dict[str, Any]) -> None:
    """CARLA's axes by hand: left-handed world, flow right and up in half pictures, now less a frame ago."""
    flow = np.frombuffer(base64.b64decode(seen["images"]["optical_flow"]), np.float32).reshape(HEIGHT, WIDTH, 2)
    instances, depth = raw(seen, "instance_segmentation").astype(int), depth_of(seen)
    ids = instances[..., 1] + 256 * instances[..., 0]
    (camera_was, other_was), (camera, other) = seen["places"][1:]
    rows, columns = np.indices((HEIGHT, WIDTH))
    x, y = columns + 0.5, rows + 0.5
    local = np.stack([depth, (x - WIDTH / 2) / FOCAL * depth, (HEIGHT / 2 - y) / FOCAL * depth], -1)
    points = local @ rotation(*camera[3:]).T + camera[:3]
    mine = ids == seen["other"]
    assert mine.sum() > 20
    points[mine] = (points[mine] - other[:3]) @ rotation(*other[3:]) @ rotation(*other_was[3:]).T + other_was[:3]
    before = (points - camera_was[:3]) @ rotation(*camera_was[3:])
    u, v = before[..., 1] / before[..., 0] * FOCAL, before[..., 2] / before[..., 0] * FOCAL
    expected = np.stack([(x - WIDTH / 2 - u) * 2 / WIDTH, (HEIGHT / 2 - y - v) * 2 / HEIGHT], -1)
    use = (depth < 300) & (before[..., 0] > 0)
    assert use.mean() > 0.3
    np.testing.assert_allclose(flow[use], expected[use], atol=1e-3)
    assert np.abs(flow[use]).max() > 0.05
    assert seen["kinds"]["optical_flow"] == "OpticalFlowImage"
    assert seen["coloured"] == 4 * WIDTH * HEIGHT


def test_normals_of_the_wire_point_up_on_the_road_and_back_on_the_van(seen: dict[str, Any]) -> None:
    normals = decode_normals(raw(seen, "normals")[..., 2::-1])
    np.testing.assert_allclose(normals[-8:, 40:56].mean((0, 1)), [0, 0, 1], atol=0.05)
    instances = raw(seen, "instance_segmentation").astype(int)
    back = normals[instances[..., 1] + 256 * instances[..., 0] == seen["other"]]
    forward = rotation(*seen["places"][-1][1][3:])[:, 0]
    assert np.median(back @ forward) < -0.9


def test_twins_of_the_wire_differ_where_something_was_there_to_change(seen: dict[str, Any]) -> None:
    picture = raw(seen, "rgb").astype(int)
    changed = {name: float(np.abs(raw(seen, name) - picture).mean()) for name in TWINS}
    assert changed["no_snow"] == changed["no_wetness"] == 0
    assert changed["no_sun"] > 3
    assert changed["no_actor:OTHER"] > 0.3
    assert changed["sun+30"] > changed["sun-10.5"] > 0.1
    codes = raw(seen, "glare_ratio")
    ratio = decode_ratio(codes[..., 2].astype(np.uint16) + 256 * codes[..., 1].astype(np.uint16))
    assert 1 <= ratio.min() <= np.median(ratio) < 1.5


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"image_size_x": "0"}, "image_size_x must be a whole number from 1 to 8192"),
        ({"image_size_y": "9000"}, "image_size_y must be a whole number from 1 to 8192"),
        ({"image_size_x": "8000", "image_size_y": "8000"}, "at most 16777216, not 64000000"),
        ({"fov": "0.5"}, "fov must lie between 1 and 170 degrees"),
        ({"fov": "171"}, "fov must lie between 1 and 170 degrees"),
        ({"fov": "nan"}, "fov must be a number"),
        ({"whiteout_lens": "plenoptic"}, "choose one of pinhole, brown_conrady, fisheye"),
        ({"whiteout_rolling_shutter": "1e9"}, "whiteout_rolling_shutter is '1e9'"),
        ({"exposure_compensation": "1e5"}, "exposure_compensation is '1e5'"),
        ({"whiteout_sensor_noise": "nan"}, "whiteout_sensor_noise is 'nan'"),
        ({"fstop": "0"}, "fstop is 0.0; give a number above 0"),
        ({"counterfactual": "no_moon"}, "no_actor:ID"),
        ({"counterfactual": "no_actor:99999"}, "no actor 99999"),
    ],
)
def test_cameras_that_cannot_be_made_are_told_what_may_be(
    server: ServerProcess, attributes: dict[str, str], sentence: str
) -> None:
    (said,) = run(server.port, "refused_cameras", wanted=[attributes])["said"]
    assert sentence in said


def test_flow_is_sent_in_half_pictures_up_to_the_ranges_end() -> None:
    flow = np.zeros((10, 8, 2), np.float32)
    flow[0, :4] = [[2.0, -5.0], [np.nan, 1.0], [40.0, 0.0], [-40.0, 0.0]]
    np.testing.assert_allclose(carla_flow(flow)[0, :4], np.array([[0.5, 1.0], [2.0, 2.0], [2.0, 0.0], [-2.0, 0.0]]))
    assert (carla_flow(flow)[1:] == 0).all()


def test_flow_is_kept_as_kitti_keeps_it() -> None:
    flow = np.array([[[1.5, -2.25], [np.nan, 0.0], [511.9, -511.9], [600.0, 0.0]]], np.float32)
    code = encode_flow(flow)
    assert code[0, 0].tolist() == [2**15 + 96, 2**15 - 144, 1]
    assert code[0, 1:, 2].tolist() == [0, 1, 0]
    np.testing.assert_allclose(decode_flow(code)[0, [0, 2]], flow[0, [0, 2]], atol=1 / 128)
    assert np.isnan(decode_flow(code)[0, [1, 3]]).all()


def test_normals_are_kept_to_half_a_step() -> None:
    grid = np.random.default_rng(0).normal(size=(20, 30, 3))
    grid /= np.linalg.norm(grid, axis=-1, keepdims=True)
    np.testing.assert_allclose(decode_normals(encode_normals(grid)), grid, atol=1 / 253)
    assert encode_normals(np.array([[[0.0, -1.0, 1.0]]])).tolist() == [[[128, 1, 255]]]
