"""Tiny ONNX files whose answers are known by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy import ndarray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 13, 8
"""Old enough for every package that reads them."""

SIZE = 32
"""Width and height of the tiny networks' input [px]."""


def save(
    path: Path,
    nodes: Sequence[Any],
    weights: Mapping[str, ndarray],
    outputs: Mapping[str, Sequence[int]],
    shape: Sequence[int],
) -> Path:
    """A file with the input "image" of a shape and outputs of shapes."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(size)) for name, size in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def constants(path: Path, outputs: Mapping[str, ndarray], *, width: int = SIZE, height: int = SIZE) -> Path:
    """A network that always says the same: each output is a constant plus nothing times the picture's mean."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    weights = {"zero": np.zeros((), np.float32)}
    for name, value in outputs.items():
        weights[f"{name}_value"] = value.astype(np.float32)
        nodes.append(helper.make_node("Add", [f"{name}_value", "nothing"], [name]))
    return save(path, nodes, weights, {name: value.shape for name, value in outputs.items()}, (1, 3, height, width))


def dark_finder(path: Path, *, width: int, height: int, cell: int = 16, odd: bool = False) -> Path:
    """A detector of dark cells: a fixed box per cell, as sure of a car as the cell's red is dark (YOLOv5's layout).

    With `odd`, one node is of a kind that has no torch twin.
    """
    rows, columns = height // cell, width // cell
    count = rows * columns
    ys, xs = np.mgrid[:rows, :columns].reshape(2, -1)
    boxes = np.stack([(xs + 0.5) * cell, (ys + 0.5) * cell, np.full(count, 2.0 * cell), np.full(count, 1.5 * cell)], -1)
    kernel = np.zeros((1, 3, cell, cell), np.float32)
    kernel[0, 0] = -30.0 / cell**2
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["dark"], name="dark", strides=[cell, cell]),
        helper.make_node("Shrink" if odd else "Identity", ["dark"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["sure"]),
        helper.make_node("Reshape", ["sure", "shape"], ["column"]),
        helper.make_node("Concat", ["boxes", "column", "ones"], ["rows"], axis=2),
    ]
    weights = {
        "kernel": kernel,
        "bias": np.array([6.0], np.float32),
        "shape": np.array([1, count, 1], np.int64),
        "boxes": boxes[None].astype(np.float32),
        "ones": np.ones((1, count, 1), np.float32),
    }
    return save(path, nodes, weights, {"rows": (1, count, 6)}, (1, 3, height, width))


def bright_lines(path: Path, *, width: int, height: int) -> Path:
    """A segmentation of bright pixels: line where red is above 0.9, in two channels."""
    weights = {
        "kernel": np.array([[-20.0, 0, 0], [20.0, 0, 0]], np.float32).reshape(2, 3, 1, 1),
        "bias": np.array([18.0, -18.0], np.float32),
    }
    nodes = [helper.make_node("Conv", ["image", "kernel", "bias"], ["ll"], name="/head/Conv")]
    return save(path, nodes, weights, {"ll": (1, 2, height, width)}, (1, 3, height, width))


def describe(path: Path, body: str, *, width: int = SIZE, height: int = SIZE, more: str = "") -> Path:
    """A description of a picture input of a size, with further lines."""
    path.write_text(f"input: {{width: {width}, height: {height}, channels: RGB, range: 1{more}}}\n{body}\n")
    return path
