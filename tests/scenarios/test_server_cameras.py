"""Pictures as the unmodified client gets them, and how they are encoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from scenarios.extension import Extension
from scenarios.instant import Pose, View
from scenarios.server.launch import ServerProcess, start_server
from scenarios.server.pictures import Order, bgra, encode_depth, encode_labels, shared_views
from tests.scenarios.served import run

TRUCK = 15


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with start_server("country_road", quality="preview") as process:
        yield process


@pytest.fixture(scope="module")
def seen(server: ServerProcess) -> dict[str, Any]:
    return run(server.port, "pictures")


def image(seen: dict[str, Any], name: str) -> ndarray:
    return np.array(seen["last"][name], dtype=np.uint8).reshape(64, 96, 4)


def test_every_camera_gets_every_frame_that_is_due(seen: dict[str, Any]) -> None:
    for name, late in seen["late"].items():
        assert late == ([0] if name == "rgb slow" else [0, 0]), name
    assert seen["left"] == 0


def test_pictures_are_equal_on_another_server(seen: dict[str, Any]) -> None:
    with start_server("country_road", quality="preview") as other:
        again = run(other.port, "pictures")
    assert again["hashes"] == seen["hashes"]


def test_runs_on_one_server_repeat_when_each_cleans_up() -> None:
    with start_server("country_road", quality="preview") as process:
        first = run(process.port, "visit")
        run(process.port, "free_run")
        again = run(process.port, "visit", tidy=False)
        third = run(process.port, "visit")
    assert len(set(first["pictures"])) > 1
    assert again == first
    assert third == first


def test_pictures_change_from_frame_to_frame_and_with_the_sun(seen: dict[str, Any]) -> None:
    first, second = seen["hashes"]["rgb"]
    assert first != second
    assert seen["hashes"]["rgb slow"][0] == first
    assert image(seen, "rgb")[..., :3].mean() > image(seen, "rgb no_sun")[..., :3].mean() + 2


def test_labels_show_the_vehicle_ahead(server: ServerProcess, seen: dict[str, Any]) -> None:
    tags, instances = image(seen, "semantic_segmentation")[..., 2], image(seen, "instance_segmentation")
    assert (tags == instances[..., 2]).all()
    ids = instances[..., 1].astype(int) + 256 * instances[..., 0].astype(int)
    van = ids == seen["other"]
    assert 20 < van.sum() < 3000
    assert set(np.unique(tags[van])) == {TRUCK}
    blue, green, red, _ = np.moveaxis(image(seen, "depth").astype(float), -1, 0)
    metres = (red + 256 * green + 65536 * blue) / (2**24 - 1) * 1000
    assert np.median(metres[van]) == pytest.approx(seen["distance"] - 1.2 - 2.9, abs=0.6)
    with Extension(server.host, server.port) as extension:
        (one,) = [one for one in extension.visibility(seen["sensor"]) if one["actor_id"] == seen["other"]]
    assert one["visible_px"] == pytest.approx(van.sum(), rel=0.2)
    rows, columns = np.nonzero(van)
    assert one["xyxy"] == pytest.approx([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], abs=1.5)


def test_glare_masks_are_black_and_red(seen: dict[str, Any]) -> None:
    mask = image(seen, "glare")
    assert set(np.unique(mask[..., 2])) == {0, 255}
    assert (mask[..., :2] == 0).all()


def test_depth_comes_back_within_a_tenth_of_a_millimetre() -> None:
    depth = np.array([[0.0, 1.2345, 77.7, 999.0, np.inf, 5000.0]])
    blue, green, red, alpha = np.moveaxis(encode_depth(depth).astype(float), -1, 0)
    metres = (red + 256 * green + 65536 * blue) / (2**24 - 1) * 1000
    assert metres[0] == pytest.approx([0.0, 1.2345, 77.7, 999.0, 1000.0, 1000.0], abs=1e-4)
    assert (alpha == 255).all()


def test_colours_and_labels_are_bgra() -> None:
    rgb = np.array([[[1, 2, 3]]], dtype=np.uint8)
    assert bgra(rgb).tolist() == [[[3, 2, 1, 255]]]
    tags, ids = np.array([[14]], dtype=np.uint8), np.array([[0x1234]], dtype=np.int32)
    assert encode_labels(tags, ids).tolist() == [[[0x12, 0x34, 14, 255]]]


def test_label_cameras_share_the_shot_of_a_colour_camera_at_the_same_place() -> None:
    def order(kind: str, x: float, **attributes: str) -> Order:
        return Order(1, 1, f"sensor.camera.{kind}", "none", b"", View(Pose(x), 96, 64, 90.0, attributes))

    orders = [order("depth", 0.0), order("rgb", 0.0, iso="200"), order("depth", 1.0), order("rgb", 0.0, iso="50")]
    first, second, third, fourth = shared_views(orders)
    assert first is second
    assert third is orders[2].view
    assert fourth is orders[3].view
