"""Models that strangers trained on photographs, read from ONNX files: how they see says how real a picture is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from torch import Tensor

from perception.adapters.description import Objects, read_description
from perception.adapters.onnx_model import OnnxModel
from perception.adapters.spec import DESCRIPTIONS
from perception.errors import WhiteoutError

KINDS = {0: "pedestrian", 2: "car", 5: "car", 7: "car"}
"""Places of COCO's person, car, bus and truck in an 80-class output, by what they count as: a vehicle is a car."""

WORDS = {"pedestrian": "person", "car": "vehicle"}

SCORE, OVERLAP = 0.3, 0.45
"""Confidence and overlap thresholds of YOLOX's own demonstration (its `--conf 0.3 --nms 0.45`)."""


@dataclass(frozen=True)
class Found:
    """A detection: "person" or "vehicle", left, top, right, bottom [px], score 0 to 1."""

    kind: str
    xyxy: tuple[float, float, float, float]
    score: float


class TwinLiteNet:
    """Lane lines and drivable area (Che et al. 2023), trained on BDD100K."""

    file = Path("twinlitenet/best.onnx")

    def __init__(self, folder: Path) -> None:
        """Load `folder / file`.

        Raises:
            WhiteoutError: it is not there.
        """
        self._model = _opened(folder / self.file, "twinlitenet")

    def lane_pixels(self, rgb: UInt8[ndarray, "height width 3"]) -> Bool[ndarray, "height width"]:
        """Where the model sees a lane line, at the picture's own size."""
        lanes = self._model.evidence(_images(rgb)).lanes
        assert lanes is not None
        lines = (lanes.log_odds[0, 0] > 0).numpy().astype(np.uint8)
        return np.asarray(cv2.resize(lines, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_NEAREST) > 0)


class YoloxNano:
    """Objects of COCO's classes (Ge et al. 2021)."""

    file = Path("yolox_nano/yolox_nano.onnx")

    def __init__(self, folder: Path) -> None:
        """Load `folder / file`.

        Raises:
            WhiteoutError: it is not there.
        """
        objects = Objects(decoder="yolox", classes=KINDS, score=SCORE, nms_iou=OVERLAP)
        self._model = _opened(folder / self.file, "yolox_nano_legacy", objects)

    def objects(self, rgb: UInt8[ndarray, "height width 3"]) -> list[Found]:
        """People, cars, buses and trucks in a picture, best first."""
        boxes = self._model.predict(_images(rgb))[0].boxes
        return [Found(WORDS[box.label], box.xyxy, box.score) for box in boxes]


def _opened(file: Path, description: str, objects: Objects | None = None) -> OnnxModel:
    if not file.is_file():
        raise WhiteoutError(f"{file} is missing; --models must name the folder that holds it")
    path = DESCRIPTIONS / f"{description}.yaml"
    described = read_description(path)
    if objects is not None:
        described = described.model_copy(update={"objects": objects})
    return OnnxModel(file, described, described_in=path)


def _images(rgb: UInt8[ndarray, "height width 3"]) -> Float[Tensor, "1 3 height width"]:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255
