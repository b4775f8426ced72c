"""What this machine has of what `whiteout` needs."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from perception.errors import WhiteoutError

REQUIRED: tuple[str, ...] = (
    "torch", "torchvision", "carla", "mitsuba", "pyoidn", "karellen-llvm-core", "roadgen", "assimp_py", "captum",
    "albumentations", "faster-coco-eval", "lightning-fabric", "numpy", "pyarrow",
)  # fmt: skip
FIELD, MODELS = "pip install -c constraints.txt -e '.[field]'", "pip install -c constraints.txt -e '.[models]'"
OPTIONAL: dict[str, str] = {"nerfstudio": FIELD, "onnx": MODELS, "onnx2torch": MODELS, "onnxruntime": MODELS}
OURS: tuple[str, ...] = ("perception", "scenarios", "synth", "robustness")


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table: a thing, what was found, and the command that mends it if it is missing."""

    thing: str
    found: str
    remedy: str = ""
    required: bool = True


def doctor() -> int:
    """Print versions, devices and what is missing.

    Returns:
        0 if everything that is required was found, 2 otherwise.
    """
    findings = [*machine(), *packages(), *devices(), *shadows(), weights()]
    table = Table("", "found", "remedy", box=None, pad_edge=False)
    for finding in findings:
        mark = "[green]ok[/]" if not finding.remedy else "[red]missing[/]" if finding.required else "[yellow]absent[/]"
        table.add_row(f"{mark} {finding.thing}", finding.found, finding.remedy)
    Console().print(table)
    return 2 if any(f.remedy and f.required for f in findings) else 0


def machine() -> list[Finding]:
    """Python, processor cores and disk."""
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    right = sys.version_info[:2] == (3, 11)
    return [
        Finding("python", platform.python_version(), "" if right else "install Python 3.11, then: make clean install"),
        Finding("cores", f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}"),
        Finding("free disk", f"{free:.1f} GiB", "" if free > 1 else "free at least 1 GiB here"),
    ]


def packages() -> list[Finding]:
    """Versions of the packages that do the work."""
    found = []
    for name, remedy in {**dict.fromkeys(REQUIRED, "make install"), **OPTIONAL}.items():
        try:
            found.append(Finding(name, version(name)))
        except PackageNotFoundError:
            found.append(Finding(name, "not installed", remedy, required=name in REQUIRED))
    return found


def devices() -> list[Finding]:
    """LLVM for the renderer, CUDA for torch."""
    return [_llvm(), _cuda()]


def _llvm() -> Finding:
    try:
        from scenarios.render.mitsuba_setup import llvm_library, variant
    except (WhiteoutError, ImportError) as error:
        return Finding("renderer", str(error), "make install")
    library = llvm_library()
    if library is None:
        return Finding("LLVM", "not found", "pip install karellen-llvm-core")
    return Finding("LLVM", f"{library.name}; the renderer uses {variant()}")


def _cuda() -> Finding:
    try:
        import torch
    except ImportError:
        return Finding("CUDA device", "unknown without torch", required=False)
    return Finding("CUDA device", torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none; the CPU works")


def shadows() -> list[Finding]:
    """Whether another distribution's package stands in front of one of ours."""
    home = Path(__file__).resolve().parent.parent
    found = []
    for name in OURS:
        place = Path(importlib.import_module(name).__file__ or "").resolve().parent.parent
        remedy = "" if place == home else f"uninstall the distribution that put {name!r} there"
        found.append(Finding(f"package {name}", "ours" if place == home else str(place), remedy))
    return found


def weights() -> Finding:
    """The shipped reference weights."""
    from perception.weights import load_model

    try:
        model = load_model("reference")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the weights belongs in the table
        return Finding("reference weights", str(error), "git checkout -- perception/weights")
    return Finding("reference weights", model.weights_hash()[:12])
