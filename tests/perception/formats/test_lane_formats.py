"""TuSimple and CULane: there and back, slots, and what can be wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception.drive import Drive, DriveWriter
from perception.formats.convert import convert
from perception.formats.labels import line, with_slots
from perception.formats.table import guess
from tests.perception.formats import samples
from tests.perception.scenes import camera, car, frame


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(row) for row in path.read_text().splitlines()]


def test_tusimple_there_and_back(tmp_path: Path) -> None:
    before = samples.tusimple(tmp_path / "tusimple")
    assert guess(tmp_path / "tusimple") == "tusimple"
    report = convert(tmp_path / "tusimple", tmp_path / "drive", "drive")
    assert (report.written, report.left_out, report.dropped) == (2, [], {})
    drive = Drive.open(tmp_path / "drive")
    assert [lane.slot for lane in drive[0].lanes] == [-1, 1]
    np.testing.assert_array_equal(drive[0].lanes[0].pixels[[0, -1]], [[60, 160], [140, 80]])
    again = convert(tmp_path / "drive", tmp_path / "again", "tusimple")
    assert not again.dropped
    after = lines(tmp_path / "again/label_data.json")
    for old, new in zip(before, after, strict=True):
        assert new["lanes"] == old["lanes"][:2]  # type: ignore[index]
        assert new["h_samples"] == old["h_samples"]
        assert str(new["raw_file"]) == str(old["raw_file"]).replace(".jpg", ".png")
        assert (tmp_path / "again" / str(new["raw_file"])).is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lanes": [[-2] * 11 + [30]]}, "line 1: lanes.0 has 1 point(s)"),
        ({"lanes": [[1, 2, 3]]}, "line 1: lanes.0 has 3 places for 12 rows"),
        ({"lanes": [[float("nan")] * 3 + [float("inf")] * 9]}, "line 1: lanes.0 holds NaN"),
        ({"lanes": [[float("nan")] * 3 + [30, 31] + [-2] * 7]}, "line 1: lanes.0 holds NaN"),
        ({"lanes": "none"}, "line 1: lanes is 'none'"),
        ({"h_samples": None}, "line 1: h_samples is no list of numbers"),
        ({"raw_file": "../../secret.jpg"}, "leaves the folder"),
        ({"raw_file": "clips/0313-1/2/20.jpg"}, "line 2: raw_file is 'clips/0313-1/2/20.jpg' for the second time"),
    ],
)
def test_tusimple_faults_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    entries = samples.tusimple(tmp_path / "tusimple")
    entries[0].update(change)
    rows = "".join(json.dumps(entry) + "\n" for entry in entries) + "{broken\n"
    (tmp_path / "tusimple/label_data_0313.json").write_text(rows)
    report = convert(tmp_path / "tusimple", tmp_path / "drive", "drive", "tusimple")
    assert words in report.left_out[0]
    assert "line 3 is no JSON" in report.left_out[-1]
    assert report.written >= 1


def test_culane_there_and_back_to_the_last_digit(tmp_path: Path) -> None:
    samples.culane(tmp_path / "culane")
    assert guess(tmp_path / "culane") == "culane"
    report = convert(tmp_path / "culane", tmp_path / "drive", "drive")
    assert (report.left_out, report.dropped) == ([], {"segmentation pictures": 2})
    drive = Drive.open(tmp_path / "drive")
    assert [[lane.slot for lane in one.lanes] for one in drive] == [[-2, -1, 2], []]
    again = convert(tmp_path / "drive", tmp_path / "again", "culane")
    assert not again.dropped
    folder = tmp_path / "again/driver_23_30frame/05151640_0419.MP4"
    words = (folder / "00000.lines.txt").read_text().split()
    assert [float(word) for word in words] == [float(word) for word in samples.CULANE_LINES.split()]
    assert (folder / "00030.lines.txt").read_text() == ""
    flags = [row.split()[2:] for row in (tmp_path / "again/list/all_gt.txt").read_text().splitlines()]
    assert flags == [list("1101"), list("0000")]
    third = convert(tmp_path / "again", tmp_path / "third", "drive", "culane")
    assert not third.dropped
    assert [lane.slot for lane in Drive.open(tmp_path / "third")[0].lanes] == [-2, -1, 2]


def test_culane_flags_outlive_a_faulty_line_and_wrong_ones_are_named(tmp_path: Path) -> None:
    samples.culane(tmp_path / "culane")
    folder = tmp_path / "culane/driver_23_30frame/05151640_0419.MP4"
    rows = samples.CULANE_LINES.splitlines(keepends=True)
    (folder / "00000.lines.txt").write_text("10 20\n" + "".join(rows[1:]))
    convert(tmp_path / "culane", tmp_path / "drive", "drive")
    assert [lane.slot for lane in Drive.open(tmp_path / "drive")[0].lanes] == [-1, 2]
    (folder / "00000.lines.txt").write_text("".join(rows[1:]))
    report = convert(tmp_path / "culane", tmp_path / "second", "drive")
    assert "00000.lines.txt: 2 lines, but flags of 3" in report.left_out[0]


def test_culane_lists_stay_readable_and_labels_apart(tmp_path: Path) -> None:
    """A list cannot hold white space, and two pictures of one stem would share a lines file."""
    for name in ("my photos/a.jpg", "my photos/a.png"):
        samples.picture(tmp_path / "source" / name)
    assert convert(tmp_path / "source", tmp_path / "culane", "culane").written == 2
    assert (tmp_path / "culane/list/all.txt").read_text() == "/my_photos/a.jpg\n/my_photos/a-2.png\n"
    assert convert(tmp_path / "culane", tmp_path / "drive", "drive").written == 2


def test_lines_that_meet_have_slots_of_their_own() -> None:
    found = with_slots([line([(100, 190), (x, 90)], "line") for x in (100, 100, 110)], (320, 192))
    assert sorted(lane.slot for lane in found) == [-3, -2, -1]


def test_culane_without_lists_numbers_lines_by_their_place(tmp_path: Path) -> None:
    samples.culane(tmp_path / "culane", listed=False)
    convert(tmp_path / "culane", tmp_path / "drive", "drive")
    assert [lane.slot for lane in Drive.open(tmp_path / "drive")[0].lanes] == [-2, -1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10 20\n", "00000.lines.txt: line 1 has 1 point(s)"),
        ("10 20 10 20\n", "line 1 has 1 point(s)"),
        ("10 20 30\n", "line 1 has 3 numbers, which are no pairs"),
        ("10 20 30 x\n", "line 1 holds a word that is no number"),
        ("10 20 nan 40\n", "line 1 holds NaN"),
    ],
)
def test_culane_faults_are_named(tmp_path: Path, text: str, words: str) -> None:
    samples.culane(tmp_path / "culane")
    (tmp_path / "culane/driver_23_30frame/05151640_0419.MP4/00000.lines.txt").write_text(text + "50 190 60 100\n")
    (tmp_path / "culane/list/test.txt").write_text("/../outside.jpg\n/a.jpg b c\n")
    report = convert(tmp_path / "culane", tmp_path / "drive", "drive")
    assert any(words in sentence for sentence in report.left_out)
    assert any("leaves the folder" in sentence for sentence in report.left_out)
    assert any("test.txt: line 2 is no path" in sentence for sentence in report.left_out)
    assert len(Drive.open(tmp_path / "drive")[0].lanes) == 1


def test_a_drive_says_what_lane_formats_cannot_hold(tmp_path: Path) -> None:
    held = frame(1)
    with DriveWriter(tmp_path / "drive") as writer:
        writer.add(replace(held, boxes=(car(camera(), 10.0, 1.0),)))
    for to, extra in (("tusimple", "points beside the sampled rows"), ("culane", "")):
        report = convert(tmp_path / "drive", tmp_path / to, to)
        assert report.dropped["boxes"] == 1
        assert report.dropped["lines in metres"] == report.dropped["kinds and colours of lines"] == len(held.lanes)
        assert report.dropped["intrinsics"] == report.dropped["poses"] == 1
        assert (extra in report.dropped) == bool(extra)
        assert "lines" not in report.dropped
