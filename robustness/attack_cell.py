"""The attack cell: some frames of a drive, every objective, one strength; outcomes are scored again by the metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.model import LaneDetectionModel, images_from_frames
from perception.prediction import Prediction
from perception.protocols import Network, WhiteBox
from robustness.attacks.evidence_objectives import EvidenceObjective, possible, truth_of
from robustness.attacks.folding import folded
from robustness.attacks.objectives import applies, objective
from robustness.attacks.pgd import LEVELS, PGD, Attacked, Objective
from robustness.cells import AttackCell, spread
from robustness.overlays import as_json, prediction_overlay, truth_overlay
from robustness.plan import eps_value
from robustness.rasters import magnified
from robustness.scoring import Row, damage, score_rows
from robustness.store import Result

Pictures = list[tuple[str, UInt8[ndarray, "height width 3"]]]


@dataclass(frozen=True, eq=False)
class Outcome:
    """One attacked picture, scored."""

    objective: str
    attacked: Attacked
    prediction: Prediction
    rows: tuple[Row, ...]


def attack(cell: AttackCell, drive: Drive, model: WhiteBox) -> tuple[Result, Pictures]:
    """Attack the cell's frames; the pictures are the worst outcome on the first of them."""
    before = model.weights_hash()
    if model.network.training:
        raise WhiteoutError(
            f"model {cell.model.name}: it is in training mode, where an attack means nothing; call eval()"
        )
    quick = folded(model.network)
    rows: list[Row] = []
    checks: list[dict[str, object]] = []
    facts: dict[str, object] = {}
    pictures: Pictures = []
    for number in spread(cell.frames, len(drive)):
        frame = drive[number]
        outcomes = attack_frame(cell, frame, number, model, quick)
        for outcome in outcomes:
            rows.extend(outcome.rows)
            checks.append(_check(frame, outcome, eps_value(cell.eps)))
        if outcomes and not pictures:
            worst = max(
                outcomes, key=lambda outcome: sum(damage(outcome.rows, family)[0] for family in ("objects", "lanes"))
            )
            pictures = _pictures(frame, worst.attacked.images)
            facts["shown"] = _shown(frame, worst)
    facts |= {"checks": checks, "hash_before": before, "hash_after": model.weights_hash()}
    return Result(tuple(rows), facts), pictures


def attack_frame(cell: AttackCell, frame: Frame, number: int, model: WhiteBox, quick: Network) -> list[Outcome]:
    """Every objective that applies to one frame; gradients come from `quick`, answers from `model` itself."""
    pgd = PGD(eps_value(cell.eps), cell.steps, cell.restarts)
    images = images_from_frames([frame])
    outcomes = []
    for index, name in enumerate(cell.objectives):
        wish = _wish(name, quick, frame)
        if wish is not None:
            generator = torch.Generator().manual_seed(int(cell.key[:12], 16) + 1000 * number + index)
            attacked = pgd(wish, images, generator=generator)
            prediction = model.predict(attacked.images)[0]
            rows = score_rows(frame, prediction, attack=f"pgd/{name}", eps=cell.eps)
            outcomes.append(Outcome(name, attacked, prediction, tuple(rows)))
    return outcomes


def _wish(name: str, network: Network, frame: Frame) -> Objective | None:
    """The wish `name` about a frame; None where there is nothing to attack."""
    if isinstance(network, LaneDetectionModel):
        return objective(name, network, [frame]) if applies(name, frame, network.config) else None
    with torch.no_grad():
        evidence = network(images_from_frames([frame]))
    return EvidenceObjective(name, network, frame) if possible(name, evidence, truth_of(frame, evidence)) else None


def _check(frame: Frame, outcome: Outcome, eps: float) -> dict[str, object]:
    """What `attacks.health` looks at."""
    images = outcome.attacked.images
    change = float((images - images_from_frames([frame])).abs().max())
    return {
        "frame": frame.name,
        "objective": outcome.objective,
        "value": float(outcome.attacked.value),
        "clean_value": float(outcome.attacked.clean_value),
        "gradient": float(torch.nan_to_num(outcome.attacked.gradient, nan=0.0, posinf=0.0)),
        "inside": bool(change <= eps + 1e-6 and float(images.min()) >= 0 and float(images.max()) <= 1),
    }


def _shown(frame: Frame, outcome: Outcome) -> dict[str, object]:
    """The facts behind the report's picture of an attack."""
    return {
        "frame": frame.name,
        "objective": outcome.objective,
        "truth": as_json(truth_overlay(frame)),
        "prediction": as_json(prediction_overlay(outcome.prediction)),
    }


def _pictures(frame: Frame, images: Float[Tensor, "1 3 height width"]) -> Pictures:
    """The attacked picture, and its difference to the clean one, magnified (grey is no change)."""
    attacked = np.ascontiguousarray((images[0] * LEVELS).round().byte().permute(1, 2, 0).numpy())
    return [("attacked", attacked), ("change", magnified(frame.image, attacked))]
