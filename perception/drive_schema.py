"""What a drive's JSON files hold, and how that maps to `Box`, `Lane` and `Camera`.

The same models check what is written and what is read, so a drive that was written can be read. Numbers must be
finite; where a value may be unknown (NaN in memory) the file says null.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from perception.box import CLASSES, Box, Cuboid
from perception.camera import Camera
from perception.distortion import COEFFICIENTS
from perception.labels import is_scored
from perception.lane import Lane
from perception.rolling_shutter import RollingShutter

FORMAT_VERSION = 1
"""Version of the folder layout that this code writes and reads."""

AXES: dict[str, str] = {
    "camera": "OpenCV: x right, y down, z forward [m]; pixel centres at +0.5",
    "world": "OpenDRIVE: right-handed, x east, y north, z up [m]",
    "camera_to_world": "p_world = camera_to_world @ p_camera, homogeneous, row by row",
}
"""Written into cameras.json, so that the file explains itself."""

Triple = tuple[float, float, float]
MaybeTriple = tuple[float | None, float | None, float | None]
Quadruple = tuple[float, float, float, float]
PointState = Literal["visible", "hidden", "snow", "gap"]


def _ordered(box: Quadruple) -> Quadruple:
    if not (box[0] <= box[2] and box[1] <= box[3]):
        raise ValueError("left, top, right, bottom must be in order")
    return box


class Record(BaseModel):
    """Base of all records: frozen, finite numbers only, no silent conversion of text to numbers."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="ignore")


class CuboidRecord(Record):
    """See `Cuboid`."""

    center: Triple
    size: Triple
    yaw: float


class CocoImage(Record):
    """One picture in COCO's words, plus its time [s] and free facts."""

    id: int
    file_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.(png|jpg|jpeg)$")]
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    time: float = 0.0
    meta: dict[str, JsonValue] = {}

    @property
    def name(self) -> str:
        """The frame's name: the file's stem."""
        return self.file_name.rpartition(".")[0]


class CocoAnnotation(Record):
    """One box in COCO's words (bbox is left, top, width, height [px]), plus what `Box` knows beyond them."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    area: float
    iscrowd: Literal[0, 1] = 0
    visible: Annotated[float, Field(ge=0, le=1)] = 1.0
    truncated: bool = False
    distance: float | None = None
    instance: int = 0
    cuboid: CuboidRecord | None = None
    amodal: Annotated[Quadruple, AfterValidator(_ordered)] | None = None
    truncation: Annotated[float, Field(ge=0, le=1)] | None = None
    crowd: Annotated[bool, Field(exclude_if=operator.not_)] = False

    @classmethod
    def from_box(cls, box: Box, number: int, image: CocoImage) -> CocoAnnotation:
        """Describe `box` as annotation `number` of `image`; what does not count (`is_scored`) becomes a crowd."""
        left, top, right, bottom = box.xyxy
        solid = box.cuboid
        return cls(
            id=number,
            image_id=image.id,
            category_id=CLASSES.index(box.label) + 1,
            bbox=(left, top, right - left, bottom - top),
            area=(right - left) * (bottom - top),
            iscrowd=0 if is_scored(box, image.height) else 1,
            visible=box.visible,
            truncated=box.truncated,
            distance=None if math.isnan(box.distance) else box.distance,
            instance=box.instance,
            cuboid=None if solid is None else CuboidRecord(center=solid.center, size=solid.size, yaw=solid.yaw),
            amodal=box.amodal,
            truncation=box.truncation,
            crowd=box.crowd,
        )

    def to_box(self, label: str) -> Box:
        """The box of class `label` that this annotation describes."""
        left, top, width, height = self.bbox
        solid = self.cuboid
        return Box(
            label=label,
            xyxy=(left, top, left + width, top + height),
            visible=self.visible,
            truncated=self.truncated,
            distance=float("nan") if self.distance is None else self.distance,
            instance=self.instance,
            cuboid=None if solid is None else Cuboid(solid.center, solid.size, solid.yaw),
            amodal=self.amodal,
            truncation=self.truncation,
            crowd=self.crowd,
        )


class CocoCategory(Record):
    """One object class."""

    id: int
    name: str


class CocoFile(Record):
    """coco.json."""

    info: dict[str, JsonValue] = {}
    images: Annotated[list[CocoImage], Field(min_length=1)]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


class LaneRecord(Record):
    """See `Lane`; unknown metres are null."""

    pixels: list[tuple[float, float]]
    metres: list[MaybeTriple]
    visible: list[bool]
    kind: str
    color: str
    slot: int
    states: list[PointState] = []

    @classmethod
    def from_lane(cls, lane: Lane) -> LaneRecord:
        """Describe `lane`."""
        metres = [tuple(None if math.isnan(v) else v for v in point) for point in lane.metres.tolist()]
        return cls.model_validate(
            {
                "pixels": lane.pixels.tolist(),
                "metres": metres,
                "visible": lane.visible.tolist(),
                "kind": lane.kind,
                "color": lane.color,
                "slot": lane.slot,
                "states": list(lane.states),
            }
        )

    def to_lane(self) -> Lane:
        """The lane that this record describes."""
        metres = [[math.nan if v is None else v for v in point] for point in self.metres]
        return Lane(
            pixels=np.asarray(self.pixels, dtype=np.float64).reshape(-1, 2),
            metres=np.asarray(metres, dtype=np.float64).reshape(-1, 3),
            visible=np.asarray(self.visible, dtype=np.bool_),
            kind=self.kind,
            color=self.color,
            slot=self.slot,
            states=tuple(self.states),
        )


class LanesFile(Record):
    """lanes.json: the lines of each picture, by the frame's name."""

    frames: dict[str, list[LaneRecord]]


