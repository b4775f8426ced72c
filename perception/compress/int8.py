"""Weights and activations as whole numbers of 8 bits, by ONNX Runtime's quantiser.

`dynamic` quantises the matrices of linear layers, and measures each activation's range while running: for transformers,
without calibration. Convolutions stay in float32. `static` measures the ranges beforehand on calibration pictures and
quantises convolutions too, a scale for each output channel.

Why not torch's own `quantize_dynamic`: it looks for modules of type `nn.Linear`, and the projections of attention are
none (the fused input projection is a bare parameter); what it makes can only be kept as a pickle.

Weights use 7 of the 8 bits: processors without VNNI add products in 16 bits, which would overflow now and then, and the
same file would answer otherwise there (ONNX Runtime's documentation, "Quantize ONNX models").
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
from jaxtyping import Float
from numpy import ndarray
from onnx import ModelProto
from onnxruntime import quantization
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from perception.compress.imprint import INPUT
from perception.compress.layers import nodes_named, nodes_without_weights

Method = Literal["dynamic", "static"]
Ranges = Literal["minmax", "entropy"]

OUTPUT_LAYERS: tuple[str, ...] = (
    "object_head.classes", "object_head.sides", "object_head.centerness", "object_head.attributes",
    "lane_head.positions", "lane_head.exists.*", "lane_head.paint", "lane_head.visible",
)  # fmt: skip
"""Layers that give the outputs. They hold few weights, and 256 steps over all logits are coarser than the thresholds
that the answers are taken at; so they stay in float32 by default."""

STATIC_OPERATORS: tuple[str, ...] = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu")
"""What static quantisation acts on: layers with weights, and the ReLU behind them, which then costs nothing."""


@dataclass
class _Reader:
    """Hands the calibration pictures to ONNX Runtime, one at a time, within a range that it sets."""

    pictures: Float[ndarray, "n 3 height width"]
    place: int = 0
    end: int = 0

    def __len__(self) -> int:
        return len(self.pictures)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.place, self.end = start_index, end_index

    def get_next(self) -> dict[str, ndarray] | None:
        if self.place >= self.end:
            return None
        self.place += 1
        return {INPUT: self.pictures[self.place - 1 : self.place]}


def quantise_dynamic(network: ModelProto, keep: tuple[str, ...] = ()) -> ModelProto:
    """Matrices of linear layers in 8 bits, but for the layers whose names fit `keep`."""

    def work(before: Path, after: Path) -> None:
        quantization.quantize_dynamic(
            before,
            after,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=nodes_named(network, keep),
        )

    return _through_files(network, work)


def quantise_static(
    network: ModelProto,
    pictures: Float[ndarray, "n 3 height width"],
    ranges: Ranges = "minmax",
    keep: tuple[str, ...] = OUTPUT_LAYERS,
) -> ModelProto:
    """Layers with weights in 8 bits, activations by their `ranges` on `pictures`; layers that fit `keep` stay."""
    methods = quantization.CalibrationMethod

    def work(before: Path, after: Path) -> None:
        quantization.quantize_static(
            before,
            after,
            _Reader(pictures),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(STATIC_OPERATORS),
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=[*nodes_named(network, keep), *nodes_without_weights(network)],
            calibrate_method=methods.MinMax if ranges == "minmax" else methods.Entropy,
            # a picture at a time: otherwise all activations of all pictures lie in memory at once
            extra_options={"CalibStridedMinMax": 1},
        )

    return _through_files(network, work)


def _through_files(network: ModelProto, work: Callable[[Path, Path], None]) -> ModelProto:
    """`work` reads one file and writes another; what it prints is not for our users."""
    marked = onnx.ModelProto()
    marked.CopyFrom(network)
    add_pre_process_metadata(marked)  # the exporter did fold and fuse: no advice to do so
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        onnx.save(marked, before)
        work(before, after)
        return onnx.load(after)
