"""Weights on disk: half precision, a card beside them, and no pickles."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from perception.config import ModelConfig
from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel
from perception.weights import load_model, read_card, save_model

CONFIG = ModelConfig(input_width=96, input_height=64, pyramid_channels=16)


@pytest.fixture(scope="module")
def model() -> LaneDetectionModel:
    torch.manual_seed(0)
    return LaneDetectionModel(CONFIG).eval()


@pytest.fixture
def saved(model: LaneDetectionModel, tmp_path: Path) -> Path:
    save_model(model, tmp_path / "w.safetensors", {"steps": 3})
    return tmp_path / "w.safetensors"


def test_weights_come_back_rounded_to_half_precision(model: LaneDetectionModel, saved: Path) -> None:
    loaded = load_model(saved)
    assert loaded.config == CONFIG
    assert not loaded.training
    assert loaded.weights_hash() == read_card(saved).weights_hash
    assert read_card(saved).facts == {"steps": 3}
    for name, value in model.state_dict().items():
        other = loaded.state_dict()[name]
        assert torch.allclose(value.float(), other.float(), rtol=1e-3, atol=1e-6), name
    assert {path.name for path in saved.parent.iterdir()} == {"w.safetensors", "w.json"}


def test_the_default_model_fits_ten_megabytes(tmp_path: Path) -> None:
    save_model(LaneDetectionModel(), tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_size < 10_000_000


def test_saving_what_was_loaded_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_model(load_model(saved), tmp_path / "again.safetensors", {"steps": 3})
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()
    assert (tmp_path / "again.json").read_bytes() == saved.with_suffix(".json").read_bytes()


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.pkl", "w.safetensors"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_refused_by_name_and_by_content(saved: Path, tmp_path: Path, name: str, zipped: bool) -> None:
    path = tmp_path / "bad" / name
    path.parent.mkdir()
    shutil.copy(saved.with_suffix(".json"), path.with_suffix(".json"))
    if zipped:
        torch.save({"a": torch.zeros(3)}, path)
    else:
        path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(WhiteoutError, match=r"this is a pickle, and reading one would run its code"):
        load_model(path)


def test_a_safetensors_file_with_a_pickle_ending_is_refused(saved: Path) -> None:
    renamed = saved.rename(saved.with_suffix(".pt"))
    with pytest.raises(WhiteoutError, match="pickle"):
        load_model(renamed)


def test_missing_weights_and_cards_are_sentences(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="no such weights"):
        load_model(tmp_path / "none.safetensors")
    saved.with_suffix(".json").unlink()
    with pytest.raises(WhiteoutError, match=r"w\.json: the card"):
        load_model(saved)


def test_cut_weights_are_a_sentence(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(WhiteoutError, match="no whole safetensors weights"):
        load_model(saved)


def test_other_weights_than_the_cards_are_refused(saved: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    save_model(LaneDetectionModel(CONFIG), tmp_path / "other.safetensors")
    shutil.copy(tmp_path / "other.safetensors", saved)
    with pytest.raises(WhiteoutError, match="not those that"):
        load_model(saved)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("backbone", "vgg", "backbone 'vgg'"),
        ("input_width", "wide", r"config\.input_width is 'wide'"),
        ("depth", 3, r"config\.depth is not known"),
        ("pyramid_channels", 32, "another shape"),
        ("backbone", "resnet18", "missing or not known"),
    ],
)
def test_a_wrong_card_is_named_by_field(saved: Path, key: str, value: object, fault: str) -> None:
    card = json.loads(saved.with_suffix(".json").read_text())
    card["config"][key] = value
    saved.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(WhiteoutError, match=fault):
        load_model(saved)


def test_a_card_of_another_format_is_refused(saved: Path) -> None:
    card = json.loads(saved.with_suffix(".json").read_text())
    saved.with_suffix(".json").write_text(json.dumps({**card, "format": 2}))
    with pytest.raises(WhiteoutError, match=r"w\.json: format is wrong"):
        load_model(saved)


def test_weights_that_have_diverged_are_not_written(model: LaneDetectionModel, tmp_path: Path) -> None:
    wild = LaneDetectionModel(CONFIG)
    with torch.no_grad():
        wild.lane_head.positions.weight[0] = 1e6
    with pytest.raises(WhiteoutError, match="diverged"):
        save_model(wild, tmp_path / "w.safetensors")
    with pytest.raises(WhiteoutError, match=r"end in \.safetensors"):
        save_model(model, tmp_path / "w.pt")
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_weights_are_as_good_as_promised() -> None:
    """What the card records of drives that were kept apart from all choices; smaller weights would be no reference."""
    card = read_card("reference")
    metrics: Any = card.facts["metrics"]
    assert metrics["ap50_by_class"]["car"] >= 0.70
    assert metrics["lane_f1"] >= 0.85
    assert metrics["frames"] >= 100
