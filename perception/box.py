"""A labelled object in a picture."""

from __future__ import annotations

from dataclasses import dataclass

CLASSES: tuple[str, ...] = ("car", "truck", "bus", "motorcycle", "bicycle", "pedestrian")
"""Object classes in the order of the model's outputs; COCO category id = index + 1."""


@dataclass(frozen=True)
class Cuboid:
    """A 3D box in world axes (see `Camera`).

    Attributes:
        center: centre [m].
        size: length (along heading), width, height [m].
        yaw: heading, counter-clockwise from world x [rad].
    """

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float


@dataclass(frozen=True)
class Box:
    """One object.

    Attributes:
        label: one of `CLASSES`.
        xyxy: left, top, right, bottom of the visible pixels [px]; right and bottom are exclusive.
        visible: share of the object's own silhouette inside the picture that is not hidden by others, 0 to 1.
        truncated: whether the silhouette leaves the picture.
        distance: from the camera's optical centre to the cuboid's centre [m]; NaN if unknown.
        instance: id that follows the object through a drive; 0 if unknown.
        cuboid: the 3D box, or None where the source has none.
        amodal: left, top, right, bottom of the whole silhouette, hidden parts and parts outside the picture included
            [px, exact, not rounded]; None where the source does not tell.
        truncation: share of the silhouette's area that lies outside the picture, 0 to 1; None where the source does
            not tell.
        crowd: whether this is a region of several objects, as COCO's `iscrowd`; it counts neither way.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    visible: float = 1.0
    truncated: bool = False
    distance: float = float("nan")
    instance: int = 0
    cuboid: Cuboid | None = None
    amodal: tuple[float, float, float, float] | None = None
    truncation: float | None = None
    crowd: bool = False

    @property
    def height(self) -> float:
        """Height in the picture [px]."""
        return self.xyxy[3] - self.xyxy[1]
