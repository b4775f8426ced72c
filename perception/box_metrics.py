"""How well objects were found: COCO average precision, and matches per picture that can be pooled later."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from jaxtyping import Float
from numpy import ndarray

from perception.attributes import DISTANCE_BANDS, UNKNOWN, band_index
from perception.box import CLASSES, Box
from perception.frame import Frame
from perception.labels import is_scored
from perception.prediction import Detection, Prediction

IOU = 0.5
"""Overlap from which a detection counts as a match."""

RECALLS = np.linspace(0, 1, 101)
"""Recall values at which COCO samples the precision."""


@dataclass(frozen=True)
class BoxMatch:
    """One detection that counts: its class, its confidence, and whether it found an object (IoU >= 0.5)."""

    label: str
    score: float
    correct: bool


@dataclass(frozen=True)
class BoxScore:
    """The objects of one picture.

    Attributes:
        matches: the detections that count, best first; those on objects that count neither way are left out.
        truths: objects that had to be found, by class; a class that the model does not know is left out.
        bands: per found object of known distance, whether the distance band is right; empty where the model tells none.
        occlusion_errors: per found object, how far off the occlusion is; empty where the model tells none.
    """

    matches: tuple[BoxMatch, ...]
    truths: Mapping[str, int]
    bands: tuple[bool, ...] = ()
    occlusion_errors: tuple[float, ...] = ()


@dataclass(frozen=True)
class CocoResult:
    """COCO's figures; NaN where there is no object that counts.

    Attributes:
        ap50: average precision at IoU 0.5 by class.
        ap: the mean over IoU 0.5 to 0.95 by class.
    """

    ap50: Mapping[str, float]
    ap: Mapping[str, float]


def match_boxes(frame: Frame, prediction: Prediction) -> BoxScore:
    """Match detections to objects as COCO does at IoU 0.5: best first, each to its best free object of its class."""
    matches: list[BoxMatch] = []
    truths: dict[str, int] = {}
    pairs: list[tuple[Detection, Box]] = []
    for label in prediction.classes:
        boxes = [box for box in frame.boxes if box.label == label]
        found = sorted((d for d in prediction.boxes if d.label == label), key=lambda d: -d.score)
        scored = np.array([is_scored(box, frame.camera.height) for box in boxes], dtype=bool)
        truths[label] = int(scored.sum())
        overlap, covered = overlaps([d.xyxy for d in found], [box.xyxy for box in boxes])
        free = scored.copy()
        for index, detection in enumerate(found):
            candidates = np.where(free, overlap[index], -1.0)
            best = int(candidates.argmax()) if boxes else -1
            correct = best >= 0 and candidates[best] >= IOU
            if correct:
                free[best] = False
                pairs.append((detection, boxes[best]))
            elif np.any(covered[index][~scored] >= IOU):
                continue
            matches.append(BoxMatch(label, detection.score, bool(correct)))
    named = [(found.distance_band, band_index(box.distance)) for found, box in pairs]
    bands = tuple(said == DISTANCE_BANDS[true] for said, true in named if said is not None and true != UNKNOWN)
    told = [(found.occlusion, 1 - box.visible) for found, box in pairs]
    occlusion_errors = tuple(abs(said - true) for said, true in told if said is not None)
    ordered = tuple(sorted(matches, key=lambda match: -match.score))
    return BoxScore(ordered, truths, bands, occlusion_errors)


def overlaps(
    found: Sequence[tuple[float, float, float, float]], truths: Sequence[tuple[float, float, float, float]]
) -> tuple[Float[ndarray, "found truths"], Float[ndarray, "found truths"]]:
    """Intersection over union, and intersection over the found box's own area (COCO's measure for crowds)."""
    a = np.array(found, dtype=np.float64).reshape(-1, 1, 4)
    b = np.array(truths, dtype=np.float64).reshape(1, -1, 4)
    size = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = size.prod(-1)
    area_a, area_b = (a[..., 2:] - a[..., :2]).prod(-1), (b[..., 2:] - b[..., :2]).prod(-1)
    return shared / (area_a + area_b - shared), shared / area_a


def average_precision(scores: Iterable[BoxScore], label: str) -> float:
    """AP50 of a class over pooled pictures, COCO's 101-point interpolation; NaN if no object counts."""
    pooled = list(scores)
    total = sum(score.truths.get(label, 0) for score in pooled)
    matches = sorted((m for score in pooled for m in score.matches if m.label == label), key=lambda m: -m.score)
    if total == 0:
        return float("nan")
    correct = np.cumsum([match.correct for match in matches])
    if not len(correct):
        return 0.0
    precision = correct / np.arange(1, len(correct) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(correct / total, RECALLS, side="left")
    return float(np.where(place < len(envelope), envelope[np.minimum(place, len(envelope) - 1)], 0.0).mean())


class CocoTally:
    """Collects truths and detections picture by picture, then asks faster-coco-eval for COCO's figures."""

    def __init__(self) -> None:
        self._images: list[dict[str, object]] = []
        self._truths: list[dict[str, object]] = []
        self._found: list[dict[str, object]] = []

    def add(self, frame: Frame, prediction: Prediction) -> None:
        """Take in one picture; objects of classes that the model does not know are left out."""
        number = len(self._images) + 1
        self._images.append({"id": number, "width": frame.camera.width, "height": frame.camera.height})
        for box in (box for box in frame.boxes if box.label in prediction.classes):
            entry = _entry(number, box.label, box.xyxy)
            crowd = int(not is_scored(box, frame.camera.height))
            self._truths.append({**entry, "id": len(self._truths) + 1, "iscrowd": crowd})
        for detection in prediction.boxes:
            entry = _entry(number, detection.label, detection.xyxy)
            self._found.append({**entry, "score": detection.score})

    def as_coco(self) -> tuple[dict[str, object], list[dict[str, object]]]:
        """What was taken in, as COCO's annotation file and result file would have it."""
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(CLASSES)]
        return {"images": self._images, "annotations": self._truths, "categories": categories}, self._found

    def result(self) -> CocoResult:
        """COCO's figures over all pictures taken in."""
        blank = dict.fromkeys(CLASSES, float("nan"))
        if not any(truth["iscrowd"] == 0 for truth in self._truths):
            return CocoResult(blank, blank)
        if not self._found:
            counted = {truth["category_id"] for truth in self._truths if truth["iscrowd"] == 0}
            nothing = {name: 0.0 if i + 1 in counted else float("nan") for i, name in enumerate(CLASSES)}
            return CocoResult(nothing, nothing)
        content, found = self.as_coco()
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(content)
            evaluation = COCOeval_faster(truth, truth.loadRes(found), iouType="bbox", print_function=str)
            evaluation.evaluate()
            evaluation.accumulate()
        precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
        precision = np.where(precision < 0, np.nan, precision)
        by_class = {name: precision[:, :, index] for index, name in enumerate(CLASSES)}
        return CocoResult(
            {name: float(values[0].mean()) for name, values in by_class.items()},
            {name: float(values.mean()) for name, values in by_class.items()},
        )


def _entry(image: int, label: str, xyxy: tuple[float, float, float, float]) -> dict[str, object]:
    left, top, right, bottom = xyxy
    width, height = right - left, bottom - top
    return {
        "image_id": image,
        "category_id": CLASSES.index(label) + 1,
        "bbox": [left, top, width, height],
        "area": width * height,
    }
