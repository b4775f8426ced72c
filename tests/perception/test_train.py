"""Training: it learns, it resumes exactly, and its variations keep the labels on the picture."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from perception import train as training
from perception.balance import LOSS_WEIGHTS
from perception.checkpoint import checkpoint_path
from perception.cli import add_commands
from perception.config import ModelConfig
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.samples import Sample, crop, flip, make_batch, to_sample
from perception.train import State, TrainConfig, start, take_step, train
from perception.weights import load_model, read_card
from tests.perception.scenes import frame

CONFIG = ModelConfig(input_width=160, input_height=96, pyramid_channels=32)


def sample(seed: int = 10) -> Sample:
    return to_sample(frame(seed), CONFIG)


def test_a_tiny_set_is_learned() -> None:
    settings = TrainConfig(steps=30, batch=4, learning_rate=3e-3, precision="32-true")
    fabric = Fabric(accelerator="cpu", devices=1)
    state = start(settings, CONFIG)
    samples = [sample(seed) for seed in (5, 8, 9, 10)]
    totals = []
    for step in range(settings.steps):
        state.progress.step = step
        losses = take_step(fabric, state, make_batch(samples, 0, 4, 0, CONFIG), settings)
        totals.append(sum(LOSS_WEIGHTS[name] * value for name, value in losses.items()))
    assert np.mean(totals[-3:]) < 0.4 * np.mean(totals[:3])


def test_a_resumed_training_ends_with_the_same_bytes(
    drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainConfig(steps=4, batch=2, checkpoint_every=2, precision="32-true")
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train([drive], whole, settings, model_config=CONFIG)

    def stop_at_three(fabric: Fabric, state: State, batch: object, config: TrainConfig) -> dict[str, float]:
        if state.progress.step == 3:
            raise KeyboardInterrupt
        return take_step(fabric, state, batch, config)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(training, "take_step", stop_at_three)
        with pytest.raises(KeyboardInterrupt):
            train([drive], stopped, settings, model_config=CONFIG)
    assert checkpoint_path(stopped).exists()
    assert not stopped.exists()
    with pytest.raises(WhiteoutError, match="another training"):
        train([drive], stopped, replace(settings, seed=1), model_config=CONFIG, resume=True)
    train([drive], stopped, settings, model_config=CONFIG, resume=True)
    assert stopped.read_bytes() == whole.read_bytes()
    assert not checkpoint_path(stopped).exists()


def test_the_command_line_trains_and_scores(drive: Drive, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    out, figures = tmp_path / "w.safetensors", tmp_path / "figures.json"
    line = f"train {drive.path} --val {drive.path} --out {out} --steps 2 --batch 2 --size 160x96 --threads 1"
    args = parser.parse_args(line.split())
    assert args.run(args) == 0
    card = read_card(out)
    assert card.config["input_width"] == 160
    data = [{"drive": "drive", "frames": 4, "content_hash": drive.content_hash}]
    assert card.facts["data"] == {"train": data, "val": data}
    args = parser.parse_args(f"evaluate --model {out} {drive.path} --json {figures} --threads 1".split())
    assert args.run(args) == 0
    written = json.loads(figures.read_text())
    assert written["metrics"] == card.facts["metrics"]
    assert written["weights_hash"] == load_model(out).weights_hash()
    assert "lane_f1" in capsys.readouterr().out


def test_a_few_pictures_are_learned_by_heart_or_the_check_fails(
    drive: Drive, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    line = f"train {drive.path} --overfit 4 --size 160x96 --threads 1 --precision 32-true --rate 3e-3 --steps"
    args = parser.parse_args([*line.split(), "100"])
    assert args.run(args) == 0
    assert capsys.readouterr().out.count("ok: ") == 3
    args = parser.parse_args([*line.split(), "2"])
    assert args.run(args) == 1
    assert "NOT OK: the loss went from" in capsys.readouterr().out


def test_flipping_swaps_the_slots_and_is_its_own_inverse() -> None:
    before = sample()
    mirrored = flip(before)
    assert [lane.slot for lane in mirrored.lanes] == [-lane.slot for lane in before.lanes]
    for old, new in zip(before.lanes, mirrored.lanes, strict=True):
        np.testing.assert_allclose(new.pixels[:, 0], 160 - old.pixels[:, 0])
    again = flip(mirrored)
    np.testing.assert_array_equal(again.image, before.image)
    np.testing.assert_allclose([box.xyxy for box in again.boxes], [box.xyxy for box in before.boxes])


def painted(one: Sample) -> None:
    """Lines must lie on bright paint, and the middle of each box's lower half must be red."""
    for lane in one.lanes:
        inside = (lane.pixels > 3).all(1) & (lane.pixels < (157, 93)).all(1)
        spots = lane.pixels[inside & (lane.pixels[:, 1] > 60)].astype(int)
        hidden = [
            any(b.xyxy[0] - 2 < x < b.xyxy[2] + 2 and b.xyxy[1] < y < b.xyxy[3] + 2 for b in one.boxes)
            for x, y in spots
        ]
        bright = [
            one.image[y, x - 1 : x + 2].max() for (x, y), covered in zip(spots, hidden, strict=True) if not covered
        ]
        assert len(bright) == 0 or np.mean(bright) > 170
    for box in one.boxes:
        x, y = (box.xyxy[0] + box.xyxy[2]) / 2, 0.25 * box.xyxy[1] + 0.75 * box.xyxy[3]
        if 1 < x < 158 and 1 < y < 94 and box.visible > 0.9:
            red, green, _ = one.image[int(y), int(x)].tolist()
            assert red > green + 60


@pytest.mark.parametrize("seed", [10, 8, 9])
def test_labels_follow_every_variation(seed: int) -> None:
    before = sample(seed)
    for moved in (before, flip(before), crop(before, 1.4, (0.5, 0.7)), crop(flip(before), 1.2, (0.1, 1.0))):
        painted(moved)


def test_a_cut_box_loses_visibility() -> None:
    before = sample(10)
    (box, *_) = before.boxes
    left = box.xyxy[0] / 160
    cut = crop(before, 2.0, (min(left * 2, 1.0) if left < 0.5 else 0.0, 1.0))
    assert all(0 <= kept.xyxy[0] < kept.xyxy[2] <= 160 for kept in cut.boxes)
    assert all(kept.visible <= 1 for kept in cut.boxes)
    one = replace(before, boxes=(replace(box, xyxy=(60.0, 60.0, 100.0, 90.0)),), hidden=before.hidden[:1])
    halved = crop(one, 2.0, (1.0, 1.0))
    assert halved.boxes[0].visible == pytest.approx(box.visible / 2)


def test_a_step_depends_on_seed_and_number_alone() -> None:
    samples = [sample(seed) for seed in range(5)]
    first, again = (make_batch(samples, 7, 3, 1, CONFIG) for _ in range(2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, make_batch(samples, 7, 3, 2, CONFIG).images)


def test_a_training_that_diverges_is_a_sentence(drive: Drive, tmp_path: Path) -> None:
    config = TrainConfig(steps=40, batch=2, learning_rate=1e12, warmup=1, precision="32-true")
    with pytest.raises(WhiteoutError, match="smaller --rate"):
        train([drive], tmp_path / "w.safetensors", config, model_config=CONFIG)


def test_training_without_drives_or_with_a_pickle_name_is_a_sentence(drive: Drive, tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="no drive was given"):
        train([], tmp_path / "w.safetensors", TrainConfig())
    with pytest.raises(WhiteoutError, match=r"end in \.safetensors"):
        train([drive], tmp_path / "w.pt", TrainConfig())
