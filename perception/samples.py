"""Training pictures, and how each training step varies them.

A picture is decoded once and kept at the model's input size (`perception.streaming` has those that do not fit into
memory). What a step sees depends on the seed and the step's number alone, so a resumed training sees what an
undisturbed one would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol, runtime_checkable

import albumentations as A
import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy import ndarray
from numpy.random import Generator
from torch import Tensor
from torch.nn.functional import interpolate

from perception.attributes import MIRRORED
from perception.box import Box
from perception.config import ModelConfig
from perception.frame import Frame
from perception.lane import Lane
from perception.targets import Targets, collate, frame_target

LARGEST_ZOOM = 1.5
"""A training crop shows at least this fraction (inverted) of the picture's width and height."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture at the model's input size with its labels in those pixels.

    Attributes:
        image: RGB.
        boxes: objects; `visible` also counts what a crop has cut off, and `distance` is that of an object which looks
            as large without the crop's zoom.
        lanes: lines.
        hidden: per box, the share that other things hide, which no crop changes.
    """

    image: UInt8[ndarray, "height width 3"]
    boxes: tuple[Box, ...]
    lanes: tuple[Lane, ...]
    hidden: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures as RGB bytes, a quarter of what floats would weigh between processes, with their targets."""

    pixels: UInt8[Tensor, "batch 3 height width"]
    targets: Targets

    @property
    def images(self) -> Float[Tensor, "batch 3 height width"]:
        """The pictures as the model takes them, RGB in [0, 1]."""
        return self.pixels.float().div(255)

    def to(self, device: torch.device | str) -> Batch:
        """The same on another device."""
        return Batch(self.pixels.to(device), self.targets.to(device))


def to_sample(frame: Frame, config: ModelConfig) -> Sample:
    """A frame at the model's input size, shrunk as the model itself does it."""
    height, width = frame.image.shape[:2]
    pixels = shrunk(frame.image, config.input_width, config.input_height)
    scale = np.array([config.input_width / width, config.input_height / height])
    hidden = tuple(1 - box.visible for box in frame.boxes)
    return _moved(Sample(pixels, frame.boxes, frame.lanes, hidden), scale, np.zeros(2))


def shrunk(
    image: UInt8[ndarray, "height width 3"], width: int, height: int
) -> UInt8[ndarray, "new_height new_width 3"]:
    """A picture at another size, as the model itself brings it there."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    if image.shape[:2] != (height, width):
        pixels = interpolate(pixels, (height, width), mode="bilinear", align_corners=False, antialias=True)
    return np.asarray(pixels[0].round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy())


def make_batch(
    samples: Sequence[Sample],
    step: int,
    size: int,
    seed: int,
    config: ModelConfig,
    part: tuple[int, int] = (0, 1),
) -> Batch:
    """The varied pictures of one training step: `size` of them, each picture once per pass over the data.

    Of several processes that share a step, each takes its `part`: its number, and how many there are.
    """
    rank, world = part
    drawn = draw(samples, step, size, seed)[rank::world]
    return batch_of([_varied(samples[place], rng) for place, rng in drawn], config)


def batch_of(samples: Sequence[Sample], config: ModelConfig) -> Batch:
    """Samples as they are, as one batch."""
    height, width = config.input_height, config.input_width
    targets = [frame_target(one.boxes, one.lanes, width, height, config, one.hidden) for one in samples]
    pixels = torch.from_numpy(np.stack([sample.image for sample in samples]))
    return Batch(pixels.permute(0, 3, 1, 2), collate(targets))


def flip(sample: Sample) -> Sample:
    """Mirror left and right; the lines change sides, so their slots change sign and double lines their order."""
    image = np.ascontiguousarray(sample.image[:, ::-1])
    width = image.shape[1]
    boxes = tuple(
        replace(box, xyxy=(width - box.xyxy[2], box.xyxy[1], width - box.xyxy[0], box.xyxy[3]), amodal=None)
        for box in sample.boxes
    )
    lanes = tuple(
        replace(
            lane,
            pixels=lane.pixels * (-1, 1) + (width, 0),
            slot=-lane.slot,
            kind=MIRRORED.get(lane.kind, lane.kind),
        )
        for lane in sample.lanes
    )
    return Sample(image, boxes, lanes, sample.hidden)


def crop(sample: Sample, zoom: float, place: tuple[float, float]) -> Sample:
    """Cut out 1 / `zoom` of the picture at `place` (0 to 1 of the room, right and down), enlarged to the old size."""
    height, width = sample.image.shape[:2]
    origin = np.array(place) * np.array([width, height]) * (1 - 1 / zoom)
    matrix = np.array([[zoom, 0, -zoom * origin[0]], [0, zoom, -zoom * origin[1]]])
    matrix[:, 2] += (zoom - 1) / 2
    image = cv2.warpAffine(
        sample.image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    nearer = tuple(replace(box, distance=box.distance / zoom) for box in sample.boxes)
    return _moved(replace(sample, image=image, boxes=nearer), np.array([zoom, zoom]), -zoom * origin)


def _moved(sample: Sample, scale: Float[ndarray, "2"], shift: Float[ndarray, "2"]) -> Sample:
    """Labels moved to `scale` * pixel + `shift`; boxes are cut at the picture's border, which costs visibility."""
    height, width = sample.image.shape[:2]
    kept, hidden = [], []
    for box, share_hidden in zip(sample.boxes, sample.hidden, strict=True):
        whole = np.array(box.xyxy).reshape(2, 2) * scale + shift
        cut = np.clip(whole, 0, (width, height))
        share = float((cut[1] - cut[0]).prod() / (whole[1] - whole[0]).prod())
        if share > 0:
            (left, top), (right, bottom) = cut.tolist()
            visible = box.visible * min(share, 1.0)
            kept.append(replace(box, xyxy=(left, top, right, bottom), visible=visible, amodal=None, truncation=None))
            hidden.append(share_hidden)
    lanes = tuple(replace(lane, pixels=lane.pixels * scale + shift) for lane in sample.lanes)
    return Sample(sample.image, tuple(kept), lanes, tuple(hidden))


