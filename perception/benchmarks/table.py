"""The benchmarks by name, and how a model or a file of predictions is scored by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from perception.benchmarks import coco, culane, tusimple
from perception.errors import WhiteoutError
from perception.inference import predict_frames
from perception.protocols import Predictor
from perception.shards import FrameSource


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        files: figures of a benchmark's own prediction file or folder (second) against its labels (first).
        tally: makes what takes in a frame and its prediction with `add`.
        figures: the figures of such a tally.
    """

    files: Callable[[Path, Path], Mapping[str, float | int]]
    tally: Callable[[], Any]
    figures: Callable[[Any], Mapping[str, float | int]]


BENCHMARKS = {
    "coco": Benchmark(coco.score_files, coco.Tally, coco.score_tally),
    "tusimple": Benchmark(tusimple.score_files, tusimple.Tally, tusimple.score_tally),
    "culane": Benchmark(culane.score_files, culane.Tally, culane.score_tally),
}


def score_predictions(name: str, truth: Path, found: Path) -> dict[str, float | int | None]:
    """Figures of predictions on disk; None where there is nothing to speak of."""
    if not truth.exists():
        raise WhiteoutError(f"{truth}: there is no such file or folder; check the path.")
    return _known(BENCHMARKS[name].files(truth, found))


def score_model(name: str, model: Predictor, sources: Sequence[FrameSource]) -> dict[str, float | int | None]:
    """Figures of a model on drives or shards."""
    benchmark = BENCHMARKS[name]
    tally = benchmark.tally()
    frames = (frame for source in sources for frame in source)
    for frame in track(frames, "scoring", sum(len(source) for source in sources)):
        for prediction in predict_frames(model, [frame]):
            tally.add(frame, prediction)
    return _known(benchmark.figures(tally))


def _known(figures: Mapping[str, float | int]) -> dict[str, float | int | None]:
    return {name: None if math.isnan(value) else value for name, value in figures.items()}
