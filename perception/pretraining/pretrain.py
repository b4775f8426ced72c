"""From unlabelled pictures to a backbone's weights: read, hide, paint again, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from perception.allocator import keep_memory
from perception.backbones import Backbone, make_backbone
from perception.checkpoint import checkpoint_path
from perception.errors import WhiteoutError
from perception.pretraining.backbone_file import backbone_tensors, save_tensors
from perception.pretraining.fit import FitConfig, check_out, describe_fit, fit, make_fabric
from perception.pretraining.mae import MaskedAutoencoder
from perception.pretraining.masks import draw_masks
from perception.pretraining.pictures import describe_pictures, load_pictures, picture_batch
from perception.pretraining.simmim import SimMim
from perception.pretraining.sizes import check_size
from perception.samples import Sample
from perception.train import versions
from perception.weights import Card

Painter = MaskedAutoencoder | SimMim

METHODS: Mapping[str, Callable[[Backbone], Painter]] = {"mae": MaskedAutoencoder, "simmim": SimMim}
"""Ways to learn from pictures alone."""


@dataclass(frozen=True)
class PretrainConfig:
    """What is learned.

    Attributes:
        method: a name in `METHODS`.
        backbone: a name in `perception.backbones.BACKBONES`.
        mask: share of each picture that is hidden.
        input_width: width to which pictures are brought [px], a multiple of 32.
        input_height: the same for the height [px].
    """

    method: str = "mae"
    backbone: str = "vit_tiny"
    mask: float = 0.75
    input_width: int = 480
    input_height: int = 288

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.method not in METHODS:
            raise WhiteoutError(
                f"pretrain: method '{self.method}' is not known; use one of {', '.join(METHODS)} or clip."
            )
        check_size(self.input_width, self.input_height)


def pretrain(
    folders: Sequence[Path],
    out: Path,
    config: PretrainConfig,
    fit_config: FitConfig,
    *,
    resume: bool = False,
    command: str = "",
) -> Card:
    """Train a backbone on the pictures of drives or plain folders, write weights and card to `out`."""
    check_out(out)
    keep_memory()
    fabric = make_fabric(fit_config)
    torch.manual_seed(fit_config.seed)
    painter = METHODS[config.method](make_backbone(config.backbone))
    samples = load_pictures(folders, config.input_width, config.input_height)
    inputs: dict[str, object] = {
        "pretraining": asdict(config) | describe_fit(fit_config, fabric),
        "data": describe_pictures(folders),
    }

    def batches(step: int) -> tuple[Tensor, Tensor]:
        return masked_batch(samples, step, painter.unit, config.mask, fit_config)

    loss = fit(fabric, painter, batches, fit_config, out, inputs, resume=resume)
    facts = {**inputs, "loss": loss, "command": command, "versions": versions()}
    named = {"method": config.method, "backbone": config.backbone}
    card = save_tensors(out, backbone_tensors(painter.backbone), named, facts)
    checkpoint_path(out).unlink(missing_ok=True)
    return card


def masked_batch(
    samples: Sequence[Sample], step: int, unit: int, share: float, config: FitConfig
) -> tuple[Tensor, Tensor]:
    """A step's normalised pictures and what is hidden of them."""
    images = picture_batch(samples, step, config.batch, config.seed)
    rng = np.random.default_rng((config.seed, step, 1))
    return images, draw_masks(len(images), images.shape[2] // unit, images.shape[3] // unit, share, rng)
