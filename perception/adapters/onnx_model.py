"""A model from an ONNX file and its description: onnxruntime gives the answers, a converted torch network gradients."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from perception.adapters.description import Description, read_description
from perception.adapters.network import EvidenceNetwork, Reading
from perception.adapters.onnx_file import first_line, onnx_hash, open_session, read_onnx
from perception.adapters.picture import as_images, prepare
from perception.adapters.spec import Spec
from perception.errors import WhiteoutError
from perception.evidence import Evidence
from perception.fingerprint import weights_hash
from perception.prediction import Prediction

AGREEMENT = 1e-3
"""The converted network may differ from onnxruntime by this share of an output's largest value, or of 1."""

KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Input types that are taken."""


class OnnxModel:
    """A `Detector`, `LaneDetector` or both, and a `WhiteBox` if every operator could be converted.

    Attributes:
        description: the YAML's content.
        no_gradients: why there is no network; "" if there is one.
        no_layers: why no layer can be explained; "" if one can.
    """

    def __init__(self, path: Path, description: Description, *, described_in: Path) -> None:
        """Open a file and check that it does what its description says.

        Raises:
            WhiteoutError: the file and the field that do not fit, and what to do.
        """
        self.description = description
        self._reading = Reading(description, str(described_in))
        proto = read_onnx(path)
        self._session = open_session(path)
        self._file_hash = onnx_hash(path, proto)
        self._input, self._kind = self._checked_input(path)
        self._outputs = [output.name for output in self._session.get_outputs()]
        shown = torch.from_numpy(np.random.default_rng(0).random((1, 3, 96, 160), dtype=np.float32))
        wanted = self._run(prepare(shown, description.input))
        self._reading.decode(self._reading.evidence(wanted, (96, 160)))
        self._network, self.no_gradients = self._converted(proto, shown, wanted)
        self.no_layers = self._without_layers()

    @property
    def classes(self) -> tuple[str, ...]:
        """See `Detector`; empty for a model of lane lines alone."""
        return () if self.description.objects is None else self.description.objects.known

    @property
    def slots(self) -> tuple[int, ...] | None:
        """See `LaneDetector`: lines are ranked by their place, so it is empty; None for a model of objects alone."""
        return None if self.description.lanes is None else ()

    @property
    def network(self) -> EvidenceNetwork | None:
        """The converted network; None without gradients."""
        return self._network

    def predict(self, images: object) -> list[Prediction]:
        """What it finds in pictures (batch x 3 x height x width, RGB in [0, 1], an array or a tensor)."""
        return self._reading.decode(self.evidence(as_images(images)))

    @torch.no_grad()
    def evidence(self, images: Float[Tensor, "batch 3 height width"]) -> Evidence:
        """What onnxruntime says, before thresholds; not differentiable."""
        raws = [self._run(prepare(image[None], self.description.input)) for image in images]
        joined = {name: torch.cat([raw[name] for raw in raws]) for name in self._outputs}
        return self._reading.evidence(joined, (images.shape[2], images.shape[3]))

    def weights_hash(self) -> str:
        """SHA-256 over the file, its external data, the description, and the converted weights in memory."""
        digest = hashlib.sha256(f"{self._file_hash} {self.description.model_dump_json()}".encode())
        if self._network is not None:
            digest.update(weights_hash(self._network.state_dict()).encode())
        return digest.hexdigest()

    def _run(self, inputs: Tensor) -> dict[str, Tensor]:
        values = self._session.run(self._outputs, {self._input: inputs.numpy().astype(self._kind)})
        return {
            name: torch.from_numpy(np.asarray(value, np.float32))
            for name, value in zip(self._outputs, values, strict=True)
        }

    def _checked_input(self, path: Path) -> tuple[str, Any]:
        """Name and number type of the input, if it takes what the description says."""
        where, taken = self._reading.where, self.description.input
        inputs = {value.name: value for value in self._session.get_inputs()}
        name = taken.name or next(iter(inputs))
        if name not in inputs:
            raise WhiteoutError(
                f"{where}: input.name names {name!r}, which {path} lacks; write one of {', '.join(inputs)}"
            )
        if len(inputs) > 1:
            raise WhiteoutError(
                f"{path}: it takes {len(inputs)} inputs ({', '.join(inputs)}); export it with one picture"
            )
        value = inputs[name]
        if value.type not in KINDS:
            raise WhiteoutError(f"{path}: input {name!r} takes {value.type}; export it to take floats")
        wanted = {"NCHW": (1, 3, taken.height, taken.width), "NHWC": (1, taken.height, taken.width, 3)}[taken.layout]
        fields = {"NCHW": ("a batch", "layout", "height", "width"), "NHWC": ("a batch", "height", "width", "layout")}
        if len(value.shape) != 4:
            raise WhiteoutError(f"{path}: input {name!r} has the shape {value.shape}; a picture has four axes")
        for found, asked, field in zip(value.shape, wanted, fields[taken.layout], strict=True):
            if isinstance(found, int) and found > 0 and found != asked:
                raise WhiteoutError(
                    f"{where}: input.{field} does not fit {path}, whose input {name!r} has the shape {value.shape},"
                    f" not {list(wanted)}; correct it"
                )
        return name, KINDS[value.type]

    def _converted(self, proto: Any, shown: Tensor, wanted: dict[str, Tensor]) -> tuple[EvidenceNetwork | None, str]:
        """The torch network and "", or None and why not: an operator is unknown, or the outcome differs."""
        try:
            from onnx2torch import convert
        except ImportError:
            return None, "onnx2torch is not installed"
        layers = self._layers(proto)
        unknown = _without_twin(proto)
        if unknown:
            return None, f"onnx2torch has no twin for the operators {', '.join(unknown)}"
        try:
            # onnx2torch's Slice indexes with a list, which torch remarks on at every first use
            warnings.filterwarnings("ignore", "Using a non-tuple sequence", UserWarning, module="onnx2torch")
            body = convert(proto).eval().requires_grad_(False)
            found = body(prepare(shown, self.description.input))
        except Exception as error:  # noqa: BLE001 - whatever stops a stranger's graph from becoming torch
            return None, f"onnx2torch cannot convert it ({first_line(error)})"
        values = found if isinstance(found, list | tuple) else (found,)
        for name, value in zip(self._outputs, values, strict=True):
            off = float((value - wanted[name]).abs().max())
            if not off <= AGREEMENT * max(1.0, float(wanted[name].abs().max())):
                return None, f"the converted network differs from the file by {off:.2g} in output {name!r}"
        network = EvidenceNetwork(body, self._reading, self._outputs, layers).eval().requires_grad_(False)
        self._check_maps(network, shown)
        return network, ""

    def _check_maps(self, network: EvidenceNetwork, shown: Tensor) -> None:
        """Every layer that may be explained must give one feature map."""
        for name, layer in network.explainable_layers.items():
            shape = _shape_of(layer, network, shown)
            if len(shape) != 4:
                raise WhiteoutError(
                    f"{self._reading.where}: grad_cam.layers names {name!r}, which gives no feature map"
                    f" (1 x channels x height x width) but {shape}; name a convolution"
                )

    def _layers(self, proto: Any) -> dict[str, str]:
        """The converted modules behind the ONNX nodes that the description names."""
        from onnx2torch.onnx_graph import OnnxGraph

        if self.description.grad_cam is None:
            return {}
        modules = {node.name: name for name, node in OnnxGraph(proto.graph).nodes.items()}
        for layer in self.description.grad_cam.layers:
            if layer not in modules:
                known = [node.name for node in proto.graph.node if node.op_type == "Conv"][-3:]
                raise WhiteoutError(
                    f"{self._reading.where}: grad_cam.layers names {layer!r}, which is no node of the file; its last"
                    f" convolutions are {', '.join(known)}"
                )
        return {layer: modules[layer] for layer in self.description.grad_cam.layers}

    def _without_layers(self) -> str:
        """Why no layer can be explained."""
        if self.description.grad_cam is None:
            return "its description names no layers (grad_cam.layers)"
        return self.no_gradients


def _without_twin(proto: Any) -> list[str]:
    """The operators of a graph that onnx2torch has no torch module for."""
    from onnx2torch.node_converters import get_converter

    versions = {entry.domain: entry.version for entry in proto.opset_import}
    missing = set()
    for node in proto.graph.node:
        try:
            get_converter(domain=node.domain, operation_type=node.op_type, version=versions[node.domain])
        except NotImplementedError:
            missing.add(node.op_type)
    return sorted(missing)


def _shape_of(layer: nn.Module, network: nn.Module, shown: Tensor) -> list[int]:
    """The shape of what a layer of a network gives for a picture; empty if it gives no tensor."""
    found: list[int] = []

    def note(_: nn.Module, __: object, output: object) -> None:
        found.extend(getattr(output, "shape", ()))

    handle = layer.register_forward_hook(note)
    network(shown)
    handle.remove()
    return found


def open_onnx(spec: Spec) -> OnnxModel:
    """The model that a spec names."""
    return OnnxModel(Path(spec.subject), read_description(spec.description), described_in=spec.description)
