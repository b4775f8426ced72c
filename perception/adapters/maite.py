"""MAITE's object-detection protocols (maite 0.10), both ways: their tools test our models, and ours test their models.

MAITE's protocols are structural, so the package itself is not needed here. Its pictures are channels x height x width;
the meaning of their values it leaves open: here they are whole levels 0 to 255 (uint8), and floats lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from torch import Tensor

from perception.adapters.picture import as_images
from perception.box import CLASSES
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.labels import is_scored
from perception.prediction import Detection, Prediction
from perception.protocols import Predictor

ALIASES: Mapping[str, str] = {
    **{name: name for name in CLASSES}, "person": "pedestrian", "motorbike": "motorcycle", "bike": "bicycle",
}  # fmt: skip
"""Our class for what other label lists call it."""

LEVELS = 255


@dataclass(frozen=True, eq=False)
class Target:
    """MAITE's object-detection target: what is in a picture, or what was found.

    Attributes:
        boxes: left, top, right, bottom [px].
        labels: places in `CLASSES`.
        scores: confidences; 1 for a truth.
    """

    boxes: Float[ndarray, "n 4"]
    labels: Int[ndarray, "n"]
    scores: Float[ndarray, "n"]


class ToMaite:
    """A model of ours as a MAITE object-detection model.

    Attributes:
        metadata: its id and `index2label`, as MAITE has them.
    """

    def __init__(self, model: Predictor, name: str) -> None:
        """Take any `Detector`, or a `Candidate`; `name` becomes MAITE's id."""
        self._model = model
        self.metadata: dict[str, Any] = {"id": name, "index2label": dict(enumerate(CLASSES))}

    def __call__(self, batch: Sequence[Any], /) -> Sequence[Target]:
        """What the model finds in each picture (3 x height x width)."""
        return [_target(self._model.predict(_images(picture))[0]) for picture in batch]


class ToMaiteDataset:
    """A drive as a MAITE object-detection dataset; its targets are the objects that a model must find.

    Attributes:
        metadata: its id and `index2label`, as MAITE has them.
    """

    def __init__(self, drive: Drive) -> None:
        """Take a drive."""
        self._drive = drive
        self.metadata: dict[str, Any] = {"id": drive.content_hash, "index2label": dict(enumerate(CLASSES))}

    def __len__(self) -> int:
        return len(self._drive)

    def __getitem__(self, index: int, /) -> tuple[UInt8[ndarray, "3 height width"], Target, dict[str, Any]]:
        """Picture, truth and facts of a frame."""
        if not 0 <= index < len(self):
            raise IndexError(f"{index} is no frame of {len(self)}")
        frame = self._drive[index]
        boxes = [box for box in frame.boxes if is_scored(box, frame.camera.height)]
        truth = Target(
            np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4),
            np.array([CLASSES.index(box.label) for box in boxes], dtype=np.int64),
            np.ones(len(boxes)),
        )
        return np.ascontiguousarray(frame.image.transpose(2, 0, 1)), truth, {"id": frame.name}


class FromMaite:
    """A MAITE object-detection model as a `Detector` of ours; it gives no gradients.

    Attributes:
        classes: those of its labels that we know.
    """

    no_gradients = "a MAITE model gives finished boxes only"

    def __init__(self, model: Any) -> None:
        """Take a model whose metadata say what its labels mean.

        Raises:
            WhiteoutError: they do not, or none of its labels is ours.
        """
        names = dict(model.metadata).get("index2label")
        name = dict(model.metadata).get("id", type(model).__name__)
        if not names:
            raise WhiteoutError(f"MAITE model {name}: its metadata lack index2label; add what each label means")
        self._model = model
        self._names = {int(index): ALIASES[label] for index, label in names.items() if label in ALIASES}
        self.classes = tuple(label for label in CLASSES if label in self._names.values())
        if not self.classes:
            raise WhiteoutError(f"MAITE model {name}: none of its labels is one of {', '.join(ALIASES)}; rename them")

    def __getattr__(self, name: str) -> Any:
        """Everything else is the model's own."""
        return getattr(self._model, name)

    def predict(self, images: object) -> list[Prediction]:
        """What it finds in pictures (batch x 3 x height x width, RGB in [0, 1], an array or a tensor)."""
        levels = (as_images(images) * LEVELS).round().clamp(0, LEVELS).to(torch.uint8).numpy()
        return [self._prediction(target) for target in self._model(list(levels))]

    def _prediction(self, target: Any) -> Prediction:
        boxes, labels = (
            np.asarray(target.boxes, np.float64).reshape(-1, 4),
            np.asarray(target.labels).astype(int).ravel(),
        )
        scores = np.asarray(target.scores, np.float64)
        best = scores.max(1) if scores.ndim == 2 and len(scores) else scores.ravel()
        found = [
            Detection(self._names[label], (box[0], box[1], box[2], box[3]), score)
            for label, box, score in zip(labels.tolist(), boxes.tolist(), best.tolist(), strict=True)
            if label in self._names
        ]
        return Prediction(tuple(sorted(found, key=lambda box: -box.score)), (), self.classes, has_lanes=False)


def is_maite_model(model: object) -> bool:
    """Whether an object looks like a MAITE model: it is called with a batch and carries metadata."""
    return callable(model) and isinstance(getattr(model, "metadata", None), Mapping) and not hasattr(model, "predict")


def _images(picture: Any) -> Float[Tensor, "1 3 height width"]:
    """One MAITE picture as our models take it.

    Raises:
        WhiteoutError: it has no three channels, or its values are neither bytes nor in [0, 1].
    """
    values = np.asarray(picture)
    if values.ndim != 3 or values.shape[0] != 3:
        raise WhiteoutError(f"a picture has the shape {list(values.shape)}; give 3 x height x width, RGB")
    if values.dtype == np.uint8:
        return torch.from_numpy(values.copy())[None].float() / LEVELS
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise WhiteoutError(f"a picture's values reach {values.max():g}; give bytes (uint8), or floats in [0, 1]")
    return torch.from_numpy(values.astype(np.float32))[None]


def _target(prediction: Prediction) -> Target:
    boxes = prediction.boxes
    return Target(
        np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4),
        np.array([CLASSES.index(box.label) for box in boxes], dtype=np.int64),
        np.array([box.score for box in boxes], dtype=np.float64),
    )
