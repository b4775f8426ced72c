"""Small drawn roads whose labels are known exactly."""

from __future__ import annotations

import cv2
import numpy as np

from perception.box import Box, Cuboid
from perception.camera import Camera
from perception.frame import Frame
from perception.lane import Lane

WIDTH, HEIGHT = 320, 192
CAMERA_HEIGHT = 1.5
LANE_WIDTH = 3.5
SLOT_OFFSETS = {-2: 1.5 * LANE_WIDTH, -1: 0.5 * LANE_WIDTH, 1: -0.5 * LANE_WIDTH, 2: -1.5 * LANE_WIDTH}


def camera(width: int = WIDTH, height: int = HEIGHT) -> Camera:
    """1.5 m above the plane z = 0, looking along world x."""
    pose = np.eye(4)
    pose[:3, :3] = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    pose[2, 3] = CAMERA_HEIGHT
    return Camera.from_fov(width, height, 90.0, pose)


def line(slot: int, view: Camera, *, shift: float = 0.0, curve: float = 0.0, far: float = 40.0) -> Lane:
    """A lane line on the plane: lateral offset by slot, `shift` [m] to the left, parabola `curve` [1/m]."""
    x = np.arange(2.0, far, 0.5)
    metres = np.column_stack([x, SLOT_OFFSETS[slot] + shift + curve * x**2, np.zeros_like(x)])
    pixels, _ = view.project(metres)
    inside = (pixels[:, 0] >= 0) & (pixels[:, 0] < view.width) & (pixels[:, 1] < view.height)
    return Lane(pixels[inside], metres[inside], np.ones(int(inside.sum()), dtype=np.bool_), slot=slot)


def car(view: Camera, forward: float, left: float, instance: int = 1) -> Box:
    """The picture of a 1.8 m wide, 1.5 m high car's rear."""
    corners = np.array([[forward, left + 0.9, 1.5], [forward, left - 0.9, 0.0]])
    (x0, y0), (x1, y1) = view.project(corners)[0].tolist()
    cuboid = Cuboid((forward, left, 0.75), (4.5, 1.8, 1.5), 0.0)
    return Box("car", (x0, y0, x1, y1), distance=forward, instance=instance, cuboid=cuboid)


def frame(seed: int, *, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    """A road with two to four lines and up to two cars, the same for the same seed."""
    rng = np.random.default_rng(seed)
    view = camera(width, height)
    image = np.full((height, width, 3), (120, 160, 220), dtype=np.uint8)
    image[height // 2 :] = (90, 110, 80)
    shift, curve = rng.uniform(-0.8, 0.8), rng.uniform(-0.004, 0.004)
    slots = [slot for slot in SLOT_OFFSETS if abs(slot) == 1 or rng.random() < 0.7]
    lanes = tuple(line(slot, view, shift=shift, curve=curve) for slot in slots)
    for lane in lanes:
        points = np.round(lane.pixels).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(image, [points], isClosed=False, color=(240, 240, 240), thickness=2)
    boxes = []
    for number in range(int(rng.integers(0, 3))):
        box = car(view, rng.uniform(7, 20), (-1) ** number * LANE_WIDTH * 0.9, number + 1)
        left, top, right, bottom = (round(value) for value in box.xyxy)
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), (180, 30, 30), -1)
        cv2.rectangle(image, (left, top), (right - 1, (top + bottom) // 2), (40, 40, 50), -1)
        boxes.append(box)
    noise = rng.normal(0, 3, image.shape)
    pixels = np.clip(image + noise, 0, 255).astype(np.uint8)
    return Frame(f"{seed:06d}", pixels, view, tuple(boxes), lanes, time=seed * 0.1, meta={"weather": "clear"})
