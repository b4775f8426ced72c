"""Drives: what is written comes back, and it exists whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval import COCO

from perception.box import Box
from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.frame import Frame
from tests.perception.scenes import frame


def rich_frame(seed: int = 10) -> Frame:
    """A frame that uses every field."""
    plain = frame(seed)
    rng = np.random.default_rng(seed)
    size = plain.image.shape[:2]
    masks = {
        "glare": (rng.random(size) < 0.1).astype(np.uint8) * 255,
        "semantic": rng.integers(0, 29, size, dtype=np.uint8),
        "instance": rng.integers(0, 40000, size, dtype=np.uint16),
        "depth": rng.integers(0, 65536, size, dtype=np.uint16),
        "no_glare": rng.integers(0, 256, (*size, 3), dtype=np.uint8),
    }
    unknown = replace(plain.lanes[0], metres=np.full_like(plain.lanes[0].metres, np.nan), kind="broken", color="yellow")
    hidden = replace(unknown, visible=np.arange(len(unknown.pixels)) % 3 == 0, slot=0)
    told = np.array(["visible", "hidden", "snow", "gap"])[np.arange(len(unknown.pixels)) % 4]
    stated = replace(unknown, visible=told == "visible", states=tuple(told.tolist()), slot=2)
    beyond = Box("car", (0.0, 2.0, 9.0, 30.0), truncated=True, amodal=(-12.5, 2.0, 9.25, 30.5), truncation=0.6)
    boxes = (*plain.boxes, beyond, Box("pedestrian", (1.5, 2.25, 9.0, 30.0), visible=0.4, truncated=True, instance=7))
    return replace(plain, boxes=boxes, lanes=(*plain.lanes, unknown, hidden, stated), masks=masks, time=1.25)


def write(path: Path, *frames: Frame) -> Drive:
    with DriveWriter(path, {"weather": "clear", "seed": 4}) as writer:
        for one in frames:
            writer.add(one)
    return Drive.open(path)


def test_everything_survives_a_round_trip(tmp_path: Path) -> None:
    before = rich_frame()
    drive = write(tmp_path / "d", before, frame(1))
    after = drive[0]
    assert (len(drive), drive.names, drive.meta) == (2, ["000010", "000001"], {"weather": "clear", "seed": 4})
    assert (after.name, after.time, after.meta) == (before.name, before.time, before.meta)
    np.testing.assert_array_equal(after.image, before.image)
    assert set(after.masks) == set(before.masks)
    for kind, mask in before.masks.items():
        np.testing.assert_array_equal(after.masks[kind], mask)
        assert after.masks[kind].dtype == mask.dtype
    np.testing.assert_array_equal(after.camera.intrinsics, before.camera.intrinsics)
    np.testing.assert_array_equal(after.camera.camera_to_world, before.camera.camera_to_world)
    for old, new in zip(before.boxes, after.boxes, strict=True):
        assert new.xyxy == pytest.approx(old.xyxy, abs=1e-9)
        assert replace(new, xyxy=old.xyxy, distance=0.0) == replace(old, distance=0.0)
        assert new.distance == old.distance or (math.isnan(new.distance) and math.isnan(old.distance))
    for line, copied in zip(before.lanes, after.lanes, strict=True):
        np.testing.assert_array_equal(copied.pixels, line.pixels)
        np.testing.assert_array_equal(copied.metres, line.metres)
        np.testing.assert_array_equal(copied.visible, line.visible)
        assert (copied.kind, copied.color, copied.slot) == (line.kind, line.color, line.slot)
        assert copied.states == line.states


def test_a_drive_that_knows_nothing_of_amodal_boxes_and_states_still_opens(tmp_path: Path) -> None:
    drive = write(tmp_path / "d", rich_frame())
    coco, lanes = (json.loads((drive.path / name).read_text()) for name in ("coco.json", "lanes.json"))
    for one in coco["annotations"]:
        del one["amodal"], one["truncation"]
    for one in lanes["frames"]["000010"]:
        del one["states"]
    (drive.path / "coco.json").write_text(json.dumps(coco))
    (drive.path / "lanes.json").write_text(json.dumps(lanes))
    old = Drive.open(drive.path)[0]
    assert {(box.amodal, box.truncation) for box in old.boxes} == {(None, None)}
    assert {lane.states for lane in old.lanes} == {()}


@pytest.mark.parametrize(
    ("file", "path", "value", "sentence"),
    [
        ("coco.json", ("annotations", 3, "truncation"), 1.5, r"coco\.json: field annotations\.3\.truncation"),
        ("coco.json", ("annotations", 3, "amodal"), [5, 0, 1, 9], r"field annotations\.3\.amodal.*in order"),
        ("lanes.json", ("frames", "000010", 0, "states"), ["lost"], r"lanes\.json: field frames\.000010\.0\.states\.0"),
        ("lanes.json", ("frames", "000010", 0, "states"), ["snow"], r"field frames\.000010\.0\.states contradicts"),
    ],
)
def test_wrong_truths_are_named(
    tmp_path: Path, file: str, path: tuple[str | int, ...], value: object, sentence: str
) -> None:
    drive = write(tmp_path / "d", rich_frame())
    content = json.loads((drive.path / file).read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (drive.path / file).write_text(json.dumps(content))
    with pytest.raises(WhiteoutError, match=sentence):
        Drive.open(drive.path)


def test_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", rich_frame()), write(tmp_path / "b", rich_frame())
    files = sorted(file.relative_to(first.path) for file in first.path.rglob("*") if file.is_file())
    assert files == sorted(file.relative_to(second.path) for file in second.path.rglob("*") if file.is_file())
    for file in files:
        assert (first.path / file).read_bytes() == (second.path / file).read_bytes(), file
    assert first.content_hash == second.content_hash != write(tmp_path / "c", rich_frame(5)).content_hash


def test_coco_json_is_read_by_coco_tools(tmp_path: Path) -> None:
    drive = write(tmp_path / "d", rich_frame())
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(drive.path / "coco.json"))
    annotation = coco.loadAnns(coco.getAnnIds())[-1]
    assert annotation["bbox"] == [1.5, 2.25, 7.5, 27.75]
    assert annotation["area"] == pytest.approx(7.5 * 27.75)
    assert annotation["iscrowd"] == 0
    assert coco.loadCats(annotation["category_id"])[0]["name"] == "pedestrian"
    assert (annotation["visible"], annotation["truncated"], annotation["instance"]) == (0.4, True, 7)


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with DriveWriter(tmp_path / "d") as writer:
            writer.add(frame(0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WhiteoutError, match="No space left"):
        write(tmp_path / "d", frame(0))
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_nothing_that_opens(tmp_path: Path) -> None:
    script = (
        "import sys; from perception.drive import DriveWriter; from tests.perception.scenes import frame\n"
        "with DriveWriter(sys.argv[1]) as writer:\n"
        "    for seed in range(100000):\n"
        "        writer.add(frame(seed))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "d")])
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".d.*/images/000002.png")):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    (left,) = tmp_path.iterdir()
    with pytest.raises(WhiteoutError, match="no such drive"):
        Drive.open(tmp_path / "d")
    with pytest.raises(WhiteoutError, match=r"meta\.json"):
        Drive.open(left)
    assert len(write(tmp_path / "d", frame(0))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["d"], "the next writer clears up"


def test_two_writers_to_one_place_do_not_disturb_each_other(tmp_path: Path) -> None:
    slow = DriveWriter(tmp_path / "d").__enter__()
    slow.add(frame(0))
    write(tmp_path / "d", frame(1))
    with pytest.raises(WhiteoutError, match="could not be written"):
        slow.__exit__(None, None, None)
    assert Drive.open(tmp_path / "d").names == ["000001"]
    with pytest.raises(WhiteoutError, match="exists already"):
        write(tmp_path / "d", frame(2))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": "../up"}, "name may hold"),
        ({"image": np.zeros((5, 5, 3), np.uint8)}, "camera is of another size"),
        ({"time": math.nan}, "time must be finite"),
        ({"meta": {"a": math.inf}}, "cannot be kept as JSON"),
        ({"boxes": (Box("tram", (0.0, 0.0, 5.0, 5.0)),)}, "label must be one of"),
        ({"boxes": (Box("car", (5.0, 0.0, 5.0, 5.0)),)}, "bbox"),
        ({"boxes": (Box("car", (0.0, math.nan, 5.0, 5.0)),)}, "bbox"),
        ({"masks": {"glare": np.zeros((2, 2), np.uint8)}}, "image's size"),
        ({"masks": {"depth": np.zeros((192, 320), np.float32)}}, "uint16"),
    ],
)
def test_a_wrong_frame_is_refused_by_field(tmp_path: Path, change: dict[str, object], fault: str) -> None:
    wrong = replace(frame(0), **change)  # type: ignore[arg-type]
    with pytest.raises(WhiteoutError, match=fault), DriveWriter(tmp_path / "d") as writer:
        writer.add(wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_name_may_be_used_once_and_a_drive_is_not_empty(tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="used before"):
        write(tmp_path / "d", frame(0), frame(0))
    with pytest.raises(WhiteoutError, match="at least one frame"):
        write(tmp_path / "d")


def _faults() -> Iterator[tuple[str, str, str, str]]:
    """File, text in it, replacement, what the sentence must name."""
    yield "coco.json", '"category_id":1', '"category_id":9', r"annotations\.0\.category_id is 9"
    yield "coco.json", '"image_id":3', '"image_id":77', r"annotations\.\d+\.image_id is 77"
    yield "coco.json", '"name":"truck"', '"name":"tram"', r"categories\.1\.name is 'tram'"
    yield "coco.json", '"bbox":[', '"bbox":[NaN,', r"annotations\.0\.bbox"
    yield "coco.json", '"width":320', '"width":321', r"frames\.000000\.width or \.height differs from coco\.json"
    yield "coco.json", '"file_name":"000000', '"file_name":"../x', r"images\.0\.file_name"
    yield "coco.json", '"images":[', '"images":', r"coco\.json: the file is wrong"
    yield "lanes.json", '"pixels":[[', '"pixels":[[1,2],[', r"frames\.000000\.0 needs pixels"
    yield "lanes.json", '"kind":"solid"', '"kind":"dotted"', r"frames\.000000\.0\.kind is 'dotted'"
    yield "lanes.json", '"000001":', '"000009":', r"frames\.000001 is missing"
    yield "cameras.json", '"000001":', '"000009":', r"frames\.000001 is missing"
    yield "cameras.json", '"intrinsics":[[', '"intrinsics":[[NaN,', r"frames\.000000\.intrinsics"
    yield "cameras.json", '"camera_to_world":[[0.0', '"camera_to_world":[[2.0', "no rigid transform"
    yield "meta.json", '"format":1', '"format":2', "format"


@pytest.mark.parametrize(("file", "old", "new", "fault"), list(_faults()))
def test_a_broken_file_is_named_with_its_field(drive: Drive, file: str, old: str, new: str, fault: str) -> None:
    path = drive.path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(WhiteoutError, match=fault) as caught:
        Drive.open(drive.path)
    assert str(drive.path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["coco.json", "lanes.json", "cameras.json", "meta.json", "images/000001.png"])
def test_a_missing_file_is_named(drive: Drive, file: str) -> None:
    (drive.path / file).unlink()
    with pytest.raises(WhiteoutError, match=file):
        Drive.open(drive.path)


def test_a_cut_or_foreign_picture_is_named(drive: Drive) -> None:
    picture = drive.path / "images/000001.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:-500])
    with pytest.raises(WhiteoutError, match=r"000001\.png: the picture is broken or cut short"):
        Drive.open(drive.path)
    picture.write_bytes(b"not a picture")
    with pytest.raises(WhiteoutError, match=r"000001\.png: this is not a picture"):
        Drive.open(drive.path)


def test_a_picture_of_another_size_is_named(drive: Drive, tmp_path: Path) -> None:
    small = write(tmp_path / "small", frame(0, width=160, height=96))
    (drive.path / "images/000001.png").write_bytes((small.path / "images/000000.png").read_bytes())
    with pytest.raises(WhiteoutError, match=r"000001\.png: the picture has 160 x 96 px but coco\.json says 320 x 192"):
        Drive.open(drive.path)


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    drive = write(tmp_path / "d", rich_frame())
    small = write(tmp_path / "small", frame(0, width=160, height=96))
    (drive.path / "masks/glare/000010.png").write_bytes((small.path / "images/000000.png").read_bytes())
    with pytest.raises(WhiteoutError, match=r"glare/000010\.png: the mask has 160 x 96 px"):
        drive[0].masks["glare"]


def test_verify_names_a_changed_file(drive: Drive) -> None:
    drive.verify()
    before = drive.content_hash
    path = drive.path / "lanes.json"
    path.write_text(path.read_text().replace('"white"', '"yellow"', 1))
    changed = Drive.open(drive.path)
    assert changed.content_hash != before
    with pytest.raises(WhiteoutError, match=r"lanes\.json: changed"):
        changed.verify()
