"""Running a model over drives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.progress import track

from perception.frame import Frame
from perception.ground import CAMERA_HEIGHT, on_road
from perception.metrics import Metrics, evaluate_pairs
from perception.model import images_from_frames
from perception.prediction import Prediction
from perception.protocols import Predictor
from perception.shards import FrameSource


def predict_frames(
    model: Predictor, frames: Iterable[Frame], camera_height: float = CAMERA_HEIGHT
) -> Iterator[Prediction]:
    """Predictions frame by frame; one at a time, so a frame's answer does not depend on its company.

    Lines are put on the road by the frame's camera, `camera_height` [m] above a flat road (`perception.ground`).
    """
    for frame in frames:
        (prediction,) = model.predict(images_from_frames([frame]))
        yield on_road(prediction, frame.camera, camera_height)


def evaluate_model(
    model: Predictor,
    drives: Sequence[FrameSource],
    *,
    progress: bool = True,
    camera_height: float = CAMERA_HEIGHT,
) -> Metrics:
    """Score a model over all frames of several drives, with a progress bar."""
    total = sum(len(drive) for drive in drives)
    frames = (frame for drive in drives for frame in drive)
    shown = track(frames, "scoring", total, disable=not progress)
    pairs = ((frame, prediction) for frame in shown for prediction in predict_frames(model, [frame], camera_height))
    return evaluate_pairs(pairs)
