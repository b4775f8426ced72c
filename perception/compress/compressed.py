"""A compressed file that answers like the model it was made from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from perception.adapters.onnx_file import external_files
from perception.compress.imprint import Imprint, read_imprint
from perception.compress.optional import need
from perception.compress.runtimes import OnnxSession, OpenVino, Runtime
from perception.config import ModelConfig
from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel, decode, to_size
from perception.outputs import Outputs, location_points
from perception.prediction import Prediction
from perception.protocols import Images
from perception.weights import load_model

SUFFIXES: tuple[str, ...] = (".onnx", ".xml")
"""Endings of compressed files."""


class CompressedModel:
    """Predicts like a `LaneDetectionModel`; there are no gradients.

    It is a `Detector` and a `LaneDetector` (`perception.protocols`).

    Attributes:
        imprint: what the file says about itself.
        config: the model's shape.
    """

    no_gradients = "compressed files have no gradients"

    def __init__(self, runtime: Runtime, digest: str, where: str) -> None:
        self.imprint: Imprint = read_imprint(runtime.imprint, where)
        self.config = ModelConfig.from_dict(self.imprint.config, where)
        self._runtime = runtime
        self._digest = digest
        self._points = location_points(self.config)

    def __call__(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """Raw outputs for RGB pictures in [0, 1] of any size."""
        height, width = images.shape[2:]
        shrunk = to_size(images.detach(), self.input_size).cpu().float().contiguous()
        found = {name: torch.from_numpy(values) for name, values in self._runtime.run(shrunk.numpy()).items()}
        return Outputs.from_tensors(found, self._points, (height, width))

    @torch.no_grad()
    def predict(self, images: Images) -> list[Prediction]:
        """Objects and lines of each picture, in the pixels of the pictures given."""
        return decode(self(torch.as_tensor(images)), self.config)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width to which pictures are resized [px]."""
        return self.config.input_height, self.config.input_width

    @property
    def classes(self) -> tuple[str, ...]:
        """The object classes that it knows."""
        return self.imprint.classes

    @property
    def slots(self) -> tuple[int, ...]:
        """The lane slots that it tells apart."""
        return self.imprint.slots

    def weights_hash(self) -> str:
        """SHA-256 of the file; `imprint.weights_hash` is that of the model it was made from."""
        return self._digest


def load_ours(name: str | Path, provider: str = "cpu") -> LaneDetectionModel | CompressedModel:
    """A compressed model by its file's ending, otherwise weights (or "reference"); `provider` is for ONNX files."""
    return load_compressed(name, provider) if Path(name).suffix.lower() in SUFFIXES else load_model(name)


def load_compressed(path: str | Path, provider: str = "cpu") -> CompressedModel:
    """A model from a file that `whiteout compress` wrote.

    Raises:
        WhiteoutError: no such file, none of ours, a broken one, one with weights in another file (which its hash would
            not see), or a provider that is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise WhiteoutError(f"{path}: there is no such file; name one that `whiteout compress` wrote.")
    if path.suffix.lower() == ".xml":
        return CompressedModel(OpenVino(path), file_hash(path), str(path))
    runtime = OnnxSession(str(path), provider, str(path))
    if external_files(path, need("onnx", "compress").load(str(path), load_external_data=False)):
        raise WhiteoutError(
            f"{path}: its weights lie in another file, as `whiteout compress` never writes; make it anew."
        )
    return CompressedModel(runtime, file_hash(path), str(path))


def files_of(path: Path) -> list[Path]:
    """The file itself and, of OpenVINO's two, the weights beside it."""
    return [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]


def file_hash(path: Path) -> str:
    """SHA-256 over the bytes of a compressed model's files."""
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(file.read_bytes())
    return digest.hexdigest()
