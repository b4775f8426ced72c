"""Whole trainings: killed and gone on with, stopped early, shared by two processes, logged."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from safetensors import SafetensorError, safe_open

from perception.checkpoint import checkpoint_path
from perception.cli import add_commands
from perception.config import ModelConfig
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.samples import batch_of, to_sample
from perception.train import Progress, TrainConfig, start, take_step, train
from perception.weights import load_model, read_card
from tests.perception.scenes import frame

CONFIG = ModelConfig(input_width=96, input_height=64, pyramid_channels=16, tower_convs=1)

PROGRAM = """
import argparse, sys
from perception.cli import add_commands
parser = argparse.ArgumentParser()
add_commands(parser.add_subparsers())
args = parser.parse_args()
sys.exit(args.run(args))
"""


def run(line: str) -> int:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    args = parser.parse_args(line.split())
    return int(args.run(args))


def steps_done(out: Path) -> int:
    """How far the checkpoint beside `out` is; 0 if there is none."""
    try:
        with safe_open(checkpoint_path(out), framework="pt") as opened:
            return int(json.loads(opened.metadata()["progress"])["step"])
    except (FileNotFoundError, SafetensorError):
        return 0


def test_a_training_killed_by_the_system_ends_as_an_undisturbed_one(drive: Drive, tmp_path: Path) -> None:
    """With learned loss weights, a worker and early stopping."""
    line = (
        f"train {drive.path} --val {drive.path} --size 96x64 --batch 2 --threads 1 --workers 1"
        " --balance uncertainty --precision 32-true --steps 40 --checkpoint-every 2 --patience 3 --validate-every 4"
    )
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    assert run(f"{line} --out {whole}") == 0
    command = [sys.executable, "-c", PROGRAM, *line.split(), "--out", str(killed)]
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 120
            while steps_done(killed) < 6 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, (tmp_path / "output").read_text()
    assert 6 <= steps_done(killed) < 16
    assert not killed.exists()
    assert run(f"{line} --out {killed} --resume") == 0
    assert killed.read_bytes() == whole.read_bytes()
    facts: list[dict[str, Any]] = [dict(read_card(path).facts) for path in (whole, killed)]
    for name in ("steps", "best_step", "best_score", "losses", "loss_weights", "metrics"):
        assert facts[0][name] == facts[1][name], name
    assert facts[0]["steps"] < 40, "patience ended it"
    assert facts[0]["steps"] == facts[0]["best_step"] + 3 * 4


def test_what_a_network_drops_by_chance_depends_on_seed_and_step_alone() -> None:
    """Swin drops paths while training; a resumed training must drop the same ones."""
    settings = TrainConfig(batch=2, precision="32-true")
    fabric = Fabric(accelerator="cpu", devices=1)
    batch = batch_of([to_sample(frame(seed), CONFIG) for seed in (8, 10)], CONFIG)
    found: list[dict[str, float]] = []
    for step in (5, 5, 6):
        state = start(settings, replace(CONFIG, backbone="swin_t"))
        state.progress.step = step
        torch.rand(step + len(found))  # whatever was drawn elsewhere
        found.append(take_step(fabric, state, batch, settings))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_checkpoint_of_the_last_validation_takes_no_further_step(drive: Drive, tmp_path: Path) -> None:
    """Killed between the last checkpoint and the writing of the weights."""
    settings = TrainConfig(
        steps=12, batch=2, checkpoint_every=1, precision="32-true", patience=1, validate_every=2, learning_rate=1e-6
    )
    whole, again = tmp_path / "whole.safetensors", tmp_path / "again.safetensors"
    copies: list[bytes] = []
    unlink = Path.unlink

    def keep(path: Path, missing_ok: bool = False) -> None:
        if path == checkpoint_path(whole):
            copies.append(path.read_bytes())
        unlink(path, missing_ok=missing_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", keep)
        train([drive], whole, settings, model_config=CONFIG, val=[drive], workers=0)
    checkpoint_path(again).write_bytes(copies[0])
    assert steps_done(again) == 4
    card = train([drive], again, settings, model_config=CONFIG, val=[drive], workers=0, resume=True)
    assert card.facts["steps"] == 4
    assert again.read_bytes() == whole.read_bytes()


def test_the_best_weights_are_kept_not_the_last(drive: Drive, tmp_path: Path) -> None:
    """Scores are as good as none, so that the first validation stays the best."""
    short = TrainConfig(steps=2, batch=2, precision="32-true", patience=1, validate_every=2, learning_rate=1e-6)
    longer = TrainConfig(steps=6, batch=2, precision="32-true", patience=2, validate_every=2, learning_rate=1e-6)
    cards = [
        train([drive], tmp_path / f"{c.steps}.safetensors", c, model_config=CONFIG, val=[drive])
        for c in (short, longer)
    ]
    assert [card.facts["best_step"] for card in cards] == [2, 2]
    assert cards[1].facts["steps"] == 6


def test_patience_without_drives_to_validate_on_is_a_sentence(drive: Drive, tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="patience needs drives"):
        train([drive], tmp_path / "w.safetensors", TrainConfig(patience=1))
    with pytest.raises(WhiteoutError, match="3 devices cannot share 8 pictures"):
        train([drive], tmp_path / "w.safetensors", TrainConfig(devices=3))
    with pytest.raises(WhiteoutError, match="no device 'tpu'"):
        train([drive], tmp_path / "w.safetensors", TrainConfig(accelerator="tpu"))
    with pytest.raises(WhiteoutError, match="precision is '16-mixed'"):
        train([drive], tmp_path / "w.safetensors", TrainConfig(precision="16-mixed"))


def test_two_processes_train_as_one(drive: Drive, tmp_path: Path) -> None:
    """No batch statistics in this backbone, so the mean gradient of two halves is that of the whole."""
    model = ModelConfig(backbone="vit_tiny", input_width=96, input_height=64, pyramid_channels=16, tower_convs=1)
    cards, weights = [], []
    for devices in (1, 2):
        out = tmp_path / f"{devices}.safetensors"
        settings = TrainConfig(steps=3, batch=4, precision="32-true", accelerator="cpu", devices=devices)
        cards.append(train([drive], out, settings, model_config=model, workers=0))
        weights.append(torch.cat([value.flatten() for value in load_model(out).parameters()]))
    begin = torch.cat([value.flatten() for value in start(TrainConfig(), model).model.parameters()])
    moved, apart = (weights[0] - begin).norm(), (weights[1] - weights[0]).norm()
    assert float(apart) < 0.1 * float(moved)
    assert not checkpoint_path(tmp_path / "2.safetensors").exists()


def test_the_card_says_how_long_training_waited(
    drive: Drive, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = TrainConfig(steps=3, batch=2, precision="32-true")
    cards = [
        train([drive], tmp_path / f"{count}.safetensors", settings, model_config=CONFIG, workers=count)
        for count in (0, 2)
    ]
    assert cards[0].weights_hash == cards[1].weights_hash, "workers change no byte"
    waiting: Any = cards[0].facts["waiting"]
    assert 0 < waiting["share"] < 1
    assert waiting["share"] == pytest.approx(waiting["data_s"] / waiting["total_s"])
    assert "waiting for data: " in capsys.readouterr().err


def test_curves_come_back_from_tensorboards_files(drive: Drive, tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    settings = TrainConfig(steps=20, batch=2, precision="32-true", patience=1, validate_every=20)
    out, folder = tmp_path / "w.safetensors", tmp_path / "log"
    card = train([drive], out, settings, model_config=CONFIG, val=[drive], log=folder)
    curves = events.EventAccumulator(str(folder))
    curves.Reload()
    losses: Any = card.facts["losses"]
    for name, value in losses.items():
        points = curves.Scalars(f"loss/{name}")
        assert [point.step for point in points] == [10, 20]
        assert points[-1].value == pytest.approx(value, rel=1e-6)
    assert curves.Scalars("validation/score")[0].value == pytest.approx(card.facts["best_score"])


def test_curves_without_tensorboard_are_a_sentence(
    drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(WhiteoutError, match="pip install tensorboard"):
        train([drive], tmp_path / "w.safetensors", TrainConfig(steps=1), model_config=CONFIG, log=tmp_path / "log")


def test_progress_survives_json_to_the_last_bit() -> None:
    before = Progress(3, {"objects": 0.1 + 0.2}, 1 / 3, 2, 1)
    assert Progress(**json.loads(json.dumps(before.__dict__))) == before
