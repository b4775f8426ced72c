"""A model and its compressed files side by side: size, time, scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor

from perception.compress.compressed import SUFFIXES, CompressedModel, files_of, load_ours
from perception.compress.pictures import drawn_pictures
from perception.inference import evaluate_model
from perception.outputs import Outputs
from perception.shards import FrameSource
from perception.weights import resolve

BATCHES: tuple[int, int] = (1, 16)
"""Pictures given at once when time is taken."""

WARM_UP, REPEATS = 2, 9
"""Runs before time is taken, and runs of which the median counts."""


@dataclass(frozen=True)
class Row:
    """One model's figures.

    Attributes:
        name: as it was given.
        form: see `Imprint.form`; "torch" for weights.
        weights_hash: of the model, or of the file.
        megabytes: of its files [10^6 bytes].
        milliseconds: from pictures at the input size to raw outputs, by batch [ms].
        car_ap50, lane_f1: on the drives; None without drives or without a car or lane in them.
    """

    name: str
    form: str
    weights_hash: str
    megabytes: float
    milliseconds: dict[int, float]
    car_ap50: float | None
    lane_f1: float | None

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def compare(
    names: Sequence[str], drives: Sequence[FrameSource], provider: str = "cpu", *, progress: bool = True
) -> list[Row]:
    """A row for each model: weights, "reference", or compressed files; one after the other on a quiet machine."""
    return [_row(name, drives, provider, progress) for name in names]


def latency(
    network: Callable[[Float[Tensor, "batch 3 height width"]], Outputs], images: Float[Tensor, "batch 3 height width"]
) -> float:
    """Median time of a pass over `images` [ms]."""
    with torch.inference_mode():
        for _ in range(WARM_UP):
            network(images)
        return 1000 * median(_seconds(network, images) for _ in range(REPEATS))


def _row(name: str, drives: Sequence[FrameSource], provider: str, progress: bool) -> Row:
    model = load_ours(name, provider)
    scores = evaluate_model(model, drives, progress=progress).to_dict() if drives else {}
    by_class = scores.get("ap50_by_class")
    return Row(
        name=name,
        form=model.imprint.form if isinstance(model, CompressedModel) else "torch",
        weights_hash=model.weights_hash(),
        megabytes=sum(file.stat().st_size for file in _files(name)) / 1e6,
        milliseconds={batch: latency(model, drawn_pictures(model.config, batch)) for batch in BATCHES},
        car_ap50=by_class.get("car") if isinstance(by_class, dict) else None,
        lane_f1=_number(scores.get("lane_f1")),
    )


def _files(name: str) -> list[Path]:
    return files_of(Path(name)) if Path(name).suffix.lower() in SUFFIXES else [resolve(name)]


def _seconds(
    network: Callable[[Float[Tensor, "batch 3 height width"]], Outputs], images: Float[Tensor, "batch 3 height width"]
) -> float:
    start = time.perf_counter()
    network(images)
    return time.perf_counter() - start


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None
