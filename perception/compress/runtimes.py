"""What runs a compressed network: ONNX Runtime with one of its execution providers, or OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from numpy import ndarray

from perception.compress.imprint import INPUT, KEY
from perception.compress.optional import need
from perception.errors import WhiteoutError

PROVIDERS: Mapping[str, tuple[str, str]] = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu, beside an NVIDIA GPU and TensorRT"),
}
"""ONNX Runtime's name of each provider, and the package that has it."""

LARGEST_BATCH = 16
"""Pictures that a TensorRT engine takes at once."""


@runtime_checkable
class Runtime(Protocol):
    """A network that is ready to run."""

    imprint: str | None

    def run(self, images: Float[ndarray, "batch 3 height width"]) -> dict[str, ndarray]:
        """The outputs by name (see `Outputs.tensors`), for pictures at the input size."""
        ...


class OnnxSession:
    """A network in ONNX Runtime.

    Attributes:
        imprint: the imprint's text in the file's metadata, if there is one.
    """

    def __init__(
        self, network: str | bytes, provider: str, where: str, options: Mapping[str, str] | None = None
    ) -> None:
        onnxruntime = need("onnxruntime", "compress")
        name = provider_name(provider)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = torch.get_num_threads()
        settings.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(network, settings, providers=[(name, dict(options or {}))])
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            reason = str(error).splitlines()[0]
            raise WhiteoutError(f"{where}: ONNX Runtime cannot run this file ({reason}); make it anew.") from error
        if self.session.get_providers()[0] != name:
            raise WhiteoutError(
                f"provider '{provider}' is installed but does not start here; see that its libraries and device do."
            )
        self.imprint: str | None = self.session.get_modelmeta().custom_metadata_map.get(KEY)

    def run(self, images: Float[ndarray, "batch 3 height width"]) -> dict[str, ndarray]:
        """The outputs by name."""
        names = [output.name for output in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, {INPUT: images}), strict=True))


class OpenVino:
    """A network in OpenVINO on the processor, in float32 even where the processor has bfloat16 instructions.

    Attributes:
        imprint: as in `OnnxSession`.
    """

    def __init__(self, path: Path) -> None:
        openvino = need("openvino", "openvino")
        core = openvino.Core()
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        try:
            model = core.read_model(path)
            self.compiled: Any = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise WhiteoutError(f"{path}: OpenVINO cannot run this file ({reason}); make it anew.") from error
        self.imprint: str | None = model.get_rt_info(KEY).astype(str) if model.has_rt_info(KEY) else None

    def run(self, images: Float[ndarray, "batch 3 height width"]) -> dict[str, ndarray]:
        """The outputs by name."""
        found = self.compiled({INPUT: images})
        return {output.get_any_name(): values for output, values in found.items()}


def provider_name(provider: str) -> str:
    """ONNX Runtime's name of an execution provider; an unknown or missing one is a `WhiteoutError`."""
    if provider not in PROVIDERS:
        raise WhiteoutError(f"provider '{provider}' is not known; use one of {', '.join(PROVIDERS)}.")
    name, package = PROVIDERS[provider]
    present = need("onnxruntime", "compress").get_available_providers()
    if name not in present:
        there = ", ".join(ours for ours, (theirs, _) in PROVIDERS.items() if theirs in present)
        raise WhiteoutError(
            f"provider '{provider}' is not in the ONNX Runtime that is installed (it has {there}); it is in {package}."
        )
    return name


def write_openvino(network: Path, imprint: str, out: Path) -> None:
    """An ONNX file as OpenVINO's two files `out`.xml and .bin, weights in float32, the imprint inside the first."""
    openvino = need("openvino", "openvino")
    model = openvino.Core().read_model(network)
    model.set_rt_info(imprint, KEY)
    openvino.save_model(model, out, compress_to_fp16=False)


def write_tensorrt(network: Path, size: tuple[int, int], out: Path) -> None:
    """An ONNX file whose one node is TensorRT's engine for this GPU, compiled for 1 to `LARGEST_BATCH` pictures.

    ONNX Runtime's documentation, "EP context design": the provider writes the file when it compiles.
    """
    shapes = {"min": 1, "opt": 1, "max": LARGEST_BATCH}
    profile = {f"trt_profile_{name}_shapes": f"{INPUT}:{batch}x3x{size[0]}x{size[1]}" for name, batch in shapes.items()}
    dump = {"trt_dump_ep_context_model": "1", "trt_ep_context_file_path": str(out), "trt_ep_context_embed_mode": "1"}
    OnnxSession(str(network), "tensorrt", str(network), {**profile, **dump})
    if not out.is_file():
        raise WhiteoutError("TensorRT compiled the network but gave no engine to keep; use ONNX Runtime 1.17 or newer.")
