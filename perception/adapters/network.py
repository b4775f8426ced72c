"""A foreign network with the steps before and after it: pictures in, `Evidence` out, differentiable from end to end."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perception.adapters.boxes import box_evidence, decode_boxes, read_objects
from perception.adapters.description import Description
from perception.adapters.lines import decode_lines, line_evidence, read_lanes
from perception.adapters.picture import on_picture, placement, prepare
from perception.errors import WhiteoutError
from perception.evidence import Evidence
from perception.prediction import Detection, Prediction


class Reading:
    """How a description reads raw outputs; shared by the runtime that answers and the network that gives gradients.

    Attributes:
        description: the YAML's content.
        where: the file that errors name.
    """

    def __init__(self, description: Description, where: str) -> None:
        self.description = description
        self.where = where

    def evidence(self, raw: Mapping[str, Tensor], picture_size: tuple[int, int]) -> Evidence:
        """The evidence in raw outputs, by name, about pictures of a size [px].

        Raises:
            WhiteoutError: an output is missing or has the wrong shape.
        """
        objects, lanes = self.description.objects, self.description.lanes
        place = placement(*picture_size, self.description.input)
        return Evidence(
            None if objects is None else read_objects(self._output(raw, objects.output, "objects"), objects, place,
                                                      f"{self.where}: objects"),
            None if lanes is None else read_lanes(self._output(raw, lanes.output, "lanes"), lanes, place,
                                                  f"{self.where}: lanes"),
            picture_size,
        )  # fmt: skip

    def decode(self, evidence: Evidence) -> list[Prediction]:
        """Objects after non-maximum suppression, and lines, of each picture."""
        return [self._prediction(evidence, index) for index in range(_batch(evidence))]

    def _prediction(self, evidence: Evidence, index: int) -> Prediction:
        objects, size = self.description.objects, evidence.picture_size
        boxes: tuple[Detection, ...] = ()
        if objects is not None and evidence.objects is not None:
            boxes = decode_boxes(evidence.objects, index, size, objects.score, objects.nms_iou)
        lanes = () if evidence.lanes is None else decode_lines(evidence.lanes, index, size)
        return Prediction(boxes, lanes, () if objects is None else objects.known, evidence.lanes is not None)

    def _output(self, raw: Mapping[str, Tensor], name: str | None, part: str) -> Tensor:
        if name is None and len(raw) == 1:
            return next(iter(raw.values()))
        if name is None or name not in raw:
            wrong = "is missing" if name is None else f"names {name!r}, which the model lacks"
            raise WhiteoutError(f"{self.where}: {part}.output {wrong}; write one of {', '.join(raw)}")
        return raw[name]


class EvidenceNetwork(nn.Module):
    """A torch module that was made from a foreign network; see `perception.protocols.Network`.

    Attributes:
        body: from what `prepare` gives to raw outputs, one picture at a time.
    """

    def __init__(self, body: nn.Module, reading: Reading, outputs: Sequence[str], layers: Mapping[str, str]) -> None:
        """Join a body with its reading.

        Args:
            body: the network.
            reading: what goes before and comes after it.
            outputs: names of the body's outputs, in its order.
            layers: the body's modules that may be explained, by the names that users know them by.
        """
        super().__init__()
        self.body = body
        self._reading = reading
        self._outputs = tuple(outputs)
        self._layers = dict(layers)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Evidence:
        """The evidence in pictures; one by one, as exported networks often hold a batch of one."""
        taken = self._reading.description.input
        answers = [self.body(prepare(image[None], taken)) for image in images]
        raws = [answer if isinstance(answer, list | tuple) else (answer,) for answer in answers]
        joined = {name: torch.cat([raw[k] for raw in raws]) for k, name in enumerate(self._outputs)}
        return self._reading.evidence(joined, (images.shape[2], images.shape[3]))

    @property
    def explainable_layers(self) -> Mapping[str, nn.Module]:
        """The layers that the description names, the default first."""
        modules = dict(self.body.named_modules())
        return {name: modules[inner] for name, inner in self._layers.items()}

    def box_score(self, outputs: Evidence, image_index: int, detection: Detection) -> Float[Tensor, ""]:
        """The log-confidence behind one detection."""
        assert outputs.objects is not None
        return box_evidence(outputs.objects, image_index, detection)

    def lane_score(self, outputs: Evidence, slot: int) -> Float[Tensor, "batch"]:
        """The mean log-odds along the line in `slot`, per picture."""
        assert outputs.lanes is not None
        return line_evidence(outputs.lanes, outputs.picture_size, slot)

    def to_picture(self, evidence: Float[Tensor, "1 1 rows columns"], height: int, width: int) -> Float[Tensor, "_ _"]:
        """A map over a layer's cells, which cover the whole input, as a map over the picture."""
        return on_picture(evidence, placement(height, width, self._reading.description.input))

    def randomised(self, seed: int = 0) -> nn.Module:
        """The same network, the values of each weight tensor in random order: their distribution stays."""
        generator = torch.Generator().manual_seed(seed)
        other = copy.deepcopy(self)
        with torch.no_grad():
            for value in other.body.parameters():
                order = torch.randperm(value.numel(), generator=generator)
                value.copy_(value.flatten()[order].view_as(value))
        return other


def _batch(evidence: Evidence) -> int:
    if evidence.objects is not None:
        return len(evidence.objects.boxes)
    return 0 if evidence.lanes is None else len(evidence.lanes.log_odds)
