"""Pictures and words: the loss by hand, towers that ignore padding, search that finds, and models of others."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from perception.cli import add_commands
from perception.descriptions import STATES
from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.pretraining import fit as fitting
from perception.pretraining.clip import END, Clip, ClipConfig, contrastive_loss, load_clip
from perception.pretraining.clip_training import described_batch, load_pairs, train_clip
from perception.pretraining.fit import FitConfig
from perception.pretraining.public_clip import load_picture_words
from perception.pretraining.retrieval import find, recall, recall_at, recognise
from tests.perception.scenes import camera

SMALL = ClipConfig("resnet18", "average", 96, 64, width=32, text_width=64, text_layers=2)
SKIES = {"night": (10, 10, 20), "day": (120, 160, 220)}
GROUNDS = {"dry": (90, 90, 90), "snow": (240, 240, 245)}


def command(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    args = parser.parse_args(words)
    return int(args.run(args))


@pytest.fixture
def drives(tmp_path: Path) -> list[Drive]:
    """Day and night, dry and snow, two empty frames each, as plain areas of colour with noise."""
    made = []
    view, rng = camera(96, 64), np.random.default_rng(0)
    for light, sky in SKIES.items():
        for road, ground in GROUNDS.items():
            weather = {"sun_altitude_angle": 45.0 if light == "day" else -30.0, "cloudiness": 10.0, "wetness": 0.0}
            folder = tmp_path / f"{light}-{road}"
            with DriveWriter(folder, {"weather": {**weather, "snow_cover": 0.9 * (road == "snow")}}) as writer:
                for number in range(2):
                    image = np.full((64, 96, 3), sky, dtype=np.float64)
                    image[32:] = np.array(ground) * (0.4 if light == "night" else 1.0)
                    pixels = np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
                    writer.add(Frame(f"{number:06d}", pixels, view))
            made.append(Drive.open(folder))
    return made


def test_the_loss_is_the_papers_by_hand() -> None:
    """Radford et al. 2021, figure 3, written out: minus log softmax of the right pair, by rows and by columns."""
    torch.manual_seed(0)
    pictures, texts = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    pictures, texts = pictures / pictures.norm(dim=1, keepdim=True), texts / texts.norm(dim=1, keepdim=True)
    log_scale = torch.tensor(math.log(1 / 0.07), dtype=torch.float64)
    terms = []
    for i in range(3):
        row = [math.exp(float(pictures[i] @ texts[j]) / 0.07) for j in range(3)]
        column = [math.exp(float(pictures[j] @ texts[i]) / 0.07) for j in range(3)]
        terms += [-math.log(row[i] / sum(row)), -math.log(column[i] / sum(column))]
    assert float(contrastive_loss(pictures, texts, log_scale)) == pytest.approx(sum(terms) / 6, rel=1e-9)


def test_the_temperature_learns_and_is_bounded() -> None:
    torch.manual_seed(0)
    model = Clip(SMALL)
    assert float(model.log_scale.detach().exp()) == pytest.approx(1 / 0.07, rel=1e-5)
    with torch.no_grad():
        model.log_scale.fill_(10.0)
    model(torch.rand(3, 3, 64, 96), model.tokens(["rain", "snow", "at night"])).backward()
    assert float(model.log_scale.detach().exp()) == pytest.approx(100.0, rel=1e-5)
    assert model.log_scale.grad is not None
    assert float(model.log_scale.grad.abs()) > 0


@pytest.mark.parametrize("pooling", ["attention", "average"])
@pytest.mark.parametrize("backbone", ["resnet18", "vit_tiny"])
def test_every_weight_of_both_towers_learns(backbone: str, pooling: str) -> None:
    torch.manual_seed(0)
    model = Clip(ClipConfig(backbone, pooling, 96, 64))
    model(torch.rand(3, 3, 64, 96), model.tokens(["rain on a wet road", "snow", "two cars at night"])).backward()
    unused = ("backbone.norms.0", "backbone.norms.1", "backbone.stages.0") if backbone == "vit_tiny" else ()
    for name, value in model.named_parameters():
        assert (value.grad is None) == name.startswith(unused) if unused else value.grad is not None, name


def test_vectors_have_length_one_and_ignore_padding() -> None:
    torch.manual_seed(0)
    model = Clip(SMALL).eval()
    texts = ["rain", "two cars ahead and a low sun on snow"]
    tokens = model.tokens(texts)
    assert tokens.shape == (2, 10)
    assert tokens[0].tolist()[1:3] == [END, 0]
    together = model.encode_texts(texts)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(2))
    for one, text in zip(together, texts, strict=True):
        torch.testing.assert_close(one, model.encode_texts([text])[0], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(*model.encode_texts(["car ahead truck", "truck ahead car"])), "order counts"
    pictures = model.encode_images(torch.rand(2, 3, 70, 110))
    torch.testing.assert_close(pictures.norm(dim=1), torch.ones(2))


def test_unknown_words_are_left_out_and_unknown_sentences_refused() -> None:
    torch.manual_seed(0)
    model = Clip(SMALL).eval()
    assert model.unknown("A purple truck, ahead!") == ["purple"]
    torch.testing.assert_close(model.encode_texts(["a purple truck ahead"]), model.encode_texts(["A truck ahead."]))
    with pytest.raises(WhiteoutError, match="no word of 'purple elephants'"):
        model.encode_texts(["purple elephants"])


def test_recall_counts_texts_with_a_frame_of_theirs_among_the_best() -> None:
    similarity = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.1, 0.5], [0.3, 0.2, 0.1]])
    own = torch.eye(3, dtype=torch.bool)
    assert [recall_at(similarity, own, k) for k in (1, 2, 3, 9)] == pytest.approx([1 / 3, 1 / 3, 1, 1])
    twins = own.clone()
    twins[1, 2] = True
    assert [recall_at(similarity, twins, k) for k in (1, 2)] == pytest.approx([1 / 3, 2 / 3])


def test_what_was_learned_is_found_again(
    drives: list[Drive], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four kinds of scene that differ by colour alone: all are found and named after a short training."""
    out = tmp_path / "clip.safetensors"
    folders = [str(drive.path) for drive in drives]
    config = FitConfig(steps=60, batch=8, precision="32-true", accelerator="cpu", warmup=10)
    card = train_clip(drives, out, SMALL, config)
    assert card.config["method"] == "clip"
    model = load_clip(out)
    assert recall(model, drives, (1,))[1] >= 0.5, "a quarter by chance"
    named = recognise(model, drives)
    assert {name: (one.frames, one.states) for name, one in named.items()} == {
        name: (8, len(ways)) for name, ways in STATES.items()
    }
    assert named["light"].accuracy >= 0.5, "a fifth by chance"
    assert named["road"].accuracy >= 0.5, "a seventh by chance"
    best = find(model, drives, "snow on the road at night", 2)
    assert [one.path.parent.parent.name for one in best] == ["night-snow", "night-snow"]
    assert best[0].score >= best[1].score
    sheet = tmp_path / "sheet.png"
    capsys.readouterr()
    line = [
        "find",
        *folders,
        "snow on the purple road by day",
        "--model",
        str(out),
        "--top",
        "2",
        "--sheet",
        str(sheet),
    ]
    assert command(line) == 0
    printed = capsys.readouterr()
    assert "purple" in printed.err
    assert [Path(row.split()[1]).parent.parent.name for row in printed.out.splitlines()] == ["day-snow", "day-snow"]
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] == 640
    assert picture[5, 5].mean() > 100, "a day's sky"


