"""Shards: everything comes back, the bytes repeat, and training from them streams, repeats and resumes."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from webdataset import WebDataset

from perception.config import ModelConfig
from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.formats.convert import convert
from perception.formats.item import Options
from perception.samples import make_batch
from perception.shards import ShardSet, open_source, to_frame
from perception.streaming import WINDOW, StreamedSamples, gather_samples
from perception.train import TrainConfig, train
from perception.weights import load_model
from tests.perception.formats import samples
from tests.perception.scenes import frame
from tests.perception.test_drive import rich_frame

CONFIG = ModelConfig(input_width=160, input_height=96, pyramid_channels=32, tower_convs=1)


def shards(tmp_path: Path, count: int = 11, size: int = 2) -> ShardSet:
    with DriveWriter(tmp_path / "drive") as writer:
        for seed in range(count - 1):
            writer.add(frame(seed))
        writer.add(rich_frame(99))
    report = convert(tmp_path / "drive", tmp_path / "shards", "webdataset", options=Options(shard_size=size))
    assert (report.written, report.left_out, report.dropped) == (count, [], {})
    return ShardSet.open(tmp_path / "shards")


def test_everything_comes_back(tmp_path: Path) -> None:
    found = shards(tmp_path)
    assert (len(found), [shard.frames for shard in found.shards]) == (11, [2, 2, 2, 2, 2, 1])
    report = convert(tmp_path / "shards", tmp_path / "back", "drive")
    assert (report.written, report.left_out, report.dropped) == (11, [], {})
    first, back = (Drive.open(tmp_path / name) for name in ("drive", "back"))
    assert first.names == back.names
    for old, new in zip(first, back, strict=True):
        np.testing.assert_array_equal(new.image, old.image)
        assert (new.time, new.meta, set(new.masks)) == (old.time, old.meta, set(old.masks))
        for kind, mask in old.masks.items():
            np.testing.assert_array_equal(new.masks[kind], mask)
        np.testing.assert_array_equal(new.camera.camera_to_world, old.camera.camera_to_world)
        assert [repr(replace(box, xyxy=(0.0, 0.0, 1.0, 1.0))) for box in new.boxes] == [
            repr(replace(box, xyxy=(0.0, 0.0, 1.0, 1.0))) for box in old.boxes
        ]
        np.testing.assert_allclose([box.xyxy for box in new.boxes], [box.xyxy for box in old.boxes], atol=1e-9)
        for line, copied in zip(old.lanes, new.lanes, strict=True):
            np.testing.assert_array_equal(copied.pixels, line.pixels)
            np.testing.assert_array_equal(copied.metres, line.metres)
            assert (copied.kind, copied.color, copied.slot, copied.states) == (
                line.kind,
                line.color,
                line.slot,
                line.states,
            )


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    first = shards(tmp_path)
    convert(tmp_path / "drive", tmp_path / "again", "webdataset", options=Options(shard_size=2))
    for shard in first.shards:
        assert (tmp_path / "again" / shard.file).read_bytes() == (first.path / shard.file).read_bytes()
    assert ShardSet.open(tmp_path / "again").content_hash == first.content_hash


def test_any_webdataset_loader_reads_them(tmp_path: Path) -> None:
    found = shards(tmp_path)
    url = str(found.path / "{000000..000005}.tar")
    entries = list(WebDataset(url, shardshuffle=False).decode("rgb8"))
    assert len(entries) == 11
    assert entries[3]["json"]["image"]["file_name"] == "000003.png"
    np.testing.assert_array_equal(entries[3]["png"], frame(3).image)


def test_a_pass_takes_each_picture_once_and_few_shards_at_a_time(tmp_path: Path) -> None:
    streamed = StreamedSamples([shards(tmp_path)], CONFIG)
    orders = [streamed.order(np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert sorted(orders[0].tolist()) == list(range(11))
    np.testing.assert_array_equal(orders[0], orders[1])
    assert orders[0].tolist() != orders[2].tolist()
    touched = [place // 2 for place in orders[0]]
    assert len(set(touched[: 2 * WINDOW - 1])) <= WINDOW
    for place in orders[0]:
        assert streamed[int(place)].image.shape == (96, 160, 3)
        assert len(streamed._kept) <= WINDOW
    in_memory = gather_samples([Drive.open(tmp_path / "drive")], CONFIG)
    for place in (0, 5, 10):
        np.testing.assert_array_equal(streamed[place].image, in_memory[place].image)
        assert len(streamed[place].lanes) == len(in_memory[place].lanes)


def test_training_from_shards_repeats_and_resumes(tmp_path: Path) -> None:
    found = shards(tmp_path)
    config = TrainConfig(steps=4, batch=3, checkpoint_every=2, precision="32-true")
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train([found], whole, config, model_config=CONFIG)
    batches = [make_batch(StreamedSamples([found], CONFIG), 3, 3, 0, CONFIG).images for _ in range(2)]
    assert bool((batches[0] == batches[1]).all())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("perception.train.settle_statistics", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            train([found], stopped, config, model_config=CONFIG)
    train([ShardSet.open(found.path)], stopped, config, model_config=CONFIG, resume=True)
    assert load_model(whole).weights_hash() == load_model(stopped).weights_hash()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_drives_and_shards_do_not_mix(tmp_path: Path) -> None:
    found = shards(tmp_path, count=2)
    with pytest.raises(WhiteoutError, match="convert --to webdataset"):
        gather_samples([found, Drive.open(tmp_path / "drive")], CONFIG)
    assert isinstance(open_source(tmp_path / "shards"), ShardSet)
    assert isinstance(open_source(tmp_path / "drive"), Drive)


def test_a_broken_shard_costs_its_rest_alone(tmp_path: Path) -> None:
    found = shards(tmp_path)
    path = found.path / found.shards[2].file
    path.write_bytes(path.read_bytes()[:40000])
    report = convert(found.path, tmp_path / "back", "drive")
    assert report.written == 9
    assert "000002.tar" in report.left_out[0]
    with pytest.raises(WhiteoutError, match=r"000002\.tar"):
        StreamedSamples([found], CONFIG)[4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file": "pipe:touch x.tar"}, "shards.0.file is wrong"),
        ({"file": "../000000.tar"}, "shards.0.file is wrong"),
        ({"file": "777777.tar"}, "listed in shards.json but missing"),
        ({"frames": 0}, "shards.0.frames is wrong"),
    ],
)
def test_a_wrong_index_is_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    found = shards(tmp_path, count=3)
    index = json.loads((found.path / "shards.json").read_text())
    index["shards"][0].update(change)
    (found.path / "shards.json").write_text(json.dumps(index))
    with pytest.raises(WhiteoutError, match=words):
        ShardSet.open(found.path)


def test_a_wrong_sample_is_left_out(tmp_path: Path) -> None:
    found = shards(tmp_path, count=3, size=3)
    path = found.path / found.shards[0].file
    with tarfile.open(path) as old:
        members = [(member, old.extractfile(member).read()) for member in old]  # type: ignore[union-attr]
    with tarfile.open(path, "w") as new:
        for member, data in members:
            changed = data.replace(b'"kind":"solid"', b'"kind":7     ') if member.name == "00000001.json" else data
            member.size = len(changed)
            new.addfile(member, io.BytesIO(changed))
    report = convert(found.path, tmp_path / "back", "drive")
    assert report.written == 2
    assert "sample 00000001.json: lanes.0.kind is wrong" in report.left_out[0]


def test_frames_that_a_shard_lacks_are_told(tmp_path: Path) -> None:
    found = shards(tmp_path, count=3)
    index = json.loads((found.path / "shards.json").read_text())
    index["shards"][0]["frames"] = 5
    (found.path / "shards.json").write_text(json.dumps(index))
    report = convert(found.path, tmp_path / "back", "drive")
    assert report.written == 3
    assert "000000.tar: holds 2 frames, shards.json says 5" in report.left_out[0]
    with pytest.raises(WhiteoutError, match="holds 2 frames"):
        list(ShardSet.open(found.path))


def test_a_picture_of_another_size_than_its_camera_is_refused(tmp_path: Path) -> None:
    parts = next(shards(tmp_path, count=2).samples(0))[1]
    other = samples.picture(tmp_path / "other.png", size=(64, 48))
    with pytest.raises(WhiteoutError, match="picture, camera and masks differ in size"):
        to_frame({**parts, "png": other}, "sample")


def test_jpeg_stays_jpeg(tmp_path: Path) -> None:
    data = samples.picture(tmp_path / "photos/a.jpg")
    convert(tmp_path / "photos", tmp_path / "shards", "webdataset")
    found = ShardSet.open(tmp_path / "shards")
    assert next(iter(found.samples(0)))[1]["jpg"] == data
    assert replace(next(iter(found)), meta={}).camera.unknown == ("intrinsics", "pose")
