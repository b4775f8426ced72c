"""A model becomes an ONNX network: from pictures at its input size, in [0, 1], to its raw outputs.

Resizing pictures to the input size and decoding the outputs stay outside: they are no part of what is quantised or
compiled, and compilers want fixed sizes. The batch is free.
"""

from __future__ import annotations

import copy
import logging
import warnings

import torch
from jaxtyping import Float
from onnx import ModelProto
from torch import Tensor, nn

from perception.backbones import FullPrecisionConv
from perception.compress.imprint import INPUT, KEY, Imprint
from perception.model import LaneDetectionModel
from perception.vit import VisionTransformer

OPSET = 18
"""Version of ONNX's operators: the least that the exporter writes, so that older runtimes read the file too."""


class RawNetwork(nn.Module):
    """A model whose outputs are a plain tuple, in the order of `Outputs.tensors`."""

    def __init__(self, model: LaneDetectionModel) -> None:
        super().__init__()
        self.network = model

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, ...]:
        """Raw outputs for pictures at the input size."""
        return tuple(self.network(images).tensors().values())


def export(model: LaneDetectionModel) -> ModelProto:
    """The network in evaluation mode, in float32, batch norms folded into their convolutions."""
    network = RawNetwork(_frozen(model)).eval()
    example = torch.zeros(2, 3, *model.input_size)
    names = list(network.network(example).tensors())
    batch = torch.export.Dim("batch")
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on deprecated corners inside torch and onnxscript
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=names,
                dynamic_shapes=({0: batch},),
            )
    finally:
        quiet.setLevel(level)
    assert program is not None
    proto: ModelProto = program.model_proto
    return proto


def stamp(network: ModelProto, imprint: Imprint) -> bytes:
    """The file's bytes with the imprint among its metadata, and nothing else there: the same for the same network."""
    del network.metadata_props[:]
    entry = network.metadata_props.add()
    entry.key, entry.value = KEY, imprint.model_dump_json()
    data: bytes = network.SerializeToString(deterministic=True)
    return data


def _frozen(model: LaneDetectionModel) -> LaneDetectionModel:
    """A copy that computes the same at the input size and that the exporter can read.

    A transformer's positions are interpolated here once and for all; a convolution's guard against mixed precision,
    of which there is none, goes.
    """
    frozen = copy.deepcopy(model).cpu().eval().requires_grad_(False)
    for module in frozen.modules():
        if isinstance(module, VisionTransformer):
            module.fix_grid(*frozen.input_size)
        elif isinstance(module, FullPrecisionConv):
            module.__class__ = nn.Conv2d  # type: ignore[assignment]
    return frozen
