"""The cameras on the ego vehicle: one place, one lens, several channels of the same frame."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import carla
import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16
from numpy import ndarray

from perception.camera import Camera
from perception.errors import WhiteoutError
from perception.mask_codes import decode_normals, encode_flow, encode_normals
from scenarios.axes import MIRROR, camera_from
from scenarios.stage import Stage
from scenarios.twins import actor_left_out, check_twin

MOUNT = carla.Transform(carla.Location(0.6, 0.0, 1.45), carla.Rotation(-2.0, 0.0, 0.0))
"""Behind the windscreen, tilted down a little [m, deg]."""

FOV = 75.0
"""Horizontal field of view [deg]."""

PATIENCE = 1200.0
"""How long a picture may take to arrive [s of wall clock]: in quality `reference` it takes minutes with its twins."""

FLOW_RANGE = 2.0
"""Where CARLA's optical flow ends [half pictures]."""

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

MASKS: Mapping[str, str] = MappingProxyType(
    {
        "glare": "sensor.camera.glare",
        "glare_ratio": "sensor.camera.glare_ratio",
        "normals": "sensor.camera.normals",
        "flow": "sensor.camera.optical_flow",
    }
)
"""Further masks of a drive and the cameras that see them; the first two are our own server's."""

COUNTERFACTUAL_MASKS, COUNTERFACTUAL_TWINS = ("glare",), ("no_glare",)
"""What comes with a scenario's pictures unless they are to come alone."""


@dataclass(frozen=True)
class Extras:
    """What is taken besides the picture and its labels.

    Attributes:
        masks: of `MASKS`.
        twins: see `scenarios.twins`; the number in `no_actor:NUMBER` is the instance number in the drive.
    """

    masks: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [mask for mask in self.masks if mask not in MASKS]
        if unknown:
            raise WhiteoutError(f"there is no mask {unknown[0]!r}; choose from {', '.join(MASKS)}")
        for twin in self.twins:
            check_twin(twin)
        for names in (self.masks, self.twins):
            if len(set(names)) != len(names):
                raise WhiteoutError(f"{', '.join(names)}: name each mask and each twin once")


def mask_name(twin: str) -> str:
    """The kind of mask that a twin picture becomes: `no_actor:2` is `no_actor_2`, as file names bear it."""
    return twin.replace(":", "_")


@dataclass(frozen=True, eq=False)
class Picture:
    """All channels of one frame.

    Attributes:
        camera: where and how it was taken.
        rgb: the picture.
        depth: distance along the optical axis [m]; CARLA's far limit (1000 m) where there is nothing.
        semantic: CARLA's class of each pixel.
        instance: actor id of each pixel, 0 for the rest (on a server of CARLA's: an id of its own making).
        extras: further masks and twins, as they are kept in a drive, by the name of their kind.
    """

    camera: Camera
    rgb: UInt8[ndarray, "height width 3"]
    depth: Float[ndarray, "height width"]
    semantic: UInt8[ndarray, "height width"]
    instance: UInt16[ndarray, "height width"]
    extras: Mapping[str, ndarray] = field(default_factory=dict)


class Rig:
    """The ego vehicle's cameras; they listen only while a picture is taken, so that no other frame is rendered.

    Attributes:
        sensors: CARLA's sensor actor of each channel.
    """

    def __init__(self, stage: Stage, width: int, height: int, extras: Extras = Extras()) -> None:
        self._stage = stage
        self._size = width, height
        channels: dict[str, tuple[str, Mapping[str, str]]] = dict(CHANNELS)
        channels |= {name: (MASKS[name], {}) for name in extras.masks}
        channels |= {
            mask_name(twin): ("sensor.camera.rgb", {"counterfactual": self._twin(twin)}) for twin in extras.twins
        }
        self.sensors = {name: self._mount(blueprint, extra) for name, (blueprint, extra) in channels.items()}

    def _twin(self, name: str) -> str:
        """A twin's name with the actor's id for its number in the drive."""
        number = actor_left_out(name)
        if number is None:
            return name
        ids = {number: actor for actor, number in self._stage.numbers().items()}
        if number not in ids:
            raise WhiteoutError(f"twin {name!r}: the drive has actors 1 to {len(ids)} (1 is the ego vehicle); name one")
        return f"no_actor:{ids[number]}"

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
        inboxes: dict[str, queue.SimpleQueue[carla.SensorData]] = {name: queue.SimpleQueue() for name in self.sensors}
        for name, sensor in self.sensors.items():
            sensor.listen(inboxes[name].put)
        frame = self._stage.tick()
        images = {name: _of_frame(inbox, frame, name) for name, inbox in inboxes.items()}
        for sensor in self.sensors.values():
            sensor.stop()
        return _picture(images, self.sensors["rgb"].attributes, self._stage.ego)


def _of_frame(inbox: queue.SimpleQueue[carla.SensorData], frame: int, name: str) -> carla.SensorData:
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


def _picture(images: Mapping[str, carla.SensorData], attributes: Mapping[str, str], ego: carla.Actor) -> Picture:
    rgb = images["rgb"]
    raw = {name: _bytes(images[name]) for name in CHANNELS}
    depth = raw["depth"].astype(np.float32)
    return Picture(
        camera=camera_from(rgb.transform, rgb.width, rgb.height, rgb.fov, attributes, ego),
        rgb=_colors(raw["rgb"]),
        depth=(depth[..., 2] + 256.0 * depth[..., 1] + 65536.0 * depth[..., 0]) * np.float32(DEPTH_SCALE),
        semantic=np.ascontiguousarray(raw["semantic"][..., 2]),
        instance=raw["instance"][..., 1].astype(np.uint16) + 256 * raw["instance"][..., 0].astype(np.uint16),
        extras={name: _extra(name, image) for name, image in images.items() if name not in CHANNELS},
    )


def _extra(name: str, image: carla.SensorData) -> ndarray:
    """A further mask or twin as a drive keeps it."""
    if name == "flow":
        return encode_flow(flow_of(image))
    raw = _bytes(image)
    match name:
        case "glare":
            return np.ascontiguousarray(raw[..., 2])
        case "glare_ratio":
            return raw[..., 2].astype(np.uint16) + 256 * raw[..., 1].astype(np.uint16)
        case "normals":
            return encode_normals(decode_normals(_colors(raw)) * MIRROR.astype(np.float32))
    return _colors(raw)


def flow_of(image: carla.OpticalFlowImage) -> Float32[ndarray, "height width 2"]:
    """Flow, right and down [px], of CARLA's optical flow (right and up, in half pictures); NaN at its range's end."""
    clip = np.frombuffer(image.raw_data, dtype=np.float32).reshape(image.height, image.width, 2)
    known = (np.abs(clip) < FLOW_RANGE).all(-1, keepdims=True)
    half = np.array([image.width / 2, -image.height / 2], np.float32)
    return np.where(known, clip * half, np.float32(np.nan))


def _bytes(image: carla.SensorData) -> UInt8[ndarray, "height width 4"]:
    """An image's bytes: blue, green, red, alpha."""
    return np.frombuffer(image.raw_data, dtype=np.uint8).reshape(image.height, image.width, 4).copy()


def _colors(raw: UInt8[ndarray, "height width 4"]) -> UInt8[ndarray, "height width 3"]:
    return np.ascontiguousarray(raw[..., 2::-1])
