"""The state of a training on disk, without a pickle: one safetensors file with the progress in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from perception.errors import WhiteoutError
from perception.weights import replace_file


def checkpoint_path(out: Path) -> Path:
    """Where the training of weights `out` keeps its state."""
    return out.with_suffix(".checkpoint.safetensors")


def save_checkpoint(
    path: Path,
    progress: Mapping[str, object],
    modules: Mapping[str, nn.Module],
    optimizer: Optimizer,
    inputs: Mapping[str, object],
) -> None:
    """Write modules (by name), optimizer and progress (as JSON); `inputs` says what the training depends on."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}/{key}": value.contiguous() for key, value in module.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": torch.as_tensor(value).contiguous() for key, value in values.items()}
    header = {"progress": json.dumps(progress), "inputs": json.dumps(inputs, sort_keys=True)}
    replace_file(path, save({key: value.detach().cpu().clone() for key, value in tensors.items()}, metadata=header))


def load_checkpoint(
    path: Path, modules: Mapping[str, nn.Module], optimizer: Optimizer, inputs: Mapping[str, object]
) -> dict[str, Any]:
    """Restore what `save_checkpoint` wrote and return the progress; other `inputs` are a `WhiteoutError`."""
    try:
        with safe_open(path, framework="pt") as opened:
            header = opened.metadata() or {}
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WhiteoutError(f"{path}: the checkpoint cannot be read ({error}); train without --resume.") from error
    then, now = json.loads(header.get("inputs", "{}")), json.loads(json.dumps(inputs))
    changed = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    if changed:
        raise WhiteoutError(
            f"{path}: the checkpoint was made with another {', '.join(changed)}; train without --resume."
        )
    for name, module in modules.items():
        module.load_state_dict(_below(tensors, f"{name}/"))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _below(tensors, "optimizer/").items():
        number, _, entry = key.partition("/")
        state.setdefault(int(number), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    progress: dict[str, Any] = json.loads(header["progress"])
    return progress


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
