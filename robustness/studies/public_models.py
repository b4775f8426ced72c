"""Models that strangers trained on photographs, read from ONNX files: how they see says how real a picture is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from numpy import ndarray

from perception.errors import WhiteoutError

COCO_PERSON, COCO_VEHICLES = 0, (2, 5, 7)
"""Places of COCO's person, and of car, bus and truck, in an 80-class output."""


@dataclass(frozen=True)
class Found:
    """A detection: "person" or "vehicle", left, top, right, bottom [px], score 0 to 1."""

    kind: str
    xyxy: tuple[float, float, float, float]
    score: float


def _session(file: Path) -> Any:
    if not file.is_file():
        raise WhiteoutError(f"{file} is missing; --models must name the folder that holds it")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


class TwinLiteNet:
    """Lane lines and drivable area (Che et al. 2023), trained on BDD100K."""

    SIZE = (640, 360)
    file = Path("twinlitenet/best.onnx")

    def __init__(self, folder: Path) -> None:
        """Load `folder / file`.

        Raises:
            WhiteoutError: it is not there.
        """
        self._session = _session(folder / self.file)

    def lane_pixels(self, rgb: UInt8[ndarray, "height width 3"]) -> Bool[ndarray, "height width"]:
        """Where the model sees a lane line, at the picture's own size."""
        small = cv2.resize(rgb, self.SIZE, interpolation=cv2.INTER_LINEAR)
        batch = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / 255
        scores = np.asarray(self._session.run(["ll"], {"images": batch})[0][0])
        lines = (scores[1] > scores[0]).astype(np.uint8)
        return np.asarray(cv2.resize(lines, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_NEAREST) > 0)


class YoloxNano:
    """Objects of COCO's classes (Ge et al. 2021)."""

    SIZE = 416
    STRIDES = (8, 16, 32)
    MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    SCORE, OVERLAP = 0.3, 0.45
    """Confidence and overlap thresholds of YOLOX's own demonstration (its `--conf 0.3 --nms 0.45`)."""
    file = Path("yolox_nano/yolox_nano.onnx")

    def __init__(self, folder: Path) -> None:
        """Load `folder / file`.

        Raises:
            WhiteoutError: it is not there.
        """
        self._session = _session(folder / self.file)
        cells = [
            np.stack(np.meshgrid(np.arange(self.SIZE // s), np.arange(self.SIZE // s)), -1).reshape(-1, 2)
            for s in self.STRIDES
        ]
        self._grid = np.concatenate(cells)
        self._stride = np.concatenate([np.full(len(c), s) for c, s in zip(cells, self.STRIDES, strict=True)])

    def objects(self, rgb: UInt8[ndarray, "height width 3"]) -> list[Found]:
        """People, cars, buses and trucks in a picture, best first."""
        scale = min(self.SIZE / rgb.shape[0], self.SIZE / rgb.shape[1])
        small = cv2.resize(rgb, (int(rgb.shape[1] * scale), int(rgb.shape[0] * scale)), interpolation=cv2.INTER_LINEAR)
        canvas = np.full((self.SIZE, self.SIZE, 3), 114, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        batch: Float32[ndarray, "1 3 size size"] = (
            ((canvas / 255 - self.MEAN) / self.DEVIATION).transpose(2, 0, 1)[None].astype(np.float32)
        )
        raw = np.asarray(self._session.run(None, {self._session.get_inputs()[0].name: batch})[0][0], np.float64)
        centre = (raw[:, :2] + self._grid) * self._stride[:, None]
        size = np.exp(raw[:, 2:4]) * self._stride[:, None]
        boxes = np.concatenate([centre - size / 2, centre + size / 2], 1) / scale
        scores = raw[:, 4:5] * raw[:, 5:]
        found = self._best("person", boxes, scores[:, COCO_PERSON])
        found += self._best("vehicle", boxes, scores[:, list(COCO_VEHICLES)].max(1))
        return sorted(found, key=lambda one: -one.score)

    def _best(self, kind: str, boxes: Float[ndarray, "n 4"], scores: Float[ndarray, "n"]) -> list[Found]:
        likely = scores > self.SCORE
        corners = boxes[likely]
        rows = np.column_stack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).tolist()
        kept = cv2.dnn.NMSBoxes(rows, scores[likely].tolist(), self.SCORE, self.OVERLAP)
        return [
            Found(kind, tuple(float(v) for v in corners[i]), float(scores[likely][i]))  # type: ignore[arg-type]
            for i in np.asarray(kept, int).ravel()
        ]
