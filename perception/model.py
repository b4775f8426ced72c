"""The network: pictures in, objects and lane lines out.

    picture -> resize, normalise -> backbone (strides 8, 16, 32) -> feature pyramid -> object head (all levels)
                                                                                    -> lane head (stride 8)

Pictures are RGB, batch x 3 x height x width, float in [0, 1], of any size; everything is differentiable from their
pixels to the losses, which are per picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.ops import FeaturePyramidNetwork

from perception.attribute_losses import lane_attribute_losses, object_attribute_losses
from perception.backbones import make_backbone
from perception.box import CLASSES
from perception.config import SLOTS, ModelConfig
from perception.detection import assign_all, decode_objects, object_evidence, object_losses
from perception.fingerprint import weights_hash
from perception.frame import Frame
from perception.heads import LaneHead, ObjectHead
from perception.lanes import decode_lanes, lane_evidence, lane_losses
from perception.outputs import Outputs, location_points, location_strides
from perception.prediction import Detection, Prediction
from perception.protocols import Images
from perception.targets import Targets, targets_from_frames

__all__ = ["LaneDetectionModel", "ModelConfig", "Outputs", "Targets", "images_from_frames", "targets_from_frames"]

LOSSES: tuple[str, ...] = ("objects", "boxes", "lanes_exist", "lanes_position")
"""Keys of `LaneDetectionModel.loss`, before those of the heads that a configuration may add."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Normalisation of RGB, ImageNet's, so that public backbone weights would fit."""


class LaneDetectionModel(nn.Module):
    """Objects and lane lines from one picture.

    Attributes:
        config: the model's shape.
    """

    mean: Tensor
    std: Tensor
    points: Tensor
    strides: Tensor

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.backbone = make_backbone(self.config.backbone)
        self.pyramid = FeaturePyramidNetwork(list(self.backbone.channels), self.config.pyramid_channels)
        self.object_head = ObjectHead(self.config)
        self.lane_head = LaneHead(self.config)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("points", location_points(self.config), persistent=False)
        self.register_buffer("strides", torch.tensor(location_strides(self.config)).float(), persistent=False)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Outputs:
        """Raw outputs for RGB pictures in [0, 1] of any size."""
        height, width = images.shape[2:]
        return self.answer(self.features(images), (height, width))

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Mapping[str, Tensor]:
        """The pyramid's maps by stride ("8", "16", "32")."""
        images = to_size(images, self.input_size)
        maps: Mapping[str, Tensor] = self.pyramid(self.backbone((images - self.mean) / self.std))
        return maps

    def answer(self, features: Mapping[str, Tensor], picture: tuple[int, int]) -> Outputs:
        """What the heads say about the pyramid's maps of pictures of that height and width."""
        logits, sides, centerness, told = self.object_head(features)
        lane_logits, lane_exists, lane_told = self.lane_head(features["8"])
        return Outputs(logits, sides, centerness, lane_logits, lane_exists, self.points, picture, told, lane_told)

    def loss(self, outputs: Outputs, targets: Targets) -> dict[str, Float[Tensor, "batch"]]:
        """Losses per picture by the names in `losses`, not weighted."""
        assigned = assign_all(outputs, targets, self.strides)
        found = [*object_losses(outputs, targets, assigned), *lane_losses(outputs, targets)]
        if outputs.object_attributes is not None:
            found.append(object_attribute_losses(outputs.object_attributes, targets, assigned))
        if outputs.lane_attributes is not None:
            found.append(lane_attribute_losses(outputs.lane_attributes, targets))
        return dict(zip(self.losses, found, strict=True))

    @property
    def losses(self) -> tuple[str, ...]:
        """Keys of `loss`."""
        names = ("object_attributes", "lane_attributes")
        return LOSSES + tuple(name for name in names if getattr(self.config, name))

    @torch.no_grad()
    def predict(self, images: Images) -> list[Prediction]:
        """Objects and lines of each picture, in the pixels of the pictures given; the model's mode is left as it is."""
        return self.decode(self(torch.as_tensor(images).to(self.mean.device)))

    @torch.no_grad()
    def decode(self, outputs: Outputs) -> list[Prediction]:
        """Objects (after non-maximum suppression) and lines from raw outputs."""
        return decode(outputs, self.config)

    def box_score(self, outputs: Outputs, image_index: int, detection: Detection) -> Float[Tensor, ""]:
        """The class logit behind one detection: what Grad-CAM explains."""
        return object_evidence(outputs, image_index, detection, self.input_size)

    def lane_score(self, outputs: Outputs, slot: int) -> Float[Tensor, "batch"]:
        """The evidence for the line in `slot` (see `Lane.slot`), per picture: what Grad-CAM explains."""
        return lane_evidence(outputs, slot)

    @property
    def classes(self) -> tuple[str, ...]:
        """The object classes that it knows: all."""
        return CLASSES

    @property
    def slots(self) -> tuple[int, ...]:
        """The lane slots that it tells apart."""
        return SLOTS

    @property
    def network(self) -> LaneDetectionModel:
        """What gives gradients: the model itself."""
        return self

    def randomised(self, seed: int = 0) -> LaneDetectionModel:
        """The same network with freshly drawn weights (Adebayo et al. 2018, arXiv 1810.03292)."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return LaneDetectionModel(self.config).eval().requires_grad_(False)

    def to_picture(self, evidence: Float[Tensor, "1 1 rows columns"], height: int, width: int) -> Float[Tensor, "_ _"]:
        """A map over a layer's cells, enlarged bilinearly to the picture of `height` x `width` [px]."""
        return interpolate(evidence, (height, width), mode="bilinear", align_corners=False)[0, 0]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width to which pictures are resized [px]."""
        return self.config.input_height, self.config.input_width

    @property
    def explainable_layers(self) -> dict[str, nn.Module]:
        """Layers for Grad-CAM by name, the default first; each runs once per forward pass and gives one feature map.

        The pyramid's stride-8 level feeds the lanes and the small objects; larger objects come from the stages.
        """
        stages = self.backbone.stages
        return {
            "pyramid_8": self.pyramid.layer_blocks[0],
            "lanes": self.lane_head.features,
            "stage_8": stages[0],
            "stage_16": stages[1],
            "stage_32": stages[2],
        }

    def weights_hash(self) -> str:
        """SHA-256 over the names, shapes and bytes of all weights and statistics, as they are in memory."""
        return weights_hash(self.state_dict())


def images_from_frames(frames: Sequence[Frame]) -> Float[Tensor, "batch 3 height width"]:
    """Pictures of frames of one size as the model takes them."""
    stack = torch.stack([torch.from_numpy(frame.image) for frame in frames])
    return stack.permute(0, 3, 1, 2).float().div(255)


def to_size(images: Float[Tensor, "batch 3 _ _"], size: tuple[int, int]) -> Float[Tensor, "batch 3 _ _"]:
    """Pictures at the model's height and width [px]."""
    if images.shape[2:] == size:
        return images
    return interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


def decode(outputs: Outputs, config: ModelConfig) -> list[Prediction]:
    """Objects (after non-maximum suppression) and lines of each picture, from the raw outputs of such a model."""
    size = (config.input_height, config.input_width)
    return [
        Prediction(
            decode_objects(outputs, index, config.score_threshold, size, config.score_temperature),
            decode_lanes(outputs, index, config.lane_threshold, size),
        )
        for index in range(len(outputs))
    ]
