"""One labelled picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import UInt8
from numpy import ndarray

from perception.box import Box
from perception.camera import Camera
from perception.lane import Lane


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture with everything that is known about it.

    Attributes:
        name: file stem, unique in its drive, such as "000012".
        image: RGB, height x width x 3, sRGB-encoded bytes.
        camera: where and how it was taken.
        boxes: objects with at least one visible pixel.
        lanes: painted lines with at least two points in the picture.
        masks: further per-pixel rasters by name, height x width; "glare" (255 = glare), "semantic" (CARLA's class ids),
            "instance" (see `Box.instance`), "depth" [cm, uint16, 65535 = beyond], those of `perception.mask_codes`, or
            twin pictures (height x width x 3 bytes) such as "no_glare": the same instant without the sun's specular
            reflection.
        time: simulated or recorded time [s].
        meta: further facts (weather, lineage) that survive a round trip through JSON.
    """

    name: str
    image: UInt8[ndarray, "height width 3"]
    camera: Camera
    boxes: tuple[Box, ...] = ()
    lanes: tuple[Lane, ...] = ()
    masks: Mapping[str, ndarray] = field(default_factory=dict)
    time: float = 0.0
    meta: Mapping[str, object] = field(default_factory=dict)