class CameraRecord(Record):
    """See `Camera`."""

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    intrinsics: tuple[Triple, Triple, Triple]
    camera_to_world: tuple[Quadruple, Quadruple, Quadruple, Quadruple]
    lens: Literal["pinhole", "brown_conrady", "fisheye"] = "pinhole"
    distortion: tuple[float, ...] = ()
    shutter: RollingShutter | None = None
    unknown: Annotated[tuple[Literal["intrinsics", "pose"], ...], Field(exclude_if=operator.not_)] = ()

    @model_validator(mode="after")
    def _check_lens(self) -> CameraRecord:
        if len(self.distortion) != COEFFICIENTS[self.lens]:
            raise ValueError(
                f"a {self.lens} lens has {COEFFICIENTS[self.lens]} coefficients, not {len(self.distortion)}"
            )
        return self

    @classmethod
    def from_camera(cls, camera: Camera) -> CameraRecord:
        """Describe `camera`."""
        return cls.model_validate(
            {
                "width": camera.width,
                "height": camera.height,
                "intrinsics": np.asarray(camera.intrinsics, dtype=np.float64).tolist(),
                "camera_to_world": np.asarray(camera.camera_to_world, dtype=np.float64).tolist(),
                "lens": camera.lens,
                "distortion": camera.distortion,
                "shutter": camera.shutter,
                "unknown": camera.unknown,
            }
        )

    def to_camera(self) -> Camera:
        """The camera that this record describes."""
        return Camera(
            self.width,
            self.height,
            np.asarray(self.intrinsics, dtype=np.float64),
            np.asarray(self.camera_to_world, dtype=np.float64),
            self.lens,
            self.distortion,
            self.shutter,
            self.unknown,
        )


class CamerasFile(Record):
    """cameras.json: the camera of each picture, by the frame's name."""

    axes: dict[str, str] = AXES
    frames: dict[str, CameraRecord]


class MetaFile(Record):
    """meta.json: free facts, and the SHA-256 of every other file by its path inside the drive."""

    format: Literal[1]
    facts: dict[str, JsonValue] = {}
    files: dict[str, str] = {}


def categories() -> list[CocoCategory]:
    """COCO categories for `CLASSES`."""
    return [CocoCategory(id=index + 1, name=name) for index, name in enumerate(CLASSES)]


def rigid(matrix: Float[ndarray, "4 4"]) -> bool:
    """Whether a 4 x 4 matrix is a rotation and a translation."""
    rotation = matrix[:3, :3]
    turned = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    return bool(turned and np.allclose(matrix[3], (0, 0, 0, 1)))


def labels_by_category(file: CocoFile) -> Mapping[int, str]:
    """Class name by category id; raises `ValueError` naming a class that is not in `CLASSES`."""
    for index, category in enumerate(file.categories):
        if category.name not in CLASSES:
            raise ValueError(f"categories.{index}.name is '{category.name}', not one of {', '.join(CLASSES)}")
    return {category.id: category.name for category in file.categories}
