"""Every label of the scene against a computation of its own, through cameras that look straight and askew, of any lens.

A camera is a parameter (`CAMERAS`): what holds for one must hold for all.
"""

from __future__ import annotations

from dataclasses import replace

import carla
import cv2
import numpy as np
import pytest
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.optimize import brentq

from scenarios.axes import MIRROR, rotation
from scenarios.instant import ActorState, Before, Instant, Pose, View
from scenarios.labels import Subject, boxes_from_visibility
from scenarios.lane_truth import lanes_in_view
from scenarios.lens_attributes import NAMES
from scenarios.render.actors import body_of, key_of, piece_matrix
from scenarios.render.frames import camera_of
from scenarios.render.labels import MARKING, ROAD
from scenarios.render.materials import MaterialTable
from scenarios.render.shot import Shot
from scenarios.rig import Picture
from scenarios.server.pictures import visible
from scenarios.twins import changed
from tests.scenarios.rendered import EYE, LANE, car, look, renderer, straight_map, view

ASKEW = Pose(29.0, LANE + 0.4, EYE + 0.3, pitch=-7.0, yaw=6.0, roll=14.0)
BROWN = (-0.25, 0.06, 0.004, -0.006, 0.01)
"""k1, k2, p1, p2, k3"""
FISHEYE = (0.03, 0.004, -0.002, 0.001)
"""k1 to k4"""


def lens_attributes(lens: str, coefficients: tuple[float, ...]) -> dict[str, str]:
    names = [f"whiteout_lens_{name}" for name in NAMES[lens]]
    return {"whiteout_lens": lens, **{name: str(k) for name, k in zip(names, coefficients, strict=True)}}


CAMERAS = {
    "straight": view(160, 100),
    "askew": view(160, 100, pose=ASKEW),
    "rolled and pitched": view(160, 100, pose=Pose(28.0, LANE - 0.3, EYE, pitch=-9.0, roll=-35.0)),
    "brown": view(160, 100, pose=ASKEW, attributes=lens_attributes("brown_conrady", BROWN)),
    "fisheye": view(160, 100, pose=ASKEW, attributes=lens_attributes("fisheye", FISHEYE)),
}
cameras = pytest.mark.parametrize("at", CAMERAS.values(), ids=CAMERAS.keys())


def lens_of(at: View) -> str:
    return at.attributes.get("whiteout_lens", "pinhole")


def matrix_of(at: View) -> Float[ndarray, "3 3"]:
    """OpenCV's camera matrix, from what `fov` means for the lens."""
    half = np.deg2rad(at.fov / 2)
    edge = (
        half + sum(k * half ** (3 + 2 * i) for i, k in enumerate(FISHEYE)) if lens_of(at) == "fisheye" else np.tan(half)
    )
    focal = at.width / 2 / edge
    return np.array([[focal, 0, at.width / 2], [0, focal, at.height / 2], [0, 0, 1]])


def by_hand(points: Float[ndarray, "n 3"], at: View) -> tuple[Float[ndarray, "n 2"], Float[ndarray, "n"]]:
    """Pixels and depth of points (renderer axes) from CARLA's definition of a camera and OpenCV's of a lens."""
    pose = at.pose
    forward, right, up = rotation(pose.pitch, pose.yaw, pose.roll).T
    away = points * MIRROR - np.array([pose.x, pose.y, pose.z])
    local = np.column_stack([away @ right, -(away @ up), away @ forward])
    none, matrix = np.zeros(3), matrix_of(at)
    if lens_of(at) == "fisheye":
        pixels, _ = cv2.fisheye.projectPoints(local[:, None], none, none, matrix, np.array(FISHEYE))
    else:
        coefficients = np.array(BROWN) if lens_of(at) == "brown_conrady" else np.zeros(5)
        pixels, _ = cv2.projectPoints(local[:, None], none, none, matrix, coefficients)
    return pixels[:, 0], local[:, 2]


