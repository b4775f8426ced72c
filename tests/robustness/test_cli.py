"""The command itself: quick to answer, one sentence per error, honest about the machine."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from robustness.cli import BAD_INPUT, main

HEAVY = ("torch", "mitsuba", "carla", "nerfstudio", "cv2", "albumentations")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "robustness.cli", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_help_answers_at_once() -> None:
    run("--help")
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        answer = run("--help")
        seconds.append(time.perf_counter() - begin)
    assert answer.returncode == 0
    assert min(seconds) < 0.5
    for command in ("report", "doctor", "serve", "replay", "train", "evaluate", "augment"):
        assert command in answer.stdout


def test_packages_load_nothing_heavy() -> None:
    code = (
        "import sys, perception, scenarios, synth, robustness.cli; print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_doctor_lists_versions_and_finds_nothing_missing() -> None:
    answer = run("doctor")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for thing in ("torch", "carla", "mitsuba", "LLVM", "reference weights"):
        assert thing in answer.stdout
    assert "missing" not in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["evaluate", "--model", "reference", "no/such/drive"], "no/such/drive"),
        (["report", "no/such/plan.yaml", "--out", "unused"], "no/such/plan.yaml"),
        (["replay", "no_such_scenario", "--weather", "clear", "--out", "unused"], "no_such_scenario"),
        (["replay", "low_sun", "--weather", "sunny", "--out", "unused"], "sunny"),
        (["augment", "no/such/drive", "--out", "unused", "--method", "photometric"], "no/such/drive"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str],
    named: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == BAD_INPUT
    told = capsys.readouterr().err
    assert named in told
    assert told.startswith("whiteout: ")
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_error_itself() -> None:
    answer = run("--debug", "evaluate", "--model", "reference", "no/such/drive")
    assert "Traceback" in answer.stderr
    assert answer.returncode == 1
