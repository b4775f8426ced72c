"""Detectors of torchvision's model list (trained on COCO, or with as many classes), their weights from disk."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perception.adapters.description import COCO
from perception.adapters.picture import as_images
from perception.adapters.spec import Spec
from perception.box import CLASSES
from perception.errors import WhiteoutError
from perception.fingerprint import weights_hash
from perception.prediction import Detection, Prediction

COCO_CATEGORIES: dict[int, str] = {1: "pedestrian", 2: "bicycle", 3: "car", 4: "motorcycle", 6: "bus", 8: "truck"}
"""Our classes by COCO's category ids, which torchvision's labels are (91 with its gaps)."""


class TorchvisionDetector:
    """A `Detector`; it gives finished boxes, so there is nothing before thresholds that a gradient could start from."""

    no_gradients = "torchvision's detectors give finished boxes only"
    classes = tuple(name for name in CLASSES if name in COCO.values())

    def __init__(self, network: nn.Module) -> None:
        """Take a detection network in evaluation mode."""
        self._network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def predict(self, images: object) -> list[Prediction]:
        """What it finds in pictures (batch x 3 x height x width, RGB in [0, 1], an array or a tensor)."""
        return [self._prediction(image) for image in as_images(images)]

    def weights_hash(self) -> str:
        """See `perception.fingerprint`."""
        return weights_hash(self._network.state_dict())

    def _prediction(self, image: Float[Tensor, "3 height width"]) -> Prediction:
        found = self._network([image])[0]
        rows = zip(found["labels"].tolist(), found["boxes"].tolist(), found["scores"].tolist(), strict=True)
        boxes = [
            Detection(COCO_CATEGORIES[label], (box[0], box[1], box[2], box[3]), score)
            for label, box, score in rows
            if label in COCO_CATEGORIES
        ]
        return Prediction(tuple(sorted(boxes, key=lambda box: -box.score)), (), self.classes, has_lanes=False)


def open_torchvision(spec: Spec) -> TorchvisionDetector:
    """The detector that a spec names.

    Raises:
        WhiteoutError: there is no such detector, its weights are not on this disk, or they are another network's.
    """
    from torchvision.models import detection, get_model, get_model_weights, list_models

    known = [name for name in list_models(module=detection) if "keypoint" not in name]
    if spec.subject not in known:
        raise WhiteoutError(f"torchvision:{spec.subject}: there is no such detector; write one of {', '.join(known)}")
    path = Path(spec.detail) if spec.detail else _cached(spec.subject, get_model_weights(spec.subject).DEFAULT.url)
    network: nn.Module = get_model(spec.subject, weights=None, weights_backbone=None)
    tensors, wanted = _tensors(path), network.state_dict()
    reasons = [f"weight {name} is missing or not known" for name in sorted(wanted.keys() ^ tensors.keys())]
    reasons += [
        f"weight {name} has another shape" for name in sorted(wanted.keys() & tensors.keys())
        if wanted[name].shape != tensors[name].shape
    ]  # fmt: skip
    if reasons:
        raise WhiteoutError(f"{path}: these are not the weights of {spec.subject} ({reasons[0]}); name its own")
    network.load_state_dict(tensors)
    return TorchvisionDetector(network)


def _cached(name: str, url: str) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not path.is_file():
        raise WhiteoutError(
            f"torchvision:{name}: its weights {path} are missing, and nothing is downloaded; get {url}, or name a file:"
            f" torchvision:{name},WEIGHTS"
        )
    return path


def _tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name from safetensors, or from a .pth that holds nothing but tensors: no code in it is run."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WhiteoutError(
            f"{path}: these are no plain weights ({str(error).splitlines()[0]}); name another file"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WhiteoutError(f"{path}: this holds more than tensors by name; save the network's state_dict() alone")
    return content
