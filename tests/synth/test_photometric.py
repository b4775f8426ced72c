from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.lane import Lane
from synth.effects import DEFAULT_EFFECTS
from synth.photometric import apply_effect, augment, draw_seed
from tests.processes import finished
from tests.synth.conftest import HEIGHT, WIDTH, draw_frame


def command(source: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import argparse, sys; from synth.cli import add_commands; top = argparse.ArgumentParser();"
        "add_commands(top.add_subparsers()); options = top.parse_args(); sys.exit(options.run(options))"
    )
    words = [sys.executable, "-c", code, "augment", str(source), "--out", str(out), *more]
    return finished(words, timeout=120)


def test_two_processes_give_the_same_bytes_and_another_seed_does_not(drive: Drive, tmp_path: Path) -> None:
    done = command(drive.path, tmp_path / "a", "--seed", "7", "--effects", "snow,fog,compression,crop")
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "a") in done.stdout
    effects = ["snow", "fog", "compression", "crop"]
    same = augment(drive.path, tmp_path / "b", seed=7, effects=effects)
    other = augment(drive.path, tmp_path / "c", seed=8, effects=effects)
    assert Drive.open(tmp_path / "a").content_hash == same.content_hash != other.content_hash


def test_every_frame_gets_every_effect_and_tells_where_it_comes_from(drive: Drive, tmp_path: Path) -> None:
    before = drive.content_hash
    made = augment(drive.path, tmp_path / "out", strength="strong", count=2, seed=5)
    assert len(made) == len(drive) * len(DEFAULT_EFFECTS) * 2
    assert drive.content_hash == before
    assert made.meta["scenario"] == "drawn"
    pictures = set()
    for frame in made:
        lineage = frame.meta["lineage"]
        assert isinstance(lineage, dict)
        source = drive[drive.names.index(str(lineage["frame"]))]
        assert lineage["source"] == before
        assert (lineage["strength"], lineage["seed"], frame.meta["weather"]) == ("strong", 5, "clear")
        assert frame.name == f"{source.name}_{lineage['effect']}_{lineage['draw']}"
        assert not np.array_equal(frame.image, source.image)
        assert frame.boxes == source.boxes
        assert all(np.array_equal(new.pixels, old.pixels) for new, old in zip(frame.lanes, source.lanes, strict=True))
        again = apply_effect(source, str(lineage["effect"]), "strong", int(str(lineage["draw_seed"])))
        assert np.array_equal(again.image, frame.image)
        pictures.add(frame.image.tobytes())
    assert len(pictures) > 0.9 * len(made)


def test_label_masks_stay_and_twin_pictures_get_the_same_effect() -> None:
    source = draw_frame(0)
    source = replace(source, masks={**source.masks, "same": source.image})
    new = apply_effect(source, "rain", "strong", 3)
    assert np.array_equal(new.masks["instance"], source.masks["instance"])
    assert np.array_equal(new.masks["glare"], source.masks["glare"])
    assert np.array_equal(new.masks["same"], new.image)
    assert not np.array_equal(new.masks["no_glare"], source.masks["no_glare"])


@pytest.mark.parametrize("seed", range(6))
def test_boxes_lanes_masks_and_camera_follow_a_crop(seed: int) -> None:
    source = draw_frame(1)
    new = apply_effect(source, "crop", "medium", seed)
    assert new.masks["instance"].dtype == np.uint16
    rows, columns = np.nonzero(new.masks["instance"] == 700)
    for box in new.boxes:
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert box.xyxy == pytest.approx(found, abs=1.5)
        assert 0 <= box.xyxy[0] < box.xyxy[2] <= WIDTH
        assert 0 <= box.xyxy[1] < box.xyxy[3] <= HEIGHT
        whole = (box.xyxy[2] - box.xyxy[0]) > 30 / 0.75 - 1 and (box.xyxy[3] - box.xyxy[1]) > 20 / 0.75 - 1
        assert box.truncated != whole
        assert (box.visible == pytest.approx(0.9)) == whole
    assert len(new.boxes) == int(rows.size > 0)
    move = new.camera.intrinsics @ np.linalg.inv(source.camera.intrinsics)
    for lane in new.lanes:
        old = next(line for line in source.lanes if line.slot == lane.slot)
        kept = np.isin(old.metres[:, 0], lane.metres[:, 0])
        expected = np.column_stack([old.pixels, np.ones(len(old.pixels))])[kept] @ move.T
        assert lane.pixels == pytest.approx(expected[:, :2], abs=1e-3)
        assert ((lane.pixels >= 0) & (lane.pixels <= (WIDTH, HEIGHT))).all()
        spots = lane.pixels[(lane.pixels[:, 1] > 1) & (lane.pixels[:, 1] < HEIGHT - 1)].astype(int)
        assert all(new.image[max(0, y - 1) : y + 2, max(0, x - 2) : x + 3].max() > 200 for x, y in spots)


def test_a_crop_drops_what_leaves_the_picture() -> None:
    source = draw_frame(0)
    corner = Lane(np.array([[0.2, 0.2], [0.8, 0.8]]), np.full((2, 3), np.nan), np.ones(2, bool))
    far = replace(source.boxes[0], xyxy=(0.0, 0.0, 1.0, 1.0))
    source = replace(source, lanes=(corner, *source.lanes), boxes=(far, *source.boxes))
    new = apply_effect(source, "crop", "strong", 2)
    assert all(lane.slot != 0 for lane in new.lanes)
    assert all(box.xyxy[2] > 2 for box in new.boxes)


def test_the_seed_of_a_draw_does_not_depend_on_the_others() -> None:
    seeds = {draw_seed(s, f, e, d) for s in (0, 1) for f in ("a", "b") for e in ("snow", "fog") for d in (0, 1)}
    assert len(seeds) == 16
    assert draw_seed(0, "a", "snow", 0) == 0x8A05F162


def test_a_second_augmentation_keeps_the_first_in_its_lineage(drive: Drive, tmp_path: Path) -> None:
    once = augment(drive.path, tmp_path / "once", effects=["blur"], strength="mild")
    twice = augment(once.path, tmp_path / "twice", effects=["compression"])
    lineage = twice[0].meta["lineage"]
    assert isinstance(lineage, dict)
    assert (lineage["effect"], lineage["parent"]["effect"]) == ("compression", "blur")
    assert lineage["source"] == once.content_hash


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"effects": ["hail"]}, "hail"),
        ({"effects": []}, "at least one"),
        ({"effects": ["fog", "fog"]}, "only once"),
        ({"strength": "brutal"}, "brutal"),
        ({"count": 0}, "--count is 0"),
    ],
)
def test_bad_settings_are_sentences_and_leave_nothing(
    drive: Drive, tmp_path: Path, settings: dict[str, object], word: str
) -> None:
    with pytest.raises(WhiteoutError, match=word):
        augment(drive.path, tmp_path / "out", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_an_effect_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    with DriveWriter(tmp_path / "blank", {}) as writer:
        writer.add(replace(draw_frame(0), image=np.full((HEIGHT, WIDTH, 3), 128, np.uint8), masks={}))
    with pytest.raises(WhiteoutError, match=r"'blur' leaves frame 000000 as it was"):
        augment(tmp_path / "blank", tmp_path / "out", effects=["blur"])
    assert [path.name for path in tmp_path.iterdir()] == ["blank"]


def test_an_existing_target_and_a_missing_source_are_refused(drive: Drive, tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="exists already"):
        augment(drive.path, drive.path)
    with pytest.raises(WhiteoutError, match="no such drive"):
        augment(tmp_path / "nowhere", tmp_path / "out")