def points_of(shot: Shot, chosen: Bool[ndarray, "h w"], away: float | None = None) -> Float[ndarray, "n 3"]:
    """World points (renderer axes) under pixels, from their depth, or all as far `away` [m]."""
    pose, at = shot.view.pose, shot.view
    forward, right, up = rotation(pose.pitch, pose.yaw, pose.roll).T
    rows, columns = np.nonzero(chosen)
    depth = (shot.depth()[chosen].astype(float) if away is None else np.full(len(rows), away))[:, None]
    pixels, until = np.column_stack([columns, rows])[:, None] + 0.5, (cv2.TERM_CRITERIA_COUNT, 200, 0.0)
    if lens_of(at) == "fisheye":
        flat = cv2.fisheye.undistortPoints(pixels, matrix_of(at), np.array(FISHEYE), criteria=until)
    else:
        coefficients = np.array(BROWN) if lens_of(at) == "brown_conrady" else np.zeros(5)
        flat = cv2.undistortPointsIter(pixels, matrix_of(at), coefficients, None, None, until)
    side, down = flat[:, 0].T
    local = depth * (forward + side[:, None] * right - down[:, None] * up)
    return np.asarray((np.array([pose.x, pose.y, pose.z]) + local) * MIRROR)


@cameras
def test_box_is_the_flood_of_its_ids(at: View) -> None:
    shot = look("clear", car(), car(8, 60.0, -LANE), at=at)
    picture = Picture(camera_of(at), shot.rgb(), shot.depth(), shot.semantic(), shot.instance().astype(np.uint16))
    body = carla.BoundingBox(carla.Location(0, 0, 0.7), carla.Vector3D(2.3, 0.9, 0.7))
    subjects = {n: Subject(n, "car", carla.Transform(carla.Location(x, 0, 0)), body) for n, x in ((7, 42), (8, 60))}
    boxes = {box.instance: box for box in boxes_from_visibility(picture, visible(shot), subjects)}
    assert boxes.keys() == {7, 8}
    for number, box in boxes.items():
        count, _, stats, _ = cv2.connectedComponentsWithStats((shot.instance() == number).astype(np.uint8))
        parts = stats[1:count]
        ends = (parts[:, 0] + parts[:, 2]).max(), (parts[:, 1] + parts[:, 3]).max()
        assert box.xyxy == (parts[:, 0].min(), parts[:, 1].min(), *ends)


@cameras
@pytest.mark.parametrize("y", [LANE, LANE + 6.5], ids=["inside", "over the edge"])
def test_amodal_box_holds_all_vertices(at: View, y: float) -> None:
    actor = replace(car(7, 38.0, y), steer=10.0, travelled=3.3)
    (seen,) = look("clear", actor, at=at).visibility()
    pieces = body_of(key_of(actor), MaterialTable()).pieces
    placed = [piece_matrix(actor, joint) @ np.vstack([mesh.vertices.T, np.ones(len(mesh.vertices))])
              for joint, mesh in pieces]  # fmt: skip
    pixels, ahead = by_hand(np.hstack(placed)[:3].T.astype(float), at)
    assert (ahead > 1).all()
    np.testing.assert_allclose(seen.amodal, [*pixels.min(0), *pixels.max(0)], atol=0.01)
    assert seen.truncated == bool((pixels < 0).any() or (pixels > (at.width, at.height)).any())


@cameras
def test_depth_and_normals_are_those_of_a_plane(at: View) -> None:
    shot = look("clear", at=at)
    road = shot.semantic() == ROAD
    assert road.sum() > 2000
    points = points_of(shot, road)
    near = shot.depth()[road] < 60
    assert np.abs(points[near, 2]).max() < 0.02
    np.testing.assert_allclose(shot.normals()[road], np.broadcast_to([0, 0, 1], (road.sum(), 3)), atol=0.03)
    assert (shot.normals()[np.isinf(shot.depth())] == 0).all()


