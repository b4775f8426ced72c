"""Pre-training: it learns, it resumes exactly, and training begins from what it wrote."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from perception.backbones import make_backbone
from perception.checkpoint import checkpoint_path
from perception.cli import add_commands
from perception.config import ModelConfig
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.pretraining import fit as fitting
from perception.pretraining.backbone_file import load_backbone
from perception.pretraining.fit import FitConfig, fit, make_fabric
from perception.pretraining.mae import MaskedAutoencoder
from perception.pretraining.masks import draw_masks
from perception.pretraining.pictures import describe_pictures, load_pictures, picture_batch
from perception.pretraining.pretrain import PretrainConfig, pretrain
from perception.pretraining.simmim import SimMim
from perception.train import TrainConfig, start
from perception.weights import card_path, load_tensors, read_card

SMALL = {"input_width": 96, "input_height": 64}
FIT = FitConfig(steps=4, batch=2, checkpoint_every=2, precision="32-true", accelerator="cpu")


def command(line: str) -> int:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    args = parser.parse_args(line.split())
    return int(args.run(args))


@pytest.mark.parametrize(("method", "backbone"), [("mae", "vit_tiny"), ("simmim", "vit_tiny")])
def test_four_pictures_are_learned_by_heart(method: str, backbone: str, tmp_path: Path) -> None:
    """The loss falls to less than half."""
    config = FitConfig(steps=80, batch=4, precision="32-true", accelerator="cpu", checkpoint_every=1000)
    torch.manual_seed(0)
    images = 2 * interpolate(torch.rand(4, 3, 4, 6), (64, 96), mode="bilinear") - 1
    made = make_backbone(backbone)
    painter: MaskedAutoencoder | SimMim = MaskedAutoencoder(made) if method == "mae" else SimMim(made)
    hidden = draw_masks(4, 64 // painter.unit, 96 // painter.unit, 0.5, np.random.default_rng(0))
    losses: list[float] = []
    whole = fitting.take_step

    def noted(*given: object) -> float:
        losses.append(whole(*given))  # type: ignore[arg-type]
        return losses[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "take_step", noted)
        fit(make_fabric(config), painter, lambda _: (images, hidden), config, tmp_path / "w.safetensors", {})
    assert losses[-1] < 0.5 * losses[0], (losses[0], losses[-1])


@pytest.mark.parametrize(("method", "backbone"), [("mae", "vit_tiny"), ("simmim", "swin_t")])
def test_a_resumed_pretraining_ends_with_the_same_bytes(
    method: str, backbone: str, drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With chance in the network, too: Swin drops paths."""
    config = PretrainConfig(method, backbone, 0.5, **SMALL)
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    card = pretrain([drive.path], whole, config, FIT)
    take_step = fitting.take_step

    def stop_at_three(*given: object) -> float:
        if given[4] == 3:
            raise KeyboardInterrupt
        return take_step(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "take_step", stop_at_three)
        with pytest.raises(KeyboardInterrupt):
            pretrain([drive.path], stopped, config, FIT)
    assert checkpoint_path(stopped).exists()
    assert not stopped.exists()
    with pytest.raises(WhiteoutError, match="another pretraining"):
        pretrain([drive.path], stopped, replace(config, mask=0.6), FIT, resume=True)
    again = pretrain([drive.path], stopped, config, FIT, resume=True)
    assert stopped.read_bytes() == whole.read_bytes()
    assert again.facts["loss"] == card.facts["loss"]
    assert not checkpoint_path(stopped).exists()


