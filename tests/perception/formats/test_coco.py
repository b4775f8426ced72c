"""COCO: there and back through a drive, and everything that can be wrong in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faster_coco_eval import COCO

from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.formats.cli import FORMAT_NAMES
from perception.formats.convert import convert
from perception.formats.item import Options
from perception.formats.table import FORMATS, guess
from tests.perception.formats import samples

KEPT = ("image_id", "category_id", "bbox", "area", "iscrowd")


def kept(path: Path) -> list[dict[str, object]]:
    content = json.loads(path.read_text())
    return [{key: entry[key] for key in KEPT} for entry in content["annotations"]]


def test_there_and_back_through_a_drive(tmp_path: Path) -> None:
    before = samples.coco(tmp_path / "coco")
    report = convert(tmp_path / "coco", tmp_path / "drive", "drive")
    assert (report.written, report.left_out) == (2, [])
    assert report.dropped == {"boxes of other classes": 1}
    drive = Drive.open(tmp_path / "drive")
    assert drive.names == ["a", "sub-b"]
    assert [box.label for box in drive[0].boxes] == ["car", "pedestrian"]
    assert drive[0].camera.unknown == ("intrinsics", "pose")
    assert drive[1].boxes[0].crowd
    again = convert(tmp_path / "drive", tmp_path / "again", "coco")
    assert not again.dropped
    after = json.loads((tmp_path / "again/annotations/instances.json").read_text())
    assert kept(tmp_path / "again/annotations/instances.json") == [
        {key: entry[key] for key in KEPT} for entry in before["annotations"][:3]
    ]
    assert [(image["id"], image["file_name"], image.get("license")) for image in after["images"]] == [
        (139, "a.png", 3),
        (285, "sub/b.png", None),
    ]
    assert len(COCO(str(tmp_path / "again/annotations/instances.json")).getAnnIds()) == 3


def test_pictures_pass_through_byte_for_byte(tmp_path: Path) -> None:
    samples.coco(tmp_path / "coco")
    convert(tmp_path / "coco", tmp_path / "out", "coco")
    for name in ("a.jpg", "sub/b.png"):
        assert (tmp_path / "out/images" / name).read_bytes() == (tmp_path / "coco/images" / name).read_bytes()


def test_a_stated_field_of_view_makes_the_intrinsics_known(tmp_path: Path) -> None:
    samples.coco(tmp_path / "coco")
    convert(tmp_path / "coco", tmp_path / "drive", "drive", options=Options(fov=90.0))
    camera = Drive.open(tmp_path / "drive")[0].camera
    assert camera.unknown == ("pose",)
    assert camera.intrinsics[0, 0] == pytest.approx(160.0)


FAULTS: list[tuple[str, int, dict[str, object], str]] = [
    ("annotations", 0, {"bbox": [10, 20, -5, 50]}, "annotations.0.bbox is inverted or empty"),
    ("annotations", 0, {"bbox": [400, 20, 5, 50]}, "annotations.0.bbox lies outside the picture of 320 x 192 px"),
    ("annotations", 0, {"bbox": [float("nan"), 20, 5, 50]}, "annotations.0.bbox holds NaN"),
    ("annotations", 0, {"bbox": [1, 2, 3]}, "annotations.0.bbox is [1, 2, 3], not left, top"),
    ("annotations", 0, {"category_id": 99}, "annotations.0.category_id is 99, which categories lacks"),
    ("annotations", 0, {"image_id": 7}, "annotations.0.image_id is 7, which no usable image has"),
    ("annotations", 1, {"id": 1}, "annotations.1.id is 1 for the second time"),
    ("categories", 2, {"id": [38]}, "categories.2.id is [38]; give it a number"),
    ("images", 0, {"score": float("nan")}, "picture a.jpg: what the source tells of it cannot be kept as JSON"),
    ("images", 0, {"file_name": "\ud800.jpg"}, "leaves the folder"),
    ("categories", 2, {"name": ""}, "categories.2.name is '', not a text"),
    ("images", 0, {"file_name": "../a.jpg"}, "leaves the folder"),
    ("images", 0, {"file_name": "/etc/passwd"}, "leaves the folder"),
    ("images", 0, {"file_name": "none.jpg"}, "cannot be read"),
    ("images", 0, {"width": 321}, "width and height say 321 x 192"),
]


@pytest.mark.parametrize(("part", "index", "change", "words"), FAULTS)
def test_what_is_wrong_is_left_out_and_named(
    tmp_path: Path, part: str, index: int, change: dict[str, object], words: str
) -> None:
    content = samples.coco(tmp_path / "coco")
    content[part][index].update(change)
    samples.write_json(tmp_path / "coco/annotations/instances.json", content)
    report = convert(tmp_path / "coco", tmp_path / "drive", "drive")
    assert any(words in sentence for sentence in report.left_out), report.left_out
    assert all("instances.json" in one or "none.jpg" in one or "picture a.jpg" in one for one in report.left_out)
    assert "sub-b" in Drive.open(tmp_path / "drive").names


def test_pictures_of_one_id_are_both_left_out(tmp_path: Path) -> None:
    content = samples.coco(tmp_path / "coco")
    content["images"].append({"id": 139, "file_name": "sub/b.png"})
    samples.write_json(tmp_path / "coco/annotations/instances.json", content)
    report = convert(tmp_path / "coco", tmp_path / "drive", "drive")
    assert "images.0 and images.2 share the id 139" in report.left_out[0]
    assert Drive.open(tmp_path / "drive").names == ["sub-b"]


def test_a_broken_file_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    samples.coco(tmp_path / "coco")
    file = tmp_path / "coco/annotations/instances.json"
    file.write_text(file.read_text()[:-40])
    with pytest.raises(WhiteoutError, match="is no JSON"):
        convert(file, tmp_path / "drive", "drive", "coco")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coco"]


def test_the_format_is_recognised_only_where_it_is_clear(tmp_path: Path) -> None:
    samples.coco(tmp_path / "coco")
    assert guess(tmp_path / "coco") == "coco"
    samples.write_json(tmp_path / "coco/annotations/other.json", {"images": [], "annotations": [], "categories": []})
    with pytest.raises(WhiteoutError, match=r"holds 2 COCO files.*name the one JSON file"):
        convert(tmp_path / "coco", tmp_path / "drive", "drive")
    samples.tusimple(tmp_path / "coco")
    with pytest.raises(WhiteoutError, match=r"coco and tusimple fits.*name it with --from"):
        guess(tmp_path / "coco")


def test_the_command_knows_every_format() -> None:
    assert sorted(FORMAT_NAMES) == sorted(FORMATS)
