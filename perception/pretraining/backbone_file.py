"""Weights of part of a model on disk, in full precision, and a backbone taken from any weights file that holds one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from perception.errors import WhiteoutError
from perception.fingerprint import weights_hash
from perception.weights import Card, card_path, read_card, refuse_pickle, replace_file, resolve

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


def load_tensors(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """The card, and the weights in single precision, checked against it; "reference" names the shipped ones."""
    path = resolve(path)
    refuse_pickle(path)
    card = read_card(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WhiteoutError(f"{path}: these are no whole safetensors weights ({error}); restore the file.") from error
    single = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    if weights_hash(single) != card.weights_hash:
        raise WhiteoutError(
            f"{path}: the weights are not those that {card_path(path).name} describes; restore both files."
        )
    return card, single


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
