"""Running a model over drives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.progress import track

from perception.drive import Drive
from perception.frame import Frame
from perception.metrics import Metrics, evaluate_pairs
from perception.model import images_from_frames
from perception.prediction import Prediction
from perception.protocols import Predictor


def predict_frames(model: Predictor, frames: Iterable[Frame]) -> Iterator[Prediction]:
    """Predictions frame by frame; one at a time, so a frame's answer does not depend on its company."""
    for frame in frames:
        yield from model.predict(images_from_frames([frame]))


def evaluate_model(model: Predictor, drives: Sequence[Drive], *, progress: bool = True) -> Metrics:
    """Score a model over all frames of several drives, with a progress bar."""
    total = sum(len(drive) for drive in drives)
    frames = (frame for drive in drives for frame in drive)
    shown = track(frames, "scoring", total, disable=not progress)
    pairs = ((frame, prediction) for frame in shown for prediction in predict_frames(model, [frame]))
    return evaluate_pairs(pairs)
