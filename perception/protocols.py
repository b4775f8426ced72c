"""What a model must offer to be tested; none of it needs a base class of ours.

`Detector` or `LaneDetector` (or both) is enough to be scored. A model with a `network` that gives an `Evidence` (or our
own `Outputs`) besides can be attacked by gradients, and explained if the network names its layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from perception.prediction import Detection, Prediction

Images = Float[Tensor, "batch 3 height width"] | Float[ndarray, "batch 3 height width"]
"""Pictures of one size: RGB in [0, 1], sRGB-encoded as in a picture file."""


@runtime_checkable
class Predictor(Protocol):
    """Whatever answers about pictures."""

    def predict(self, images: Images, /) -> Sequence[Prediction]:
        """What it finds in each picture, in that picture's pixels. The same pictures give the same answer."""
        ...


@runtime_checkable
class Detector(Predictor, Protocol):
    """Finds objects."""

    @property
    def classes(self) -> Sequence[str]:
        """The classes that it knows, of `perception.box.CLASSES`."""
        ...


@runtime_checkable
class LaneDetector(Predictor, Protocol):
    """Finds painted lane lines."""

    @property
    def slots(self) -> Sequence[int]:
        """The lane slots that it tells apart (see `Lane.slot`); empty if its lines have no rank."""
        ...


@runtime_checkable
class Network(Protocol):
    """A `torch.nn.Module` from pictures to raw outputs, differentiable; what white-box instruments work on."""

    training: bool

    def __call__(self, images: Float[Tensor, "batch 3 height width"], /) -> Any:
        """Raw outputs: an `Evidence`, or our own `Outputs`."""
        ...

    def box_score(self, outputs: Any, image_index: int, detection: Detection) -> Float[Tensor, ""]:
        """The evidence for one detection."""
        ...

    def lane_score(self, outputs: Any, slot: int) -> Float[Tensor, "batch"]:
        """The evidence for the line in a slot, per picture."""
        ...

    @property
    def explainable_layers(self) -> Mapping[str, nn.Module]:
        """The layers that Grad-CAM may use, if any, the default first; each runs once and gives one feature map."""
        ...

    def randomised(self, seed: int = 0) -> nn.Module:
        """The same network with weights that know nothing (Adebayo et al. 2018)."""
        ...

    def to_picture(self, evidence: Float[Tensor, "1 1 rows columns"], height: int, width: int) -> Float[Tensor, "_ _"]:
        """A map over a layer's cells, enlarged to the picture of `height` x `width` [px]."""
        ...


@runtime_checkable
class WhiteBox(Predictor, Protocol):
    """A model with gradients: its answers count, its network shows the way."""

    @property
    def network(self) -> Any:
        """A `Network`."""
        ...

    def weights_hash(self) -> str:
        """A hash that changes with any weight."""
        ...