@runtime_checkable
class Ordered(Protocol):
    """Samples that want to be taken in an order of their own."""

    def order(self, rng: Generator) -> Int[ndarray, "n"]:
        """The order of one pass, drawn with `rng`."""


def draw(samples: Sized, step: int, size: int, seed: int) -> list[tuple[int, Generator]]:
    """Which samples a step takes, each with its own random numbers."""
    drawn = []
    positions = range(step * size, (step + 1) * size)
    orders = {turn: _order(samples, seed, turn) for turn in {position // len(samples) for position in positions}}
    for position in positions:
        turn, place = divmod(position, len(samples))
        order = orders[turn]
        drawn.append((int(order[place]), np.random.default_rng((seed, turn, place))))
    return drawn


def _order(samples: Sized, seed: int, turn: int) -> Int[ndarray, "n"]:
    """The order of pass `turn` over the samples."""
    rng = np.random.default_rng((seed, turn))
    return samples.order(rng) if isinstance(samples, Ordered) else rng.permutation(len(samples))


def view(sample: Sample, rng: Generator) -> Sample:
    """A sample mirrored and cropped by chance."""
    if rng.random() < 0.5:
        sample = flip(sample)
    if rng.random() < 0.7:
        sample = crop(sample, rng.uniform(1, LARGEST_ZOOM), (rng.random(), rng.random()))
    return sample


def _varied(sample: Sample, rng: Generator) -> Sample:
    """A random view of a sample: mirrored, cropped, with other light and noise."""
    sample = view(sample, rng)
    light = _light()
    light.set_random_seed(int(rng.integers(2**31)))
    return replace(sample, image=np.ascontiguousarray(light(image=sample.image)["image"]))


@cache
def _light() -> A.Compose:
    """Brightness, contrast, gamma, colour, blur and noise."""
    return A.Compose(
        [
            A.RandomBrightnessContrast(brightness_limit=0.25, contrast_limit=0.25, p=0.6),
            A.RandomGamma(gamma_limit=(70, 140), p=0.4),
            A.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=30, val_shift_limit=0, p=0.3),
            A.GaussianBlur(blur_limit=(3, 3), p=0.1),
            A.GaussNoise(std_range=(0.01, 0.04), p=0.3),
        ]
    )
