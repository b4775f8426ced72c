"""The layers with weights in an ONNX network, and which of them were quantised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import prod

from onnx import ModelProto, NodeProto

KINDS: dict[str, str] = {
    "Conv": "convolution",
    "ConvTranspose": "convolution, transposed",
    "Gemm": "linear",
    "MatMul": "linear",
}
"""What operators with weights are to a reader."""

QUANTISED = "_quantized"
"""What ONNX Runtime appends to the name of a weight that it quantises."""

SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter notes the modules around a node, outermost first, the operation last."""


@dataclass(frozen=True)
class Layer:
    """One layer with weights.

    Attributes:
        name: its module's name in the model.
        kind: see `KINDS`.
        weights: how many numbers its kernel or matrix has.
        quantised: whether they are whole numbers of 8 bits.
    """

    name: str
    kind: str
    weights: int
    quantised: bool


def layers(original: ModelProto, quantised: ModelProto) -> list[Layer]:
    """Every layer with weights of `original`, in the order in which they run, and what `quantised` made of it."""
    after = {tensor.name for tensor in quantised.graph.initializer}
    sizes = {tensor.name: prod(tensor.dims) for tensor in original.graph.initializer}
    found = {}
    for node in nodes_with_weights(original):
        weight = node.input[1]
        found[weight] = Layer(layer_name(node), KINDS[node.op_type], sizes[weight], weight + QUANTISED in after)
    return list(found.values())


def nodes_named(network: ModelProto, patterns: tuple[str, ...]) -> list[str]:
    """Names of the nodes whose layer's name fits one of the patterns (`fnmatch`)."""
    return [
        node.name
        for node in nodes_with_weights(network)
        if any(fnmatchcase(layer_name(node), pattern) for pattern in patterns)
    ]


def nodes_without_weights(network: ModelProto) -> list[str]:
    """Names of the products of two activations, as in attention."""
    weighted = {node.name for node in nodes_with_weights(network)}
    return [node.name for node in network.graph.node if node.op_type in KINDS and node.name not in weighted]


def nodes_with_weights(network: ModelProto) -> Iterator[NodeProto]:
    """The nodes that multiply by a constant kernel or matrix."""
    constants = {tensor.name for tensor in network.graph.initializer}
    for node in network.graph.node:
        if node.op_type in KINDS and node.input[1] in constants:
            yield node


def layer_name(node: NodeProto) -> str:
    """The module that a node with weights belongs to, as `LaneDetectionModel.named_modules` calls it."""
    noted = {entry.key: entry.value for entry in node.metadata_props}
    weight, _, kind = node.input[1].rpartition(".")
    name: str = weight if kind == "weight" else ast.literal_eval(noted[SCOPES])[-2]
    return name.removeprefix("network.")
