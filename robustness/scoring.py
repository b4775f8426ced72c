"""One picture and what a model says about it, as rows of the results table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from perception.box import CLASSES
from perception.frame import Frame
from perception.metrics import OPERATING_SCORE, FrameScore, score_frame
from perception.model import images_from_frames
from perception.prediction import Prediction
from perception.protocols import Predictor

SHOWN = OPERATING_SCORE
"""Least confidence of a detection that counts as a claim and is drawn in the report."""

LANE_FACTS = ("lane_hits", "lane_false", "lane_missed", "lane_invented", "lane_error_m")
"""Facts about a picture's lane lines."""


@dataclass(frozen=True)
class Row:
    """One fact about one picture; see `measures.RAW` for the metrics.

    Attributes:
        attack: "none", or the attack and its objective, such as "pgd/hide".
        eps: the attack's strength as the plan writes it, "0" without one.
        value: the fact; 0 where not valid.
        valid: false where there is nothing to speak of (no lane line, so no error), and where the model does not look.
    """

    frame: str
    attack: str
    eps: str
    metric: str
    value: float
    valid: bool = True


def predict_one(model: Predictor, frame: Frame) -> Prediction:
    """What the model says about a frame; one picture at a time, so that no other picture can change the rounding."""
    return model.predict(images_from_frames([frame]))[0]


def score_rows(frame: Frame, prediction: Prediction, *, attack: str = "none", eps: str = "0") -> list[Row]:
    """All facts about one frame."""
    score = score_frame(frame, prediction)
    facts = [*_object_facts(score), *_lane_facts(score)]
    return [
        Row(frame.name, attack, eps, name, 0.0 if math.isnan(value) else value, not math.isnan(value))
        for name, value in facts
    ]


def damage(rows: Sequence[Row], family: str) -> tuple[float, float]:
    """How badly one picture was read: 1 - F1 of its objects or lane lines; ties are broken by the second number.

    Ties: for objects the confidence of false detections less that of right ones, for lines the error in metres.
    """
    values: dict[str, list[float]] = {}
    for row in rows:
        if row.valid:
            values.setdefault(row.metric.split(":")[0], []).append(row.value)
    if family == "lanes":
        hits, wrong = _sum(values, "lane_hits"), _sum(values, "lane_false") + _sum(values, "lane_missed")
        return _loss(hits, wrong), _sum(values, "lane_error_m")
    hit = [value for value in values.get("hit", []) if value >= SHOWN]
    false = [value for value in values.get("false", []) if value >= SHOWN]
    missed = _sum(values, "truths") - len(hit)
    return _loss(float(len(hit)), len(false) + missed), _sum(values, "false") - _sum(values, "hit")


def use_one_thread() -> None:
    """One torch thread, whatever the number of workers: another number rounds otherwise and would change results."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _object_facts(score: FrameScore) -> list[tuple[str, float]]:
    truths = [(f"truths:{label}", float(score.boxes.truths.get(label, math.nan))) for label in CLASSES]
    found = [(f"{'hit' if match.correct else 'false'}:{match.label}", match.score) for match in score.boxes.matches]
    return [*truths, *found]


def _lane_facts(score: FrameScore) -> list[tuple[str, float]]:
    lanes = score.lanes
    if lanes is None:
        return [(name, math.nan) for name in LANE_FACTS]
    values = (lanes.tp, lanes.fp, lanes.fn, lanes.invented, score.lane_error)
    return [(name, float(value)) for name, value in zip(LANE_FACTS, values, strict=True)]


def _loss(hits: float, wrong: float) -> float:
    return 1 - hits / (hits + wrong / 2) if hits + wrong > 0 else 0.0


def _sum(values: dict[str, list[float]], name: str) -> float:
    return math.fsum(values.get(name, []))
