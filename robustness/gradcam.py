"""Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) for one lane line or one object, through captum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from captum.attr import LayerGradCam
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy import stats
from torch import Tensor, nn

from perception.errors import WhiteoutError
from perception.prediction import Detection
from perception.protocols import Network

Score = Callable[[Any], Float[Tensor, "batch"]]
"""The number that is explained, per picture, from raw outputs."""


@runtime_checkable
class Explainable(Protocol):
    """What Grad-CAM asks of a model; `perception.model.LaneDetectionModel` is one."""

    @property
    def explainable_layers(self) -> Mapping[str, nn.Module]:
        """Layers by name, the default first."""
        ...


def layer_of(model: Explainable, name: str | None) -> tuple[str, nn.Module]:
    """A layer by name, or the model's first."""
    layers = model.explainable_layers
    chosen = next(iter(layers)) if name is None else name
    if chosen not in layers:
        raise WhiteoutError(f"audits.grad_cam.layer: the model has no layer {name!r}; it names {', '.join(layers)}")
    return chosen, layers[chosen]


def lane_evidence(model: Network, slot: int) -> Score:
    """The evidence for the line in `slot` (see `Lane.slot`)."""
    return lambda outputs: model.lane_score(outputs, slot)


def box_evidence(model: Network, detection: Detection) -> Score:
    """The evidence for one detected object, for a batch of one."""
    return lambda outputs: model.box_score(outputs, 0, detection)[None]


def grad_cam(
    model: Network, image: Float[Tensor, "1 3 height width"], score: Score, layer: nn.Module
) -> Float[ndarray, "height width"]:
    """Positive evidence for `score` per pixel of the picture given, summing to 1; all zero where there is none.

    Channel gradients are averaged over the layer's map, weigh its activations, and the positive part is enlarged
    bilinearly to the picture.
    """
    explainer = LayerGradCam(lambda images: score(model(images)), layer)
    with torch.enable_grad():
        inputs = image.detach().clone().requires_grad_(True)
        coarse = explainer.attribute(inputs, relu_attributions=True)
    fine = model.to_picture(coarse.detach(), image.shape[2], image.shape[3])
    evidence = fine.clamp(min=0).double().numpy()
    total = float(evidence.sum())
    return evidence / total if np.isfinite(total) and total > 0 else np.zeros_like(evidence)


def share(evidence: Float[ndarray, "height width"], region: Bool[ndarray, "height width"]) -> float:
    """Share of the evidence inside a region; NaN where there is no evidence at all."""
    total = float(evidence.sum())
    return float(evidence[region].sum()) / total if total > 0 else float("nan")


def points_at(evidence: Float[ndarray, "height width"], region: Bool[ndarray, "height width"]) -> bool:
    """The pointing game (Zhang et al. 2016): whether the strongest evidence lies inside the region."""
    return bool(region.flat[int(evidence.argmax())]) and bool(evidence.max() > 0)


def similarity(one: Float[ndarray, "height width"], other: Float[ndarray, "height width"]) -> float:
    """Rank correlation (Spearman) of two maps, on every eighth pixel each way; NaN where one is flat."""
    samples = [evidence[4::8, 4::8].ravel() for evidence in (one, other)]
    if any(np.ptp(values) == 0 for values in samples):
        return float("nan")
    return float(stats.spearmanr(*samples).statistic)
