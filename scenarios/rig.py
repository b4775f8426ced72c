"""The cameras on the ego vehicle: one place, one lens, several channels of the same frame."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import carla
import numpy as np
from jaxtyping import Float, UInt8, UInt16
from numpy import ndarray

from perception.camera import Camera
from perception.errors import WhiteoutError
from scenarios.axes import camera_from
from scenarios.stage import Stage

MOUNT = carla.Transform(carla.Location(0.6, 0.0, 1.45), carla.Rotation(-2.0, 0.0, 0.0))
"""Behind the windscreen, tilted down a little [m, deg]."""

FOV = 75.0
"""Horizontal field of view [deg]."""

PATIENCE = 120.0
"""How long a picture may take to arrive [s of wall clock]."""

DEPTH_SCALE = 1000.0 / (2**24 - 1)
"""CARLA's depth pictures: metres per step."""

CHANNELS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "rgb": ("sensor.camera.rgb", {}),
        "depth": ("sensor.camera.depth", {}),
        "semantic": ("sensor.camera.semantic_segmentation", {}),
        "instance": ("sensor.camera.instance_segmentation", {}),
    }
)
"""What every CARLA server gives: channel to blueprint and its attributes."""

COUNTERFACTUALS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "glare": ("sensor.camera.glare", {}),
        "no_glare": ("sensor.camera.rgb", {"counterfactual": "no_glare"}),
    }
)
"""What our server gives besides."""


@dataclass(frozen=True, eq=False)
class Picture:
    """All channels of one frame.

    Attributes:
        camera: where and how it was taken.
        rgb: the picture.
        depth: distance along the optical axis [m]; CARLA's far limit (1000 m) where there is nothing.
        semantic: CARLA's class of each pixel.
        instance: actor id of each pixel, 0 for the rest (on a server of CARLA's: an id of its own making).
        glare: 255 where the sun's specular path changes the picture, or None where the server cannot tell.
        no_glare: the same instant without the sun's specular path, or None.
    """

    camera: Camera
    rgb: UInt8[ndarray, "height width 3"]
    depth: Float[ndarray, "height width"]
    semantic: UInt8[ndarray, "height width"]
    instance: UInt16[ndarray, "height width"]
    glare: UInt8[ndarray, "height width"] | None = None
    no_glare: UInt8[ndarray, "height width 3"] | None = None


class Rig:
    """The ego vehicle's cameras; they listen only while a picture is taken, so that no other frame is rendered.

    Attributes:
        sensors: CARLA's sensor actor of each channel.
    """

    def __init__(self, stage: Stage, width: int, height: int, *, counterfactuals: bool) -> None:
        self._stage = stage
        self._size = width, height
        channels = {**CHANNELS, **COUNTERFACTUALS} if counterfactuals else dict(CHANNELS)
        self.sensors = {name: self._mount(blueprint, extra) for name, (blueprint, extra) in channels.items()}

    def _mount(self, blueprint: str, extra: Mapping[str, str]) -> carla.Sensor:
        recipe = self._stage.world.get_blueprint_library().find(blueprint)
        width, height = self._size
        attributes = {"image_size_x": width, "image_size_y": height, "fov": FOV, **extra}
        for name, value in attributes.items():
            recipe.set_attribute(name, str(value))
        sensor = self._stage.world.spawn_actor(recipe, MOUNT, attach_to=self._stage.ego)
        self._stage.attached.append(sensor)
        return sensor

    def shoot(self) -> Picture:
        """Play one tick and take its picture."""
        inboxes: dict[str, queue.SimpleQueue[carla.Image]] = {name: queue.SimpleQueue() for name in self.sensors}
        for name, sensor in self.sensors.items():
            sensor.listen(inboxes[name].put)
        frame = self._stage.tick()
        images = {name: _of_frame(inbox, frame, name) for name, inbox in inboxes.items()}
        for sensor in self.sensors.values():
            sensor.stop()
        return _picture(images, self.sensors["rgb"].attributes, self._stage.ego)


def _of_frame(inbox: queue.SimpleQueue[carla.Image], frame: int, name: str) -> carla.Image:
    """The image of one frame from a sensor's inbox."""
    while True:
        try:
            image = inbox.get(timeout=PATIENCE)
        except queue.Empty:
            raise WhiteoutError(
                f"the server sent no {name} picture of frame {frame} within {PATIENCE:.0f} s; see its own messages"
            ) from None
        if image.frame == frame:
            return image


def _picture(images: Mapping[str, carla.Image], attributes: Mapping[str, str], ego: carla.Actor) -> Picture:
    rgb = images["rgb"]
    raw = {name: _bytes(image) for name, image in images.items()}
    depth = raw["depth"].astype(np.float32)
    return Picture(
        camera=camera_from(rgb.transform, rgb.width, rgb.height, rgb.fov, attributes, ego),
        rgb=_colors(raw["rgb"]),
        depth=(depth[..., 2] + 256.0 * depth[..., 1] + 65536.0 * depth[..., 0]) * np.float32(DEPTH_SCALE),
        semantic=np.ascontiguousarray(raw["semantic"][..., 2]),
        instance=raw["instance"][..., 1].astype(np.uint16) + 256 * raw["instance"][..., 0].astype(np.uint16),
        glare=np.ascontiguousarray(raw["glare"][..., 2]) if "glare" in raw else None,
        no_glare=_colors(raw["no_glare"]) if "no_glare" in raw else None,
    )


def _bytes(image: carla.Image) -> UInt8[ndarray, "height width 4"]:
    """An image's bytes: blue, green, red, alpha."""
    return np.frombuffer(image.raw_data, dtype=np.uint8).reshape(image.height, image.width, 4).copy()


def _colors(raw: UInt8[ndarray, "height width 4"]) -> UInt8[ndarray, "height width 3"]:
    return np.ascontiguousarray(raw[..., 2::-1])
