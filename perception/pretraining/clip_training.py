"""From labelled drives to a model of pictures and words: describe each frame, fit both towers, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor

from perception.allocator import keep_memory
from perception.checkpoint import checkpoint_path
from perception.descriptions import Scene, describe, scene_of
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.pretraining.backbone_file import load_backbone, save_tensors
from perception.pretraining.clip import Clip, ClipConfig
from perception.pretraining.fit import FitConfig, check_out, describe_fit, fit, make_fabric
from perception.samples import draw, shrunk
from perception.train import describe_weights, versions
from perception.weights import Card


@dataclass(frozen=True, eq=False)
class Pair:
    """A picture at the model's input size, and what it shows."""

    image: UInt8[ndarray, "height width 3"]
    scene: Scene


def train_clip(
    drives: Sequence[Drive],
    out: Path,
    config: ClipConfig,
    fit_config: FitConfig,
    *,
    backbone_weights: Path | None = None,
    resume: bool = False,
    command: str = "",
) -> Card:
    """Fit a `Clip` to the frames of drives and sentences made from their labels, write weights and card to `out`."""
    check_out(out)
    if fit_config.batch < 2:
        raise WhiteoutError("pretrain: a sentence needs another picture to be told from; use --batch 2 or more.")
    keep_memory()
    fabric = make_fabric(fit_config)
    torch.manual_seed(fit_config.seed)
    model = Clip(config)
    inputs: dict[str, object] = {
        "pretraining": {"method": "clip", **asdict(config), **describe_fit(fit_config, fabric)},
        "data": [{"drive": one.path.name, "frames": len(one), "content_hash": one.content_hash} for one in drives],
        "weather": [one.meta.get("weather") for one in drives],
    }
    if backbone_weights is not None:
        load_backbone(backbone_weights, model.backbone, config.backbone)
        inputs["backbone_weights"] = describe_weights(backbone_weights)
    pairs = load_pairs(drives, config)

    def batches(step: int) -> tuple[Tensor, Tensor]:
        return described_batch(pairs, step, model, fit_config)

    loss = fit(fabric, model, batches, fit_config, out, inputs, resume=resume)
    facts = {**inputs, "loss": loss, "command": command, "versions": versions()}
    card = save_tensors(out, model.state_dict(), {"method": "clip", **asdict(config)}, facts)
    checkpoint_path(out).unlink(missing_ok=True)
    return card


def load_pairs(drives: Sequence[Drive], config: ClipConfig) -> list[Pair]:
    """Every frame, small, with what is known about it."""
    frames = chain.from_iterable(((drive, frame) for frame in drive) for drive in drives)
    size = (config.input_width, config.input_height)
    return [Pair(shrunk(frame.image, *size), scene_of(frame, drive.meta)) for drive, frame in frames]


def described_batch(pairs: Sequence[Pair], step: int, model: Clip, config: FitConfig) -> tuple[Tensor, Tensor]:
    """A step's pictures, mirrored by chance, which changes no word, and a new sentence for each."""
    images, texts = [], []
    for place, rng in draw(pairs, step, config.batch, config.seed):
        pair = pairs[place]
        images.append(pair.image[:, ::-1] if rng.random() < 0.5 else pair.image)
        texts.append(describe(pair.scene, rng))
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div(255)
    return pixels, model.tokens(texts)
