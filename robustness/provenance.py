"""Hashes and versions: what a result depends on besides its inputs."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""Where the four packages lie."""

SOURCES: dict[str, tuple[str, ...]] = {
    "drive": (
        "scenarios/**/*.py", "scenarios/**/*.xodr", "scenarios/**/*.json", "perception/box.py", "perception/camera.py",
        "perception/drive*.py", "perception/frame.py", "perception/labels.py", "perception/lane.py",
        "perception/raster.py",
    ),
    "score": (
        "perception/*.py", "perception/adapters/*.py", "perception/compress/*.py", "robustness/scoring.py",
        "robustness/overlays.py",
        "robustness/work.py",
    ),
    "attack": (
        "perception/*.py", "perception/adapters/*.py", "perception/compress/*.py", "robustness/scoring.py",
        "robustness/overlays.py",
        "robustness/rasters.py", "robustness/attack_cell.py", "robustness/attacks/*.py", "robustness/cells.py",
        "robustness/plan.py", "robustness/work.py",
    ),
    "audit": (
        "perception/*.py", "perception/adapters/*.py", "perception/compress/*.py", "robustness/scoring.py",
        "robustness/overlays.py",
        "robustness/rasters.py", "robustness/audit.py", "robustness/gradcam.py", "robustness/cells.py",
        "robustness/work.py",
    ),
    "all": ("perception/**/*.py", "scenarios/**/*.py", "synth/**/*.py", "robustness/**/*.py"),
}  # fmt: skip
"""Which of our files decide the result of each kind of cell."""

MODEL_PACKAGES = (
    "torch", "torchvision", "numpy", "scipy", "opencv-python-headless", "faster-coco-eval", "onnx", "onnx2torch",
    "onnxruntime", "openvino",
)  # fmt: skip
"""Packages that decide what a model says."""

PACKAGES: dict[str, tuple[str, ...]] = {
    "drive": ("carla", "mitsuba", "drjit", "karellen-llvm-core", "pyoidn", "roadgen", "numpy",
              "opencv-python-headless"),
    "score": MODEL_PACKAGES,
    "attack": MODEL_PACKAGES,
    "audit": (*MODEL_PACKAGES, "captum"),
}  # fmt: skip
"""Which packages decide it."""


def digest(value: object) -> str:
    """SHA-256 of a value as canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def source_hash(kind: str) -> str:
    """SHA-256 over the files of `SOURCES[kind]`, by their paths in the project."""
    files = sorted({file for pattern in SOURCES[kind] for file in ROOT.glob(pattern) if file.is_file()})
    return digest({file.relative_to(ROOT).as_posix(): file_hash(file) for file in files})


def versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions by package name; "absent" where there is none."""
    return {name: _version(name) for name in sorted(set(names))}


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def code_version(kind: str) -> str:
    """One hash for the code that decides a kind of cell: our files and the packages they use."""
    return digest({"source": source_hash(kind), "packages": versions(PACKAGES[kind])})


def commit() -> str:
    """The checkout's git commit, "-dirty" behind it if files differ; "" where there is no checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