def test_the_command_pretrains_on_plain_pictures_and_training_begins_there(drive: Drive, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for number in range(3):
        grey = np.full((50, 80), 60 * number, dtype=np.uint8)
        cv2.imwrite(str(folder / ("deeper" if number else ".") / f"{number}.jpg"), grey)
    out, weights = tmp_path / "b.safetensors", tmp_path / "w.safetensors"
    line = f"pretrain {drive.path} {folder} --method mae --backbone vit_tiny --mask 0.75 --steps 2 --batch 2"
    assert command(f"{line} --size 96x64 --threads 1 --precision 32-true --out {out}") == 0
    card = read_card(out)
    assert card.config == {"method": "mae", "backbone": "vit_tiny"}
    assert card.facts["data"] == describe_pictures([drive.path, folder])
    assert [one["pictures"] for one in describe_pictures([drive.path, folder])] == [4, 3]
    config = ModelConfig("vit_tiny", SMALL["input_width"], SMALL["input_height"])
    state = start(TrainConfig(), config, backbone_weights=out)
    fresh = start(TrainConfig(), config)
    _, tensors = load_tensors(out)
    for name, value in state.model.backbone.state_dict().items():
        assert torch.equal(value, tensors[f"backbone.{name}"])
    assert torch.equal(state.model.object_head.classes.weight, fresh.model.object_head.classes.weight)
    first = "backbone.stages.1.patches.weight"
    assert not torch.equal(state.model.state_dict()[first], fresh.model.state_dict()[first])
    line = f"train {drive.path} --backbone vit_tiny --size 96x64 --steps 1 --batch 2 --workers 0 --threads 1"
    assert command(f"{line} --backbone-weights {out} --out {weights}") == 0
    facts = read_card(weights).facts
    assert facts["backbone_weights"] == {"weights_hash": card.weights_hash, "facts": card.facts}


def test_backbones_come_from_whole_models_too(drive: Drive, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    line = f"train {drive.path} --backbone resnet18 --size 96x64 --steps 1 --batch 2 --workers 0 --threads 1"
    assert command(f"{line} --out {out}") == 0
    backbone = make_backbone("resnet18")
    load_backbone(out, backbone, "resnet18")
    _, tensors = load_tensors(out)
    assert torch.equal(backbone.state_dict()["stages.2.0.conv1.weight"], tensors["backbone.stages.2.0.conv1.weight"])
    with pytest.raises(WhiteoutError, match="of resnet18, not of vit_tiny"):
        load_backbone(out, make_backbone("vit_tiny"), "vit_tiny")


def test_changed_or_foreign_files_are_sentences(tmp_path: Path, drive: Drive) -> None:
    out = tmp_path / "b.safetensors"
    pretrain([drive.path], out, PretrainConfig("mae", "vit_tiny", 0.5, **SMALL), replace(FIT, steps=1))
    card = json.loads(card_path(out).read_text())
    card_path(out).write_text(json.dumps({**card, "weights_hash": "0" * 64}))
    with pytest.raises(WhiteoutError, match="restore both files"):
        load_tensors(out)
    (tmp_path / "pickle.safetensors").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(WhiteoutError, match="this is a pickle"):
        load_tensors(tmp_path / "pickle.safetensors")
    with pytest.raises(WhiteoutError, match="there are no such weights"):
        load_tensors(tmp_path / "none.safetensors")


def test_wrong_settings_are_sentences(drive: Drive, tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="method 'beit' is not known"):
        PretrainConfig(method="beit")
    with pytest.raises(WhiteoutError, match="multiples of 32"):
        PretrainConfig(input_width=100)
    with pytest.raises(WhiteoutError, match=r"end in \.safetensors"):
        pretrain([drive.path], tmp_path / "w.pt", PretrainConfig(), FIT)
    with pytest.raises(WhiteoutError, match="no such folder"):
        load_pictures([tmp_path / "nowhere"], 96, 64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WhiteoutError, match="holds no pictures"):
        load_pictures([tmp_path / "empty"], 96, 64)


def test_a_step_depends_on_seed_and_number_alone(drive: Drive) -> None:
    samples = load_pictures([drive.path], 96, 64)
    first: Tensor = picture_batch(samples, 3, 2, 1)
    assert torch.equal(first, picture_batch(samples, 3, 2, 1))
    assert not torch.equal(first, picture_batch(samples, 3, 2, 2))
    assert not torch.equal(first, picture_batch(samples, 4, 2, 1))
