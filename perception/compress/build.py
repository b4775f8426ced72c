"""A model becomes a compressed file, held against the model before it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from jaxtyping import Float
from numpy import ndarray
from onnx import ModelProto
from pydantic import JsonValue
from torch import Tensor

from perception.compress.export import export, stamp
from perception.compress.imprint import Form, Imprint
from perception.compress.int8 import OUTPUT_LAYERS, Method, Ranges, quantise_dynamic, quantise_static
from perception.compress.layers import Layer, layers
from perception.compress.pictures import drawn_pictures, input_pictures
from perception.compress.runtimes import OnnxSession, OpenVino, Runtime, provider_name, write_openvino, write_tensorrt
from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel
from perception.shards import FrameSource
from perception.weights import replace_file

Target = Literal["onnx", "int8", "openvino", "tensorrt"]

TOLERANCE = 1e-3
"""Largest difference between the outputs of a model and of its float32 file: absolute, relative for values above 1."""

COMPARED = 4
"""Pictures on which outputs are compared."""


@dataclass(frozen=True)
class Request:
    """What is wanted.

    Attributes:
        to: form of the file.
        method: how to quantise; static needs drives.
        ranges: how static quantisation takes the range of an activation from the calibration pictures.
        pictures: how many calibration pictures are taken from the drives.
        keep: patterns of layers that stay in float32, besides the output layers.
    """

    to: Target
    method: Method = "static"
    ranges: Ranges = "minmax"
    pictures: int = 64
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """What was made.

    Attributes:
        imprint: what the file says about itself.
        layers: of a quantised model, what became of each layer with weights; otherwise empty.
    """

    imprint: Imprint
    layers: tuple[Layer, ...] = ()


def build(model: LaneDetectionModel, request: Request, out: Path, drives: Sequence[FrameSource] = ()) -> Built:
    """Write the compressed file.

    Raises:
        WhiteoutError: a wrong ending, no drives for static quantisation, a package or device that is missing, or
            outputs that differ from the model's by more than `TOLERANCE`; nothing is written then.
    """
    drives = [drive for drive in drives if len(drive)]
    _check(request, out, drives)
    pictures = input_pictures(drives, model.config, COMPARED) if drives else drawn_pictures(model.config, COMPARED)
    wanted = raw_outputs(model, pictures)
    network = export(model)
    facts: dict[str, JsonValue] = {
        "compared_on": f"{len(pictures)} {'frames' if drives else 'drawn pictures'}",
        "drives": [drive.content_hash for drive in drives],
        "difference": _agree(wanted, OnnxSession(network.SerializeToString(), "cpu", "the ONNX network"), pictures),
    }
    if request.to == "int8":
        return _write_int8(model, network, request, out, drives, facts, pictures)
    if request.to == "onnx":
        imprint = _imprint(model, "onnx", facts)
        replace_file(out, stamp(network, imprint))
        return Built(imprint)
    return Built(_write_compiled(model, network, request.to, out, facts, pictures))


def raw_outputs(model: LaneDetectionModel, pictures: Float[Tensor, "n 3 height width"]) -> dict[str, ndarray]:
    """The model's own outputs by name."""
    with torch.no_grad():
        return {name: output.numpy() for name, output in model(pictures).tensors().items()}


def difference(wanted: Mapping[str, ndarray], given: Mapping[str, ndarray]) -> float:
    """The largest difference of any two values: absolute, relative where the wanted value is above 1."""
    return max(float((np.abs(ours - given[name]) / np.maximum(np.abs(ours), 1)).max()) for name, ours in wanted.items())


def correlations(wanted: Mapping[str, ndarray], given: Mapping[str, ndarray]) -> dict[str, float]:
    """Pearson's correlation of each output's values."""
    return {name: float(np.corrcoef(ours.ravel(), given[name].ravel())[0, 1]) for name, ours in wanted.items()}


