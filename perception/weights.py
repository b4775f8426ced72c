"""Model weights on disk: safetensors in half precision, and a JSON card beside them.

`NAME.safetensors` holds numbers only and `NAME.json` says what they are: the configuration, the hash of the weights,
and how they were made (data, command, metrics). Pickles are refused: reading one runs whatever code is inside.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from perception.adapters.spec import REFERENCE
from perception.config import ModelConfig
from perception.errors import WhiteoutError
from perception.fingerprint import weights_hash
from perception.model import LaneDetectionModel

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt")
"""File endings that usually hold a pickle."""

ZIP_START, PICKLE_START = b"PK\x03\x04", b"\x80"
"""First bytes of torch.save's archives and of plain pickles."""


class Card(BaseModel):
    """What a JSON card says.

    Attributes:
        format: version of the card.
        config: see `ModelConfig`.
        weights_hash: `LaneDetectionModel.weights_hash` of the weights as they are read back.
        facts: how they were made: data hashes, command, training configuration, metrics.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    config: dict[str, str | bool | int | float]
    weights_hash: str
    facts: dict[str, JsonValue] = {}


def save_model(model: LaneDetectionModel, path: str | Path, facts: Mapping[str, object] | None = None) -> Card:
    """Write weights and card, each whole or not at all; `facts` is what JSON can hold."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise WhiteoutError(f"{path}: weights are written as safetensors; let the name end in .safetensors.")
    tensors = {name: _halved(name, value, path) for name, value in model.state_dict().items()}
    again = LaneDetectionModel(model.config)
    _fill(again, tensors, path)
    values = {"config": model.config.to_dict(), "weights_hash": again.weights_hash(), "facts": dict(facts or {})}
    try:
        card = Card.model_validate(values)
        text = json.dumps(card.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        raise WhiteoutError(f"{path}: the card's facts cannot be kept as JSON ({error}).") from error
    replace_file(path, save(tensors, metadata={"format": "pt"}))
    replace_file(card_path(path), text.encode())
    return card


def load_tensors(path: str | Path) -> tuple[Card, dict[str, Tensor]]:
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


def load_model(path: str | Path) -> LaneDetectionModel:
    """A model in evaluation mode from a .safetensors file with its card, or from the name "reference"."""
    card, tensors = load_tensors(path)
    path = resolve(path)
    model = LaneDetectionModel(ModelConfig.from_dict(card.config, str(card_path(path))))
    _fill(model, tensors, path)
    return model.eval()


def read_card(path: str | Path) -> Card:
    """The card of weights at `path` (or of "reference")."""
    file = card_path(resolve(path))
    try:
        return Card.model_validate_json(file.read_bytes())
    except OSError as error:
        raise WhiteoutError(f"{file}: the card beside the weights cannot be read; restore it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise WhiteoutError(f"{file}: {field} is wrong ({first['msg']}); restore the card.") from error


def resolve(path: str | Path) -> Path:
    """The weights file that `path` names; "reference" is the shipped one."""
    if str(path) != REFERENCE:
        if not Path(path).is_file():
            raise WhiteoutError(f"{path}: there are no such weights; name a .safetensors file or '{REFERENCE}'.")
        return Path(path)
    shipped = Path(__file__).parent / "weights" / "reference.safetensors"
    if not shipped.is_file():
        raise WhiteoutError(
            f"{shipped}: the reference weights are missing; reinstall, or make them with `make weights`."
        )
    return shipped


def refuse_pickle(path: Path) -> None:
    """A file that is a pickle, by its name or its first bytes, is a `WhiteoutError`."""
    with path.open("rb") as stream:
        start = stream.read(9)
    pickled = start.startswith(ZIP_START) or (start.startswith(PICKLE_START) and start[8:] != b"{")
    if path.suffix.lower() in PICKLES or pickled:
        raise WhiteoutError(f"{path}: this is a pickle, and reading one would run its code; convert it to safetensors.")


def card_path(path: Path) -> Path:
    """Where the card of the weights at `path` lies."""
    return path.with_suffix(".json")


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either its old or its new content, whatever happens."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise WhiteoutError(
            f"{path}: cannot be written ({error.strerror}); free some room or choose another place."
        ) from error


def _halved(name: str, value: Tensor, path: Path) -> Tensor:
    """Matrices and kernels in half precision; vectors (biases, running statistics) as they are."""
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    small = value.half() if value.ndim >= 2 else value
    if not bool(small.isfinite().all()):
        raise WhiteoutError(f"{path}: weight {name} is not finite in half precision; the training has diverged.")
    return small


def _fill(model: LaneDetectionModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    wanted = model.state_dict()
    for name in sorted(wanted.keys() ^ tensors.keys()):
        raise WhiteoutError(f"{path}: weight {name} is missing or not known; the file does not fit its card.")
    for name, value in wanted.items():
        if value.shape != tensors[name].shape:
            raise WhiteoutError(f"{path}: weight {name} has another shape than its card's configuration asks for.")
    model.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in tensors.items()})