def test_a_resumed_clip_ends_with_the_same_bytes(
    drives: list[Drive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FitConfig(steps=4, batch=4, checkpoint_every=2, precision="32-true", accelerator="cpu")
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train_clip(drives, whole, SMALL, config)
    take_step = fitting.take_step

    def stop_at_three(*given: object) -> float:
        if given[4] == 3:
            raise KeyboardInterrupt
        return take_step(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "take_step", stop_at_three)
        with pytest.raises(KeyboardInterrupt):
            train_clip(drives, stopped, SMALL, config)
    train_clip(drives, stopped, SMALL, config, resume=True)
    assert stopped.read_bytes() == whole.read_bytes()


def test_a_step_depends_on_seed_and_number_alone(drives: list[Drive]) -> None:
    model, pairs = Clip(SMALL), load_pairs(drives, SMALL)
    config = FitConfig(batch=4)
    (pictures, tokens), (again, same) = (described_batch(pairs, 5, model, config) for _ in range(2))
    assert torch.equal(pictures, again)
    assert torch.equal(tokens, same)


class Colours:
    """A stand-in for a user's model: brightness above and below the horizon, and the words for it."""

    def encode_images(self, images: Tensor) -> Tensor:
        halves = torch.stack([images[:, :, :32].mean((1, 2, 3)), images[:, :, 32:].mean((1, 2, 3))], 1) - 0.4
        return normalize(halves, dim=1)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        rows = [[-1.0 if "night" in text or "dark" in text else 1.0, 1.0 if "snow" in text else -1.0] for text in texts]
        return torch.tensor(rows) / math.sqrt(2)


def test_a_users_own_model_needs_no_base_class(drives: list[Drive]) -> None:
    best = find(Colours(), drives, "snow by day", 3)
    assert [one.path.parent.parent.name for one in best[:2]] == ["day-snow", "day-snow"]
    assert best == sorted(best, key=lambda one: -one.score)


@pytest.mark.parametrize(
    ("name", "package"), [("open_clip", "pip install open_clip_torch"), ("transformers", "pip install transformers")]
)
def test_models_of_others_without_their_package_are_a_sentence(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(WhiteoutError, match=package):
        load_picture_words(f"{name}:{tmp_path}")


def test_a_folder_from_which_open_clip_would_take_a_pickle_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of these two it would prefer the second."""
    monkeypatch.setitem(sys.modules, "open_clip", ModuleType("open_clip"))
    for name in ("open_clip_config.json", "model.safetensors", "open_clip_pytorch_model.bin"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(WhiteoutError, match=r"no weights open_clip_model\.safetensors, and pickles run code"):
        load_picture_words(f"open_clip:{tmp_path}")


def test_wrong_settings_and_files_are_sentences(drives: list[Drive], tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="pooling is 'sum'"):
        ClipConfig(pooling="sum")
    with pytest.raises(WhiteoutError, match="--batch 2 or more"):
        train_clip(drives, tmp_path / "w.safetensors", SMALL, FitConfig(batch=1))
    with pytest.raises(WhiteoutError, match="no model of pictures and words"):
        load_clip(Path("reference"))
