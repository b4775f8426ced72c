"""A small drawn drive: a road, a car, two lane lines, every kind of mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception.box import Box, Cuboid
from perception.camera import Camera
from perception.drive import Drive, DriveWriter
from perception.frame import Frame
from perception.lane import Lane

WIDTH, HEIGHT = 160, 96


def draw_frame(index: int) -> Frame:
    """A road under a graded sky; the car is red, and its box and the lines lie exactly on their pixels."""
    rng = np.random.default_rng(index)
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:40] = np.linspace([90, 140, 200], [190, 210, 230], 40)[:, None]
    image[40:] = 100 + rng.integers(-12, 12, (HEIGHT - 40, WIDTH, 1))
    left = 60 + 4 * index
    image[38:58, left : left + 30] = (200, 20, 20)
    lines = []
    for slot, foot in ((-1, 20), (1, 140)):
        points = np.linspace([foot + 0.5, HEIGHT - 0.5], [80.5, 44.5], 14)
        cv2.polylines(image, [points.round().astype(np.int32)], False, (245, 245, 245), 2)
        metres = np.column_stack([np.linspace(2, 40, 14), np.full(14, -1.8 * slot), np.zeros(14)])
        lines.append(Lane(points, metres, np.arange(14) < 12, "broken", "yellow", slot))
    instance = np.zeros((HEIGHT, WIDTH), np.uint16)
    instance[38:58, left : left + 30] = 700
    masks: dict[str, np.ndarray] = {
        "instance": instance,
        "glare": np.where(image[..., 2] > 180, 255, 0).astype(np.uint8),
        "no_glare": (image * 0.8).astype(np.uint8),
    }
    box = Box(
        "car",
        (float(left), 38.0, left + 30.0, 58.0),
        0.9,
        False,
        22.0,
        700,
        Cuboid((22.0, 0.0, 0.7), (4.0, 2.0, 1.5), 0.1),
    )
    camera = Camera.from_fov(WIDTH, HEIGHT, 60.0, np.eye(4))
    return Frame(f"{index:06d}", image, camera, (box,), tuple(lines), masks, index / 10, {"weather": "clear"})


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    path = tmp_path / "source"
    with DriveWriter(path, {"scenario": "drawn", "seed": 4}) as writer:
        for index in range(3):
            writer.add(draw_frame(index))
    return Drive.open(path)
