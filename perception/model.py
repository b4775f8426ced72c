"""The network: pictures in, objects and lane lines out.

    picture -> resize, normalise -> backbone (strides 8, 16, 32) -> feature pyramid -> object head (all levels)
                                                                                    -> lane head (stride 8)

Pictures are RGB, batch x 3 x height x width, float in [0, 1], of any size; everything is differentiable from their
pixels to the losses, which are per picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.ops import FeaturePyramidNetwork

from perception.backbones import make_backbone
from perception.box import CLASSES
from perception.config import SLOTS, ModelConfig
from perception.detection import decode_objects, object_evidence, object_losses
from perception.frame import Frame
from perception.heads import LaneHead, ObjectHead
from perception.lanes import decode_lanes, lane_evidence, lane_losses
from perception.outputs import Outputs, location_points, location_strides
from perception.prediction import Detection, Prediction
from perception.protocols import Images
from perception.targets import Targets, targets_from_frames

__all__ = ["LaneDetectionModel", "ModelConfig", "Outputs", "Targets", "images_from_frames", "targets_from_frames"]

LOSSES: tuple[str, ...] = ("objects", "boxes", "lanes_exist", "lanes_position")
"""Keys of `LaneDetectionModel.loss`."""

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
        size = self.input_size
        if (height, width) != size:
            images = interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        features = self.pyramid(self.backbone((images - self.mean) / self.std))
        logits, sides, centerness = self.object_head(features)
        lane_logits, lane_exists = self.lane_head(features["8"])
        return Outputs(logits, sides, centerness, lane_logits, lane_exists, self.points, (height, width))

    def loss(self, outputs: Outputs, targets: Targets) -> dict[str, Float[Tensor, "batch"]]:
        """Losses per picture by the names in `LOSSES`, not weighted."""
        objects, boxes = object_losses(outputs, targets, self.strides)
        lanes_exist, lanes_position = lane_losses(outputs, targets)
        return {"objects": objects, "boxes": boxes, "lanes_exist": lanes_exist, "lanes_position": lanes_position}

    @torch.no_grad()
    def predict(self, images: Images) -> list[Prediction]:
        """Objects and lines of each picture, in the pixels of the pictures given; the model's mode is left as it is."""
        return self.decode(self(torch.as_tensor(images)))

    @torch.no_grad()
    def decode(self, outputs: Outputs) -> list[Prediction]:
        """Objects (after non-maximum suppression) and lines from raw outputs."""
        config, size = self.config, self.input_size
        return [
            Prediction(
                decode_objects(outputs, index, config.score_threshold, size),
                decode_lanes(outputs, index, config.lane_threshold, size),
            )
            for index in range(len(outputs))
        ]

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
        digest = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def images_from_frames(frames: Sequence[Frame]) -> Float[Tensor, "batch 3 height width"]:
    """Pictures of frames of one size as the model takes them."""
    stack = torch.stack([torch.from_numpy(frame.image) for frame in frames])
    return stack.permute(0, 3, 1, 2).float().div(255)
