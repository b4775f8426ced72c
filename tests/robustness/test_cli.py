"""The command itself: quick to answer, one sentence per error, honest about the machine."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from robustness.cli import BAD_INPUT, main
from tests.processes import finished

HEAVY = ("torch", "mitsuba", "carla", "nerfstudio", "cv2", "albumentations")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return finished([sys.executable, "-m", "robustness.cli", *arguments], timeout=120)


def test_help_answers_at_once() -> None:
    """Processor time: another process's work must not count."""
    run("--help")
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer = run("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert answer.returncode == 0
    assert min(seconds) < 0.5
    for command in ("report", "doctor", "serve", "replay", "train", "evaluate", "augment"):
        assert command in answer.stdout


def test_packages_load_nothing_heavy() -> None:
    code = (
        "import sys, perception, scenarios, synth, robustness.cli; print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    answer = finished([sys.executable, "-c", code, *HEAVY], timeout=60)
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "d", "--out", "w.safetensors", "--size", "abc"],
        ["train", "d", "--out", "w.safetensors", "--seed", "-1"],
        ["train", "d", "--out", "w.safetensors", "--rate", "-0.1"],
        ["train", "d", "--out", "w.safetensors", "--rate", "nan"],
    ],
)
def test_a_wrong_option_is_told_beside_its_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == BAD_INPUT
    assert f"argument {arguments[4]}" in capsys.readouterr().err


def test_debug_shows_the_error_itself() -> None:
    answer = run("--debug", "evaluate", "--model", "reference", "no/such/drive")
    assert "Traceback" in answer.stderr
    assert answer.returncode == 1