def _check(request: Request, out: Path, drives: Sequence[FrameSource]) -> None:
    """Refuse before any work is done what cannot be done."""
    suffix = ".xml" if request.to == "openvino" else ".onnx"
    if out.suffix != suffix:
        raise WhiteoutError(f"{out}: --to {request.to} writes a {suffix} file; let the name end in {suffix}.")
    if request.to == "int8" and request.method == "static" and not drives:
        raise WhiteoutError(
            "static quantisation measures activations on calibration pictures; name drives with --data,"
            " or quantise the linear layers alone with --method dynamic."
        )
    if request.to == "tensorrt":
        provider_name("tensorrt")


def _write_int8(
    model: LaneDetectionModel,
    network: ModelProto,
    request: Request,
    out: Path,
    drives: Sequence[FrameSource],
    facts: Mapping[str, JsonValue],
    pictures: Float[Tensor, "n 3 height width"],
) -> Built:
    """Quantise; outputs may differ, and the imprint says how well they go together with the model's."""
    form: Form = "int8 static"
    if request.method == "dynamic":
        form, small = "int8 dynamic", quantise_dynamic(network, request.keep)
    else:
        seen = input_pictures(drives, model.config, request.pictures)
        small = quantise_static(network, seen.numpy(), request.ranges, OUTPUT_LAYERS + request.keep)
        facts = {**facts, "calibration_pictures": len(seen), "ranges": request.ranges}
    report = layers(network, small)
    if not any(layer.quantised for layer in report):
        raise WhiteoutError(
            f"{out}: {model.config.backbone} has no layer that {request.method} quantisation acts on;"
            " it acts on linear layers alone, so use --method static for convolutions."
        )
    wanted = raw_outputs(model, pictures)
    given = OnnxSession(small.SerializeToString(), "cpu", "the quantised network").run(pictures.numpy())
    facts = {
        **facts,
        "difference": difference(wanted, given),
        "correlation": dict(correlations(wanted, given)),
        "int8_layers": [layer.name for layer in report if layer.quantised],
        "float32_layers": [layer.name for layer in report if not layer.quantised],
    }
    imprint = _imprint(model, form, facts)
    replace_file(out, stamp(small, imprint))
    return Built(imprint, tuple(report))


def _write_compiled(
    model: LaneDetectionModel,
    network: ModelProto,
    to: Literal["openvino", "tensorrt"],
    out: Path,
    facts: Mapping[str, JsonValue],
    pictures: Float[Tensor, "n 3 height width"],
) -> Imprint:
    """Convert beside the place, compare, and only then move there."""
    wanted = raw_outputs(model, pictures)
    with tempfile.TemporaryDirectory() as folder:
        source, draft = Path(folder, "network.onnx"), Path(folder, out.name)
        source.write_bytes(network.SerializeToString())
        if to == "openvino":
            write_openvino(source, "", draft)
            runtime: Runtime = OpenVino(draft)
        else:
            write_tensorrt(source, model.input_size, draft)
            runtime = OnnxSession(str(draft), "tensorrt", str(draft))
        imprint = _imprint(model, to, {**facts, "difference": _agree(wanted, runtime, pictures)})
        if to == "openvino":
            write_openvino(source, imprint.model_dump_json(), draft)
            replace_file(out.with_suffix(".bin"), draft.with_suffix(".bin").read_bytes())
            replace_file(out, draft.read_bytes())
        else:
            replace_file(out, stamp(onnx.load(draft), imprint))
    return imprint


def _agree(wanted: Mapping[str, ndarray], runtime: Runtime, pictures: Float[Tensor, "n 3 height width"]) -> float:
    """The difference of a float32 network's outputs; too large a one is a `WhiteoutError`."""
    found = difference(wanted, runtime.run(pictures.numpy()))
    if not found <= TOLERANCE:  # NaN too
        raise WhiteoutError(
            f"the outputs differ from the model's by {found:.2g}, more than {TOLERANCE:g}; nothing was written;"
            " report this with the model's card."
        )
    return found


def _imprint(model: LaneDetectionModel, form: Form, facts: Mapping[str, JsonValue]) -> Imprint:
    values = {"form": form, "config": model.config.to_dict(), "weights_hash": model.weights_hash(), "facts": facts}
    return Imprint.model_validate(values)
