"""A tiny drawn world: a grey road with two white lines and one dark car, with glare and without; labels are exact."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from perception.box import Box
from perception.camera import Camera
from perception.config import ModelConfig
from perception.drive import Drive, DriveWriter
from perception.frame import Frame
from perception.lane import Lane
from perception.model import LaneDetectionModel, images_from_frames, targets_from_frames
from perception.targets import collate

WIDTH, HEIGHT = 160, 96

POSE = np.array([[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 1.5], [0.0, 0.0, 0.0, 1.0]])
"""Looking along world x from 1.5 m above the road."""

CAMERA = Camera.from_fov(WIDTH, HEIGHT, 75.0, POSE)

CONFIG = ModelConfig(backbone="resnet18", input_width=160, input_height=96, pyramid_channels=32, tower_convs=1)


def line(y: float, slot: int) -> Lane:
    """A straight solid line `y` metres to the left of the camera, from 4 m to 40 m ahead."""
    metres = np.column_stack([np.linspace(4, 40, 37), np.full(37, y), np.zeros(37)])
    pixels, _ = CAMERA.project(metres)
    inside = (pixels[:, 0] >= 0) & (pixels[:, 0] <= WIDTH) & (pixels[:, 1] <= HEIGHT)
    return Lane(pixels[inside], metres[inside], np.ones(int(inside.sum()), dtype=bool), slot=slot)


def frame(number: int, seed: int = 0, *, glare: float = 0.0, snow: bool = False, shift: float | None = None) -> Frame:
    """Frame `number` of run `seed`; `glare` veils a patch of the road by so much."""
    chance = np.random.default_rng([seed, number])
    shift = float(chance.uniform(-0.5, 0.5)) if shift is None else shift
    lanes = (line(1.75 + shift, -1), line(-1.75 + shift, 1))
    image = np.full((HEIGHT, WIDTH, 3), (150, 170, 200), dtype=np.uint8)
    image[HEIGHT // 2 :] = (200, 200, 205) if snow else (70, 70, 70)
    for lane in lanes:
        cv2.polylines(
            image, [np.round(lane.pixels).astype(np.int32)], isClosed=False, color=(255, 255, 255), thickness=2
        )
    left = int(chance.integers(50, 80))
    car = (float(left), 40.0, float(left + 28), 60.0)
    image[40:60, left : left + 28] = (20, 20, 90)
    image = np.clip(image + chance.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    region = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    region[60:90, 90:150] = 255 if glare else 0
    masks = {"glare": region, "no_glare": image}
    lit = np.clip(image + glare * 255 * (region[..., None] > 0), 0, 255).astype(np.uint8)
    return Frame(
        f"{number:06d}", lit, CAMERA, (Box("car", car, distance=10.0, instance=1),), lanes, masks, time=number * 0.5
    )


def frames(count: int, seed: int = 0, *, glare: float = 0.0, snow: bool = False) -> list[Frame]:
    """A run of frames."""
    return [frame(number, seed, glare=glare, snow=snow) for number in range(count)]


def write_drive(path: Path, run: list[Frame]) -> Drive:
    """The run as a drive on disk."""
    with DriveWriter(path, {"scenario": "drawn"}) as drive:
        for one in run:
            drive.add(one)
    return Drive.open(path)


def fitted_model(steps: int = 45, seed: int = 0) -> LaneDetectionModel:
    """A small model, fitted to drawn frames until it finds lines and cars; same arguments, same weights."""
    torch.manual_seed(seed)
    model = LaneDetectionModel(CONFIG).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    shown = frames(24, seed=1000)
    images, targets = images_from_frames(shown), [targets_from_frames([one], CONFIG) for one in shown]
    for _ in range(steps):
        chosen = torch.randperm(len(shown))[:4].tolist()
        losses = model.loss(model(images[chosen]), collate([targets[index] for index in chosen]))
        optimizer.zero_grad()
        torch.stack([loss.mean() for loss in losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return model.eval().requires_grad_(False)


def picture(value: int) -> UInt8[ndarray, "height width 3"]:
    """A plain picture."""
    return np.full((HEIGHT, WIDTH, 3), value, dtype=np.uint8)
