"""Boxes, cameras and masks against numbers computed by hand."""

from __future__ import annotations

import math
import random

import carla
import numpy as np
import pytest
from numpy import ndarray

from perception.camera import Camera
from scenarios.axes import camera_from, cuboid_corners, cuboid_from
from scenarios.instant import Pose, View
from scenarios.labels import LABELS, Subject, boxes_from_pixels, boxes_from_visibility, masks_of
from scenarios.render.frames import camera_of
from scenarios.rig import Picture

WIDTH, HEIGHT, FOV = 64, 48, 90.0
FOCAL = 32.0
EYE = 1.5
CAR = carla.BoundingBox(carla.Location(0.0, 0.0, 0.75), carla.Vector3D(2.0, 1.0, 0.75))


def camera() -> Camera:
    return camera_from(carla.Transform(carla.Location(0.0, 0.0, EYE), carla.Rotation()), WIDTH, HEIGHT, FOV)


def car_at(x: float, y: float, number: int) -> Subject:
    return Subject(number, "car", carla.Transform(carla.Location(x, y, 0.0), carla.Rotation()), CAR)


def picture(semantic: ndarray, instance: ndarray) -> Picture:
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    depth = np.full((HEIGHT, WIDTH), 12.345, np.float32)
    return Picture(camera(), rgb, depth, semantic, instance)


def test_camera_looks_along_carlas_forward_axis_with_y_down() -> None:
    pixels, depth = camera().project(np.array([[10.0, 0.0, EYE], [10.0, -2.0, EYE], [10.0, 0.0, 0.0]]))

    np.testing.assert_allclose(depth, 10.0)
    expected = np.array([[32.0, 24.0], [32.0 + FOCAL * 0.2, 24.0], [32.0, 24.0 + FOCAL * 0.15]])
    np.testing.assert_allclose(pixels, expected, atol=1e-9)


def test_camera_agrees_with_the_renderers_own_reading_of_poses() -> None:
    chance = random.Random(0)
    for _ in range(20):
        x, y, z = (chance.uniform(-50, 50) for _ in range(3))
        pitch, yaw, roll = chance.uniform(-40, 40), chance.uniform(-180, 180), chance.uniform(-20, 20)
        transform = carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll))
        ours = camera_from(transform, WIDTH, HEIGHT, FOV)
        theirs = camera_of(View(Pose(x, y, z, pitch, yaw, roll), WIDTH, HEIGHT, FOV))
        np.testing.assert_allclose(ours.camera_to_world, theirs.camera_to_world, atol=1e-5)
        np.testing.assert_allclose(ours.camera_to_world[:3, :3] @ ours.camera_to_world[:3, :3].T, np.eye(3), atol=1e-12)


def test_cuboid_is_right_handed_and_counts_yaw_the_other_way() -> None:
    cuboid = cuboid_from(carla.Transform(carla.Location(10.0, 5.0, 1.0), carla.Rotation(yaw=90.0)), CAR)

    assert cuboid.center == pytest.approx((10.0, -5.0, 1.75))
    assert cuboid.size == pytest.approx((4.0, 2.0, 1.5))
    assert cuboid.yaw == pytest.approx(-math.pi / 2)
    low, high = cuboid_corners(cuboid).min(axis=0), cuboid_corners(cuboid).max(axis=0)
    np.testing.assert_allclose([low, high], [[9.0, -7.0, 1.0], [11.0, -3.0, 2.5]], atol=1e-6)


def test_boxes_take_the_servers_count_of_pixels() -> None:
    subjects = {7: car_at(20.0, 0.0, 1), 65545: car_at(10.0, 3.0, 2)}
    semantic, instance = np.ones((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)
    semantic[20:30, :50], instance[22:25, 30:40], instance[25:30, 45:50] = 14, 7, 9
    whole = {"amodal": [30.0, 21.5, 40.0, 25.25], "truncation": 0.0}
    seen = [
        {"actor_id": 7, "silhouette_px": 40, **whole, "truncated": False},
        {"actor_id": 65545, "silhouette_px": 25, "amodal": [45, 25, 90.5, 30], "truncation": 0.25, "truncated": True},
        {"actor_id": 12, "silhouette_px": 50, **whole, "truncated": True},
    ]
    near, far = boxes_from_visibility(picture(semantic, instance), seen, subjects)

    assert (near.instance, near.visible, near.truncated) == (2, 1.0, True)
    assert (far.instance, far.visible, far.truncated) == (1, 0.75, False)
    assert far.xyxy == (30.0, 22.0, 40.0, 25.0)
    assert (far.amodal, far.truncation) == ((30.0, 21.5, 40.0, 25.25), 0.0)
    assert (near.amodal, near.truncation) == ((45.0, 25.0, 90.5, 30.0), 0.25)
    assert far.distance == pytest.approx(math.hypot(20.0, 0.75), abs=1e-3)


def test_an_actor_without_a_visible_pixel_has_no_box() -> None:
    semantic, instance = np.ones((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)
    seen = [{"actor_id": 7, "silhouette_px": 40, "truncated": False}]
    assert boxes_from_visibility(picture(semantic, instance), seen, {7: car_at(20.0, 0.0, 1)}) == ()


def test_without_the_extension_each_actor_takes_the_pixels_on_its_cuboid() -> None:
    semantic, instance = np.ones((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)
    for number, columns in ((501, slice(28, 36)), (777, slice(44, 52))):
        semantic[24:29, columns], instance[24:29, columns] = 14, number
    instance[0:5, 0:5] = 600
    subjects = {1: car_at(10.0, 0.0, 1), 2: car_at(10.0, 5.0, 2), 3: car_at(-10.0, 0.0, 3)}

    boxes = {box.instance: box for box in boxes_from_pixels(picture(semantic, instance), subjects)}

    assert boxes.keys() == {1, 2}
    assert boxes[1].xyxy == (28.0, 24.0, 36.0, 29.0)
    assert boxes[2].xyxy == (44.0, 24.0, 52.0, 29.0)
    assert not boxes[1].truncated


def test_without_the_extension_half_a_car_counts_about_half() -> None:
    def share(columns: slice) -> float:
        semantic, instance = np.ones((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)
        semantic[24:30, columns], instance[24:30, columns] = 14, 5
        (box,) = boxes_from_pixels(picture(semantic, instance), {1: car_at(10.0, 0.0, 1)})
        return box.visible

    whole, half = share(slice(28, 36)), share(slice(28, 32))
    assert whole > 0.8
    assert half == pytest.approx(whole / 2, abs=0.15)


def test_masks_number_actors_by_their_order_and_measure_centimetres() -> None:
    semantic, instance = np.ones((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16)
    instance[:2], instance[2:4] = 90, 33
    near = picture(semantic, instance)
    near.depth[0, 0] = 1000.0
    masks = masks_of(near, {33: 1, 70000: 2})

    assert set(masks) == {"semantic", "instance", "depth"}
    assert (masks["instance"][:2] == 0).all(), "who is not of the drive has no number"
    assert (masks["instance"][2:4] == 1).all()
    assert masks["depth"].dtype == np.uint16
    assert masks["depth"][5, 5] == 1234 or masks["depth"][5, 5] == 1235
    assert masks["depth"][0, 0] == 65535


def test_a_van_counts_as_a_car() -> None:
    assert LABELS["van"] == "car"
    assert {LABELS[kind] for kind in ("car", "truck", "bus", "motorcycle", "bicycle")} == {
        "car", "truck", "bus", "motorcycle", "bicycle",
    }  # fmt: skip
