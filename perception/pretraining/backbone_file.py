"""Weights of part of a model on disk, in full precision, and a backbone taken from any weights file that holds one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from perception.errors import WhiteoutError
from perception.fingerprint import weights_hash
from perception.weights import Card, card_path, load_tensors, replace_file

PREFIX = "backbone."
"""What the names of a backbone's weights begin with, in every weights file."""


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], config: Mapping[str, str | int | float], facts: Mapping[str, object]
) -> Card:
    """Write weights and card, each whole or not at all."""
    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    card = Card.model_validate({"config": dict(config), "weights_hash": weights_hash(kept), "facts": dict(facts)})
    text = json.dumps(card.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"
    replace_file(path, save(kept, metadata={"format": "pt"}))
    replace_file(card_path(path), text.encode())
    return card


def backbone_tensors(backbone: nn.Module) -> dict[str, Tensor]:
    """A backbone's weights by the names that they have in files."""
    return {PREFIX + name: value for name, value in backbone.state_dict().items()}


def load_backbone(path: Path, backbone: nn.Module, name: str) -> Card:
    """Give `backbone`, which is called `name`, the weights of a pre-training or of a whole model.

    Raises:
        WhiteoutError: the file holds none, or another one's.
    """
    card, tensors = load_tensors(path)
    if card.config.get("backbone") != name:
        held = card.config.get("backbone", "no backbone")
        raise WhiteoutError(
            f"{path}: the weights are of {held}, not of {name}; use --backbone {held} or other weights."
        )
    wanted = backbone_tensors(backbone)
    for key, value in wanted.items():
        if key not in tensors or tensors[key].shape != value.shape:
            raise WhiteoutError(f"{path}: weight {key} is missing or of another shape; pre-train anew.")
    backbone.load_state_dict({key.removeprefix(PREFIX): tensors[key] for key in wanted})
    return card
