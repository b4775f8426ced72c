"""A drive: a folder of labelled frames that other tools can read too.

    images/NAME.png        the pictures, lossless
    coco.json              boxes in COCO's own format (`Box`'s further facts as extra attributes)
    lanes.json             lane lines per picture, in pixels and in world metres
    cameras.json           intrinsics and camera-to-world per picture; the axes are stated in the file
    masks/KIND/NAME.png    further rasters: glare, semantic, instance (uint16), depth (uint16, cm), no_glare, ...
                           (docs/labels.md has all kinds; `perception.mask_codes` reads normals, flow and glare_ratio)
    meta.json              free facts and the SHA-256 of every file; written last

`Drive.open` reads such a folder, `perception.drive_writer.DriveWriter` (also importable from here) makes one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from numpy import ndarray
from pydantic import JsonValue, ValidationError

from perception.box import Box
from perception.drive_schema import (
    CameraRecord,
    CamerasFile,
    CocoFile,
    CocoImage,
    LaneRecord,
    LanesFile,
    MetaFile,
    Record,
    labels_by_category,
    rigid,
)
from perception.drive_writer import DriveWriter
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.lane import LANE_KINDS
from perception.raster import raster_size, read_raster

__all__ = ["Drive", "DriveWriter"]

Kind = TypeVar("Kind", bound=Record)


class Masks(Mapping[str, ndarray]):
    """The masks of one frame by kind; each is read from its file when asked for."""

    def __init__(self, paths: dict[str, Path], size: tuple[int, int]) -> None:
        self._paths = paths
        self._size = size

    def __getitem__(self, kind: str) -> ndarray:
        path = self._paths[kind]
        raster = read_raster(path)
        height, width = raster.shape[:2]
        if (width, height) != self._size:
            raise WhiteoutError(f"{path}: the mask has {width} x {height} px, its picture {self._size}; restore it.")
        return raster

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Drive:
    """A folder of labelled frames, opened with `Drive.open`; labels are in memory, pictures are read when asked for.

    Attributes:
        path: the folder.
        meta: free facts about the whole drive (scenario, map, weather, seed, versions, lineage).
    """

    def __init__(self, path: Path, images: list[CocoImage], labels: _Labels, meta: MetaFile) -> None:
        self.path = path
        self.meta: dict[str, JsonValue] = dict(meta.facts)
        self._images = images
        self._labels = labels
        self._recorded = meta.files

    @classmethod
    def open(cls, path: str | Path) -> Drive:
        """Read and check the labels and the pictures' headers; the first fault is a `WhiteoutError` that names it."""
        path = Path(path)
        if not path.is_dir():
            raise WhiteoutError(f"{path}: there is no such drive; name a folder that holds meta.json and coco.json.")
        meta = _read(path / "meta.json", MetaFile)
        coco = _read(path / "coco.json", CocoFile)
        labels = _Labels(path, coco)
        for name in meta.files:
            if not (path / name).is_file():
                raise WhiteoutError(f"{path / name}: the file is listed in meta.json but missing; restore it.")
        for image in coco.images:
            _check_image(path, image)
        return cls(path, coco.images, labels, meta)

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        image = self._images[index]
        raster = read_raster(self.path / "images" / image.file_name)
        if raster.shape != (image.height, image.width, 3):
            raise WhiteoutError(
                f"{self.path / 'images' / image.file_name}: shape {raster.shape} is not RGB of its size."
            )
        return Frame(
            name=image.name,
            image=raster,
            camera=self._labels.cameras[image.name].to_camera(),
            boxes=self._labels.boxes[image.id],
            lanes=tuple(lane.to_lane() for lane in self._labels.lanes[image.name]),
            masks=Masks(self._mask_paths(image.name), (image.width, image.height)),
            time=image.time,
            meta=image.meta,
        )

    def picture(self, index: int) -> Path:
        """Where the picture of a frame is."""
        return self.path / "images" / self._images[index].file_name

    @property
    def names(self) -> list[str]:
        """Names of the frames, in order."""
        return [image.name for image in self._images]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over every picture, mask and label as they are on disk now; free facts in meta.json do not count."""
        return combined_hash(hash_files(self.path))

    def verify(self) -> None:
        """Check every file against the hashes in meta.json; a changed one is a `WhiteoutError` that names it."""
        present = hash_files(self.path)
        for name, digest in self._recorded.items():
            if present.get(name) != digest:
                raise WhiteoutError(
                    f"{self.path / name}: changed since the drive was written; restore or render it anew."
                )

    def _mask_paths(self, name: str) -> dict[str, Path]:
        folders = sorted(self.path.glob("masks/*/"))
        return {folder.name: folder / f"{name}.png" for folder in folders if (folder / f"{name}.png").is_file()}


class _Labels:
    """The labels of a drive by frame, cross-checked."""

    def __init__(self, path: Path, coco: CocoFile) -> None:
        self.cameras = _read(path / "cameras.json", CamerasFile).frames
        self.lanes = _read(path / "lanes.json", LanesFile).frames
        self.boxes = _boxes(path / "coco.json", coco)
        for image in coco.images:
            _check_camera(path / "cameras.json", image, self.cameras)
            _check_lanes(path / "lanes.json", image.name, self.lanes)


def hash_files(path: Path) -> dict[str, str]:
    """SHA-256 of every file of a drive except meta.json, by its path inside the drive, sorted."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and file != path / "meta.json")
    return {file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def combined_hash(files: Mapping[str, str]) -> str:
    """One SHA-256 for many: over lines `PATH SHA256`, sorted by path."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WhiteoutError(f"{path}: cannot be read ({error.strerror}); a drive needs this file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        place = f"field {field}" if field else "the file"
        raise WhiteoutError(
            f"{path}: {place} is wrong ({first['msg']}); correct it or render the drive anew."
        ) from error


def _boxes(path: Path, coco: CocoFile) -> dict[int, tuple[Box, ...]]:
    """Boxes by picture id."""
    try:
        labels = labels_by_category(coco)
    except ValueError as error:
        raise WhiteoutError(f"{path}: {error}; rename or remove that category.") from error
    boxes: dict[int, list[Box]] = {image.id: [] for image in coco.images}
    if len(boxes) != len(coco.images) or len({image.name for image in coco.images}) != len(coco.images):
        raise WhiteoutError(f"{path}: field images holds an id or file name twice; give each picture its own.")
    for index, annotation in enumerate(coco.annotations):
        if annotation.category_id not in labels:
            raise WhiteoutError(
                f"{path}: field annotations.{index}.category_id is {annotation.category_id}, which categories lacks; "
                f"use one of {sorted(labels)}."
            )
        if annotation.image_id not in boxes:
            raise WhiteoutError(
                f"{path}: field annotations.{index}.image_id is {annotation.image_id}, which images lacks; correct it."
            )
        boxes[annotation.image_id].append(annotation.to_box(labels[annotation.category_id]))
    return {number: tuple(found) for number, found in boxes.items()}


def _check_camera(path: Path, image: CocoImage, cameras: Mapping[str, CameraRecord]) -> None:
    camera = cameras.get(image.name)
    if camera is None:
        raise WhiteoutError(f"{path}: field frames.{image.name} is missing; every picture needs its camera.")
    if (camera.width, camera.height) != (image.width, image.height):
        raise WhiteoutError(f"{path}: field frames.{image.name}.width or .height differs from coco.json; correct it.")
    if not rigid(camera.to_camera().camera_to_world):
        raise WhiteoutError(f"{path}: field frames.{image.name}.camera_to_world is no rigid transform; correct it.")


def _check_lanes(path: Path, name: str, lanes: Mapping[str, list[LaneRecord]]) -> None:
    if name not in lanes:
        raise WhiteoutError(f"{path}: field frames.{name} is missing; write [] for a picture without lines.")
    for index, lane in enumerate(lanes[name]):
        field = f"field frames.{name}.{index}"
        if not len(lane.pixels) == len(lane.metres) == len(lane.visible) >= 2:
            raise WhiteoutError(
                f"{path}: {field} needs pixels, metres and visible of one length, 2 or more; correct it."
            )
        if lane.states and lane.visible != [state == "visible" for state in lane.states]:
            raise WhiteoutError(
                f"{path}: {field}.states contradicts .visible: a point is visible if its state says so; correct it."
            )
        if lane.kind not in LANE_KINDS:
            raise WhiteoutError(
                f"{path}: {field}.kind is '{lane.kind}', not one of {', '.join(LANE_KINDS)}; correct it."
            )


def _check_image(path: Path, image: CocoImage) -> None:
    file = path / "images" / image.file_name
    size = raster_size(file)
    if size != (image.width, image.height):
        raise WhiteoutError(
            f"{file}: the picture has {size[0]} x {size[1]} px but coco.json says {image.width} x {image.height}; "
            "restore it."
        )
