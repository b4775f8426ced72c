"""Lens models against OpenCV, and rays against projection, for every lens, turned and rolling cameras."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from perception.camera import Camera
from perception.drive_schema import CameraRecord
from perception.errors import WhiteoutError
from perception.rolling_shutter import RollingShutter

BROWN = (-0.28, 0.09, 0.0012, -0.0008, -0.012)
FISHEYE = (0.03, -0.012, 0.004, -0.001)
LENSES = {"pinhole": (), "brown_conrady": BROWN, "fisheye": FISHEYE}
ROLLING = RollingShutter(0.03, (14.0, -3.0, 0.5), (0.1, -0.2, 0.7))


def turned() -> np.ndarray:
    """A pose with every angle in it, looking roughly along +x, 1.5 m up."""
    pose = np.eye(4)
    base = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    pose[:3, :3] = cv2.Rodrigues(np.array([0.1, 0.15, -0.3]))[0] @ base
    pose[:3, 3] = (3.0, -2.0, 1.5)
    return pose


def camera(lens: str, shutter: RollingShutter | None = None) -> Camera:
    made = Camera.from_fov(640, 384, 80.0, turned(), lens, LENSES[lens])
    return replace(made, shutter=shutter)


def pixels() -> np.ndarray:
    return np.random.default_rng(1).uniform((0, 0), (640, 384), (500, 2))


@pytest.mark.parametrize("shutter", [None, ROLLING], ids=["at once", "rolling"])
@pytest.mark.parametrize("lens", LENSES)
def test_what_a_ray_meets_is_drawn_where_the_ray_came_from(lens: str, shutter: RollingShutter | None) -> None:
    made = camera(lens, shutter)
    origins, rays = made.world_rays(pixels())
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1, atol=1e-9)
    distance = np.random.default_rng(2).uniform(3, 80, (len(rays), 1))
    drawn, depth = made.project(origins + rays * distance)
    assert (depth > 0).all()
    np.testing.assert_allclose(drawn, pixels(), atol=1e-3)


@pytest.mark.parametrize("lens", ["brown_conrady", "fisheye"])
def test_lenses_agree_with_opencv(lens: str) -> None:
    made = camera(lens)
    local = made.rays(pixels()) * 7.0
    coefficients = np.array(made.distortion)
    none = np.zeros(3)
    if lens == "fisheye":
        theirs, _ = cv2.fisheye.projectPoints(local[:, None], none, none, made.intrinsics, coefficients)
    else:
        theirs, _ = cv2.projectPoints(local[:, None], none, none, made.intrinsics, coefficients)
    np.testing.assert_allclose(theirs[:, 0], pixels(), atol=1e-3)
    np.testing.assert_allclose(made.draw(local), theirs[:, 0], atol=1e-6)


@pytest.mark.parametrize("shutter", [None, ROLLING], ids=["at once", "rolling"])
@pytest.mark.parametrize("lens", LENSES)
def test_ground_points_lie_on_the_ground_below_their_pixels(lens: str, shutter: RollingShutter | None) -> None:
    made = camera(lens, shutter)
    points = made.ground_points(pixels())
    seen = np.isfinite(points).all(1)
    assert 0.2 < seen.mean() < 0.9
    np.testing.assert_allclose(points[seen, 2], 0, atol=1e-9)
    near = np.linalg.norm(points[seen] - made.position, axis=1) < 200
    np.testing.assert_allclose(made.project(points[seen][near])[0], pixels()[seen][near], atol=1e-3)


def test_a_rolling_shutter_draws_low_rows_from_further_ahead() -> None:
    ahead = replace(camera("pinhole"), shutter=RollingShutter(0.05, (20.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
    origins, _ = ahead.world_rays(np.array([[320.0, 0.0], [320.0, 192.0], [320.0, 384.0]]))
    np.testing.assert_allclose(origins[:, 0] - ahead.position[0], [-0.5, 0.0, 0.5], atol=1e-9)


def test_what_a_lens_does_not_draw_has_no_pixel() -> None:
    behind = np.array([[0.0, 0.0, -5.0], [0.1, 0.2, -1.0]])
    for lens in ("pinhole", "brown_conrady"):
        assert np.isnan(camera(lens).draw(behind)).all()
    wide = Camera.from_fov(400, 400, 200.0, np.eye(4), "fisheye", (0.0, 0.0, 0.0, 0.0))
    sideways = np.array([[1.0, 0.0, -0.05]])
    assert np.isfinite(wide.draw(sideways)).all()
    np.testing.assert_allclose(
        wide.draw(np.array([[np.sin(1.0), 0, np.cos(1.0)]]))[0, 0], 200 * (1 + 1 / np.deg2rad(100))
    )


def test_a_fisheye_spans_its_field_of_view() -> None:
    made = camera("fisheye")
    edges = made.rays(np.array([[0.0, 192.0], [640.0, 192.0]]))
    np.testing.assert_allclose(np.rad2deg(np.arccos(edges[:, 2])), 40.0, atol=1e-6)


@pytest.mark.parametrize("shutter", [None, ROLLING], ids=["at once", "rolling"])
@pytest.mark.parametrize("lens", LENSES)
def test_a_drive_keeps_the_lens(lens: str, shutter: RollingShutter | None) -> None:
    made = camera(lens, shutter)
    again = CameraRecord.model_validate_json(CameraRecord.from_camera(made).model_dump_json()).to_camera()
    assert (again.lens, again.distortion, again.shutter) == (made.lens, made.distortion, made.shutter)
    np.testing.assert_array_equal(again.intrinsics, made.intrinsics)


def test_a_record_without_a_lens_is_a_pinhole() -> None:
    fields = CameraRecord.from_camera(camera("pinhole")).model_dump()
    for name in ("lens", "distortion", "shutter"):
        del fields[name]
    assert CameraRecord.model_validate(fields).to_camera().lens == "pinhole"


def test_unknown_lenses_and_wrong_counts_are_refused() -> None:
    with pytest.raises(WhiteoutError, match="'mirror'"):
        Camera(4, 4, np.eye(3), np.eye(4), "mirror")
    with pytest.raises(WhiteoutError, match="5 coefficients, not 1"):
        Camera(4, 4, np.eye(3), np.eye(4), "brown_conrady", (0.1,))
