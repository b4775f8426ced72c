"""KITTI, BDD100K and nuScenes: there and back, geometry by hand, and what can be wrong."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception.box import Cuboid
from perception.camera import Camera
from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.formats.convert import convert
from perception.formats.table import guess
from perception.frame import Frame
from tests.perception.formats import samples
from tests.perception.scenes import camera, car, frame


def test_kitti_there_and_back(tmp_path: Path) -> None:
    samples.kitti(tmp_path / "kitti")
    assert guess(tmp_path / "kitti") == "kitti"
    report = convert(tmp_path / "kitti", tmp_path / "drive", "drive")
    assert report.left_out == []
    assert report.dropped == {
        "boxes of DontCare": 1,
        "boxes of other classes": 1,
        "calibrations of other sensors": 2,
        "names of finer classes": 1,
        "unknown occlusions": 1,
    }
    again = convert(tmp_path / "drive", tmp_path / "again", "kitti")
    assert not again.dropped
    rows = [row.split() for row in (tmp_path / "again/label_2/000008.txt").read_text().splitlines()]
    before = [row.split() for row in samples.KITTI_LABELS.splitlines()]
    for old, new in zip(before[:2], rows[:2], strict=True):
        assert new[0] == old[0]
        numbers = [float(word) for word in new[1:]]
        assert numbers[:2] + numbers[3:] == pytest.approx([float(word) for word in old[1:3] + old[4:]], abs=1e-5)
    assert float(rows[0][3]) == pytest.approx(1.30 - math.atan2(-5.60, 20.50), abs=0.006)
    assert rows[2][0] == "Car"
    assert rows[2][8:] == before[2][8:]
    matrix = np.array((tmp_path / "again/calib/000008.txt").read_text().split()[1:13], dtype=float)
    first = (tmp_path / "kitti/training/calib/000008.txt").read_text().splitlines()[1]
    np.testing.assert_allclose(matrix, np.array(first.split()[1:], dtype=float), atol=1e-9)


def test_kitti_cuboids_lie_where_their_boxes_are(tmp_path: Path) -> None:
    """A car 20 m ahead, 2 m to the right, heading away: its floor's middle is projected by P2 as KITTI does."""
    samples.kitti(tmp_path / "kitti")
    row = "Car 0.00 0 -1.57 150.00 80.00 180.00 110.00 1.50 1.80 4.00 2.00 1.65 20.00 -1.570796326794897\n"
    (tmp_path / "kitti/training/label_2/000008.txt").write_text(row)
    convert(tmp_path / "kitti", tmp_path / "drive", "drive")
    found = Drive.open(tmp_path / "drive")[0]
    cuboid = found.boxes[0].cuboid
    assert cuboid is not None
    assert cuboid.center == pytest.approx((20.0, -2.0, 0.75))
    assert cuboid.size == pytest.approx((4.0, 1.8, 1.5))
    assert cuboid.yaw == pytest.approx(0.0, abs=1e-12)
    pixels, _ = found.camera.project(np.array([[20.0, -2.0, 0.0]]))
    p2 = np.array([[180.3, 0, 157.5, 11.46], [0, 180.3, 90.0, -0.054], [0, 0, 1, 0.0027]])
    seen = p2 @ (2.0, 1.65, 20.0, 1.0)
    np.testing.assert_allclose(pixels[0], seen[:2] / seen[2])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Car 0 0 0 1 2 3", "line 1 has 7 columns, not 15"),
        ("Car 0 0 0 50 20 40 30 1 1 1 0 0 9 0", "line 1 is inverted or empty"),
        ("Car 0 0 0 nan 20 40 30 1 1 1 0 0 9 0", "line 1 holds NaN"),
        ("Car 0 0 0 x 20 40 30 1 1 1 0 0 9 0", "line 1 holds a word that is no number"),
        ("Car 0 0 0 400 20 440 30 1 1 1 0 0 9 0", "line 1 lies outside the picture"),
        ("Car 0 nan 0 50 20 60 30 1 1 1 0 0 9 0", "line 1 holds NaN"),
        ("Car 0 0 0 50 20 60 30 1 1 1 0 0 9 inf", "line 1 holds NaN or infinity"),
    ],
)
def test_kitti_faults_are_named(tmp_path: Path, row: str, words: str) -> None:
    samples.kitti(tmp_path / "kitti")
    (tmp_path / "kitti/training/label_2/000008.txt").write_text(f"{row}\n{samples.KITTI_LABELS}")
    report = convert(tmp_path / "kitti", tmp_path / "drive", "drive")
    assert [words in sentence for sentence in report.left_out] == [True]
    assert len(Drive.open(tmp_path / "drive")[0].boxes) == 3


def test_kitti_has_regions_of_several_objects_as_dont_care(tmp_path: Path) -> None:
    samples.coco(tmp_path / "coco")
    report = convert(tmp_path / "coco", tmp_path / "kitti", "kitti")
    assert report.dropped == {"boxes of other classes": 1, "crowds": 1, "facts": 2}
    row = (tmp_path / "kitti/label_2/sub-b.txt").read_text()
    assert row == "DontCare -1 -1 -10 50 60 150 140 -1 -1 -1 -1000 -1000 -1000 -10\n"