@cameras
def test_normals_of_a_car_agree_with_its_depth(at: View) -> None:
    shot = look("clear", car(7, 36.0, LANE + 1.0), at=at)
    body = cv2.erode((shot.instance() == 7).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    grid = np.zeros((*body.shape, 3))
    grid[...] = points_of(shot, np.ones_like(body)).reshape(grid.shape)
    with np.errstate(invalid="ignore"):
        across = np.cross(np.roll(grid, -1, 1) - np.roll(grid, 1, 1), np.roll(grid, -1, 0) - np.roll(grid, 1, 0))
    slope = across[body] / np.linalg.norm(across[body], axis=-1, keepdims=True)
    cosine = np.abs((slope * shot.normals()[body]).sum(-1))
    assert body.sum() > 100
    assert np.median(cosine) > 0.97
    np.testing.assert_allclose(np.linalg.norm(shot.normals()[body], axis=-1), 1, atol=1e-5)


@cameras
def test_flow_is_the_way_from_where_points_were(at: View) -> None:
    """Camera and car have moved and turned; each pixel's point is taken back by hand."""
    before = Before(
        replace(at.pose, x=at.pose.x - 0.8, y=at.pose.y + 0.1, yaw=at.pose.yaw - 1.5, roll=at.pose.roll + 1.0),
        (ActorState(7, "vehicle.tesla.model3", Pose(x=40.9, y=LANE - 0.5, yaw=-4.0), {"color": "180,20,20"}),),
    )
    shot = look("clear", car(), at=at)
    flow = shot.flow(before)
    rows, columns = np.indices(flow.shape[:2])
    centres = np.stack([columns + 0.5, rows + 0.5], -1)
    earlier = replace(at, pose=before.pose)

    still = np.isfinite(shot.depth()) & (shot.instance() == 0)
    pixels, _ = by_hand(points_of(shot, still), earlier)
    np.testing.assert_allclose(centres[still] - flow[still], pixels, atol=0.02)

    mine = shot.instance() == 7
    assert mine.sum() > 100
    local = points_of(shot, mine) * MIRROR - [42.0, LANE, 0.0]
    was = local @ rotation(0.0, -4.0, 0.0).T + [40.9, LANE - 0.5, 0.0]
    pixels, _ = by_hand(was * MIRROR, earlier)
    np.testing.assert_allclose(centres[mine] - flow[mine], pixels, atol=0.02)

    sky = np.isinf(shot.depth())
    turned, _ = by_hand(points_of(shot, sky, 1e7), earlier)
    np.testing.assert_allclose(centres[sky] - flow[sky], turned, atol=0.02)


def test_a_rolling_wheel_flows_and_its_car_does_not() -> None:
    at = view(160, 100, pose=Pose(42.0, LANE - 5.0, 0.8, yaw=90.0))
    shot = look("clear", replace(car(), travelled=0.3), at=at)
    flow = shot.flow(Before(at.pose, (replace(car(), travelled=0.0),)))
    moved = np.hypot(*np.moveaxis(flow, -1, 0)) > 0.5
    assert 0.02 < moved[shot.instance() == 7].mean() < 0.3
    assert not moved[shot.instance() != 7].any()


def test_without_an_earlier_instant_nothing_flows() -> None:
    np.testing.assert_allclose(look("clear", car()).flow(None), 0, atol=0.01)


def test_what_was_behind_the_camera_has_no_flow() -> None:
    at = view()
    flow = look("clear", at=at).flow(Before(replace(at.pose, x=at.pose.x + 8.0), ()))
    depth = look("clear", at=at).depth()
    np.testing.assert_array_equal(np.isnan(flow).any(-1), depth <= 8.0)


@cameras
def test_visible_share_is_that_of_a_picture_without_the_occluder(at: View) -> None:
    actors = (car(7, 40.0, LANE + 1.0), car(8, 52.0))
    shot = look("clear", *actors, at=at)
    alone = renderer().shoot(changed(shot.instant, "no_actor:7"), at)
    seen = {one.actor_id: one for one in shot.visibility()}[8]
    pixels, free = (int((one.instance() == 8).sum()) for one in (shot, alone))
    assert 0.1 < pixels / free < 0.9
    assert seen.visible_px / seen.silhouette_px == pytest.approx(pixels / free, abs=0.04)


def three_times_as_wide(at: View) -> float:
    """Field of view of a picture three times as wide through the same lens [deg]."""
    if lens_of(at) != "fisheye":
        return float(np.rad2deg(2 * np.arctan(3 * np.tan(np.deg2rad(at.fov / 2)))))
    return float(brentq(lambda fov: matrix_of(replace(at, width=3 * at.width, fov=fov))[0, 0] - matrix_of(at)[0, 0],
                        at.fov, 340.0, xtol=1e-12))  # fmt: skip


@cameras
@pytest.mark.parametrize("yaw", [22.0, 30.0, 38.0])
def test_truncation_is_what_a_wider_picture_shows_outside(at: View, yaw: float) -> None:
    turned = replace(at, pose=replace(at.pose, yaw=at.pose.yaw - yaw))
    wide = replace(turned, width=3 * at.width, height=3 * at.height, fov=three_times_as_wide(at))
    np.testing.assert_allclose(matrix_of(wide)[0, 0], matrix_of(at)[0, 0], rtol=1e-9)
    actor = car(7, 38.0)
    (seen,) = look("clear", actor, at=turned).visibility()
    mask = look("clear", actor, at=wide).instance() == 7
    inside = mask[at.height : 2 * at.height, at.width : 2 * at.width].sum()
    assert seen.truncation == pytest.approx(1 - inside / mask.sum(), abs=0.03)
    assert seen.truncated == (seen.truncation > 0)


def test_bands_of_rows_make_the_same_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    at = CAMERAS["askew"]
    before = Before(replace(at.pose, x=at.pose.x - 1), ())

    def channels() -> list[ndarray]:
        shot = look("low-sun-snow", car(), at=at)
        return [shot.depth(), shot.semantic(), shot.instance(), shot.normals(), shot.flow(before), shot.rgb()]

    whole = channels()
    monkeypatch.setattr("scenarios.render.hits.BAND", 160 * 17)
    *labels, picture = channels()
    for one, other in zip(labels, whole, strict=False):
        np.testing.assert_allclose(one, other, atol=1e-4)
    other_noise = look("low-sun-snow", car(), at=at, frame=2).rgb()
    assert np.abs(picture.astype(int) - whole[-1]).mean() < 1.3 * np.abs(other_noise.astype(int) - whole[-1]).mean()
    np.testing.assert_array_equal(look("low-sun-snow", car(), at=at).rgb(), picture)


def test_nothing_is_labelled_in_an_empty_world() -> None:
    shot = renderer().shoot(Instant(1, 0.0, look("clear").instant.weather), view())
    assert shot.visibility() == ()
    assert not shot.instance().any()


@cameras
def test_lines_lie_on_the_paint_and_end_at_the_car(at: View) -> None:
    """Each point's pixel by hand; by the classes paint is under a solid line near by, a car where it is hidden."""
    shot = look("clear", car(7, 44.0, LANE + 1.2), at=at)
    world_map = carla.Map("straight", straight_map().opendrive)
    lanes = lanes_in_view(world_map, shot.camera, shot.depth(), shot.semantic())
    assert len(lanes) == 3
    paint = cv2.dilate((shot.semantic() == MARKING).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    mine = (shot.instance() == 7).astype(np.uint8)
    inside, about = (move(mine, np.ones((3, 3), np.uint8)) > 0 for move in (cv2.erode, cv2.dilate))
    hidden, on_paint = 0, []
    for lane in lanes:
        pixels, ahead = by_hand(lane.metres, at)
        np.testing.assert_allclose(lane.pixels, pixels, atol=0.01)
        column, row = np.clip(np.floor(pixels).astype(int), 0, np.array([at.width, at.height]) - 1).T
        states = np.array(lane.states)
        assert set(states[inside[row, column]]) <= {"hidden"}
        assert about[row, column][(states == "hidden") & (ahead < 60)].all()
        hidden += int((states == "hidden").sum())
        if lane.kind == "solid":
            on_paint += list(paint[row, column][(states == "visible") & (ahead < 16) & ~about[row, column]])
    assert hidden > 10
    assert len(on_paint) > 12
    assert np.mean(on_paint) > 0.9


def test_mud_and_leaves_cover_no_label() -> None:
    clean, soiled = look("clear"), look("mud-leaves@5")
    np.testing.assert_array_equal(soiled.semantic(), clean.semantic())
    marked = clean.semantic() == MARKING
    assert np.abs(soiled.rgb().astype(int) - clean.rgb())[marked].mean() > 5