def test_bdd100k_keeps_pictures_of_one_name_in_two_folders_apart(tmp_path: Path) -> None:
    samples.tusimple(tmp_path / "tusimple")
    convert(tmp_path / "tusimple", tmp_path / "bdd", "bdd100k")
    convert(tmp_path / "bdd", tmp_path / "drive", "drive")
    before, after = tmp_path / "before", Drive.open(tmp_path / "drive")
    convert(tmp_path / "tusimple", before, "drive")
    for old, new in zip(Drive.open(before), after, strict=True):
        np.testing.assert_array_equal(new.image, old.image)
    samples.bdd100k(tmp_path / "plain")
    samples.picture(tmp_path / "plain/images/10k/train/b1c66a42-6f7d68ca.jpg", 9)
    report = convert(tmp_path / "plain", tmp_path / "other", "drive")
    assert report.written == 1
    assert "10k/train/b1c66a42-6f7d68ca.jpg" in report.left_out[0]


def test_bdd100k_there_and_back(tmp_path: Path) -> None:
    samples.bdd100k(tmp_path / "bdd")
    assert guess(tmp_path / "bdd") == "bdd100k"
    report = convert(tmp_path / "bdd", tmp_path / "drive", "drive")
    assert report.left_out == []
    assert report.dropped == {
        "boxes of other classes": 1,
        "control points of curves": 2,
        "curbs, crosswalks and areas": 1,
        "markings across the road": 1,
    }
    drive = Drive.open(tmp_path / "drive")
    assert drive.names == ["b1c66a42-6f7d68ca", "b1c81faa-3df17267"]
    first = drive[0]
    assert [box.xyxy for box in first.boxes] == [(10.5, 20.0, 110.5, 70.0), (0.0, 20.0, 110.5, 70.0)]
    assert [(lane.kind, lane.color, lane.slot) for lane in first.lanes] == [
        ("broken", "white", -1),
        ("solid_solid", "yellow", -2),
    ]
    assert first.lanes[1].pixels[[0, -1]].tolist() == [[20, 190], [100, 100]]
    assert first.meta["bdd100k"] == {"attributes": {"weather": "snowy", "timeofday": "night"}, "timestamp": 10000}
    again = convert(tmp_path / "drive", tmp_path / "again", "bdd100k")
    assert not again.dropped
    convert(tmp_path / "again", tmp_path / "third", "drive")
    for old, new in zip(drive, Drive.open(tmp_path / "third"), strict=True):
        assert [replace(box, distance=0.0) for box in new.boxes] == [replace(box, distance=0.0) for box in old.boxes]
        for line, copied in zip(old.lanes, new.lanes, strict=True):
            np.testing.assert_array_equal(copied.pixels, line.pixels)
            assert (copied.kind, copied.color, copied.slot) == (line.kind, line.color, line.slot)
        assert new.meta["bdd100k"] == old.meta["bdd100k"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"box2d": {"x1": 50, "y1": 1, "x2": 40, "y2": 9}}, "0.labels.0.box2d is inverted"),
        ({"box2d": {"x1": 10**400, "y1": 1, "x2": 40, "y2": 9}}, "0.labels.0.box2d must have the numbers"),
        ({"box2d": [1, 2, 3, 4]}, "0.labels.0.box2d must have the numbers x1"),
        ({"category": ""}, "0.labels.0.category is '', not a text"),
        ({"poly2d": [{"vertices": [], "types": ""}], "category": "single white"}, "poly2d.0 has 0 point(s)"),
        ({"poly2d": [{"vertices": [[1, 2]], "types": "L"}], "category": "single white"}, "poly2d.0 has 1 point(s)"),
        ({"poly2d": [{"vertices": [[1, 2], [3, 4]], "types": "LC"}], "category": "single white"}, "types is 'LC'"),
    ],
)
def test_bdd100k_faults_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    samples.bdd100k(tmp_path / "bdd")
    file = tmp_path / "bdd/labels/det_train.json"
    content = json.loads(file.read_text())
    content[0]["labels"][0].update(change)
    content.append(content[1])
    samples.write_json(file, content)
    report = convert(file, tmp_path / "drive", "drive", "bdd100k")
    assert any(words in sentence for sentence in report.left_out), report.left_out
    assert any("2.name is 'b1c81faa-3df17267.jpg' for the second time" in sentence for sentence in report.left_out)


def two_cameras(tmp_path: Path) -> list[Frame]:
    """One scene of two instants; the second has a camera that looks back as well."""
    view = camera()
    behind = view.camera_to_world.copy()
    behind[:3, :3] = np.diag([-1.0, -1.0, 1.0]) @ behind[:3, :3]
    back = replace(view, camera_to_world=behind)
    cars = tuple(replace(car(view, away, 1.0, number), visible=0.7) for number, away in ((1, 10.0), (2, 25.0)))
    other = replace(car(view, 12.0, 0.0, 3), cuboid=Cuboid((-12.0, 0.0, 0.75), (4.5, 1.8, 1.5), 0.0))
    base = frame(1)
    facts = [{"nuscenes": {"scene": "scene-0061", "channel": name, "sample": token * 32}} for name, token in CHANNELS]
    frames = [
        replace(base, name="a", boxes=cars, lanes=(), time=1531883530.449377, meta=facts[0]),
        replace(base, name="b", boxes=cars[:1], lanes=(), time=1531883530.949377, meta=facts[1]),
        replace(base, name="c", boxes=(other,), camera=back, lanes=(), time=1531883530.959377, meta=facts[2]),
    ]
    with DriveWriter(tmp_path / "drive") as writer:
        for one in frames:
            writer.add(one)
    return frames


CHANNELS = (("CAM_FRONT", "a"), ("CAM_FRONT", "b"), ("CAM_BACK", "b"))


def test_nuscenes_there_and_back(tmp_path: Path) -> None:
    kit = pytest.importorskip("nuscenes.nuscenes", reason="the extra 'nuscenes' is not installed")
    frames = two_cameras(tmp_path)
    assert not convert(tmp_path / "drive", tmp_path / "nuscenes", "nuscenes").dropped
    tables = kit.NuScenes("v1.0-whiteout", str(tmp_path / "nuscenes"), verbose=False)
    assert (len(tables.scene), len(tables.sample), len(tables.sample_data), len(tables.instance)) == (1, 2, 3, 3)
    assert tables.scene[0]["name"] == "scene-0061"
    assert guess(tmp_path / "nuscenes") == "nuscenes"
    report = convert(tmp_path / "nuscenes", tmp_path / "back", "drive")
    assert (report.left_out, report.dropped) == ([], {})
    for old, new in zip(frames, Drive.open(tmp_path / "back"), strict=True):
        np.testing.assert_array_equal(new.image, old.image)
        np.testing.assert_allclose(new.camera.camera_to_world, old.camera.camera_to_world, atol=1e-12)
        np.testing.assert_allclose(new.camera.intrinsics, old.camera.intrinsics)
        assert new.time == pytest.approx(old.time, abs=1e-6)
        assert new.meta["nuscenes"] == old.meta["nuscenes"]
        assert [box.instance for box in new.boxes] == [box.instance for box in old.boxes]
        for box, copied in zip(old.boxes, new.boxes, strict=True):
            assert copied.cuboid is not None
            assert box.cuboid is not None
            assert copied.cuboid.center == pytest.approx(box.cuboid.center)
            assert copied.cuboid.size == pytest.approx(box.cuboid.size)
            assert (copied.label, copied.visible) == (box.label, box.visible)


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("sample_annotation", {"size": [1.8, math.nan, 1.5]}, "is NaN, infinite or empty"),
        ("sample_annotation", {"size": [1.8, 0.0, 1.5]}, "is NaN, infinite or empty"),
        ("ego_pose", {"translation": [0.0, math.inf, 0.0]}, "ego_pose or calibrated_sensor holds NaN"),
        ("ego_pose", {"rotation": [0.0, 0.0, 0.0, 0.0]}, "leads to a row with a wrong value"),
    ],
)
def test_nuscenes_faults_are_named(tmp_path: Path, table: str, change: dict[str, object], words: str) -> None:
    pytest.importorskip("nuscenes.nuscenes", reason="the extra 'nuscenes' is not installed")
    two_cameras(tmp_path)
    convert(tmp_path / "drive", tmp_path / "nuscenes", "nuscenes")
    file = tmp_path / f"nuscenes/v1.0-whiteout/{table}.json"
    rows = json.loads(file.read_text())
    rows[0].update(change)
    samples.write_json(file, rows)
    report = convert(tmp_path / "nuscenes", tmp_path / "back", "drive")
    assert [words in sentence for sentence in report.left_out] == [True]
    assert report.written == (2 if table == "ego_pose" else 3)


def test_nuscenes_boxes_surround_their_cuboids(tmp_path: Path) -> None:
    """A car 10 m ahead, 4.5 m long: its near face is at 7.75 m and fills the box."""
    pytest.importorskip("nuscenes.nuscenes", reason="the extra 'nuscenes' is not installed")
    two_cameras(tmp_path)
    convert(tmp_path / "drive", tmp_path / "nuscenes", "nuscenes")
    convert(tmp_path / "nuscenes", tmp_path / "back", "drive")
    box = Drive.open(tmp_path / "back")[0].boxes[0]
    near, focal = 10 - 4.5 / 2, 160.0
    far = 10 + 4.5 / 2
    left, right = 160 - focal * 1.9 / near, 160 - focal * 0.1 / far
    top, bottom = 96 + focal * 0.0 / near, 96 + focal * 1.5 / near
    assert box.xyxy == pytest.approx((left, top, right, bottom))


def test_nuscenes_wants_a_known_camera(tmp_path: Path) -> None:
    with DriveWriter(tmp_path / "drive") as writer:
        writer.add(replace(frame(1), camera=Camera.guess(320, 192)))
    with pytest.raises(WhiteoutError, match="known pose and intrinsics"):
        convert(tmp_path / "drive", tmp_path / "nuscenes", "nuscenes")
    assert not (tmp_path / "nuscenes").exists()
