"""Writing a drive so that it exists whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from pydantic import BaseModel, ValidationError

from perception.box import CLASSES
from perception.drive_schema import (
    FORMAT_VERSION,
    CameraRecord,
    CamerasFile,
    CocoAnnotation,
    CocoFile,
    CocoImage,
    LaneRecord,
    LanesFile,
    MetaFile,
    categories,
    rigid,
)
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.lane import LANE_KINDS
from perception.raster import encode_png

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
MASK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


class DriveWriter:
    """Write frames into a new drive; a context manager.

    Everything goes into a hidden folder beside `path`, which is renamed to `path` at the end. After an exception, a
    full disk or a kill there is nothing at `path`; the hidden folder of a killed writer is removed by the next writer
    to the same place. The same frames give the same bytes.

    Attributes:
        path: the drive that will exist once the block is left without an exception.
    """

    def __init__(self, path: str | Path, meta: Mapping[str, object] | None = None) -> None:
        self.path = Path(path)
        self._facts = json_facts(meta or {}, f"{self.path}: meta")
        self._images: list[CocoImage] = []
        self._annotations: list[CocoAnnotation] = []
        self._lanes: dict[str, list[LaneRecord]] = {}
        self._cameras: dict[str, CameraRecord] = {}
        self._files: dict[str, str] = {}
        self._folder = Path()
        self._lock = -1

    def __enter__(self) -> DriveWriter:  # noqa: PYI034 - beartype refuses Self outside decorated classes
        if self.path.exists():
            raise WhiteoutError(f"{self.path}: exists already; remove it or choose another place for the drive.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(self.path)
            folder = tempfile.mkdtemp(prefix=f".{self.path.name}.", suffix=".partial", dir=self.path.parent)
            self._folder = Path(folder)
            self._folder.chmod(0o755)
            self._lock = _lock(self._folder)
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except OSError as failure:
            raise self._failure(failure) from failure
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)

    def add(self, frame: Frame) -> None:
        """Append a frame; its pictures are on disk when this returns."""
        self._check(frame)
        number = len(self._images) + 1
        try:
            labels = label_records(frame, number, first=len(self._annotations) + 1)
            self._write(f"images/{frame.name}.png", encode_png(frame.image))
            for kind in sorted(frame.masks):
                self._write(f"masks/{kind}/{frame.name}.png", encode_png(frame.masks[kind]))
        except OSError as error:
            raise self._failure(error) from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise WhiteoutError(f"{self.path}: frame {frame.name}: {field} is wrong: {first['msg']}.") from error
        except ValueError as error:
            raise WhiteoutError(f"{self.path}: frame {frame.name} cannot be written: {error}.") from error
        image, annotations, lanes, camera = labels
        self._images.append(image)
        self._annotations.extend(annotations)
        self._lanes[frame.name] = lanes
        self._cameras[frame.name] = camera

    def _check(self, frame: Frame) -> None:
        fault = _fault(frame, taken=frame.name in self._cameras)
        if fault:
            raise WhiteoutError(f"{self.path}: frame {frame.name}: {fault}.")

    def _finish(self) -> None:
        """Write the JSON files, meta.json last, and rename the folder."""
        if not self._images:
            raise WhiteoutError(f"{self.path}: a drive needs at least one frame, and none was added.")
        info: dict[str, object] = {"description": "whiteout drive", "version": str(FORMAT_VERSION)}
        coco = {"info": info, "images": self._images, "annotations": self._annotations, "categories": categories()}
        self._write_json("coco.json", CocoFile.model_validate(coco))
        self._write_json("lanes.json", LanesFile(frames=self._lanes))
        self._write_json("cameras.json", CamerasFile(frames=self._cameras))
        files = dict(sorted(self._files.items()))
        meta = MetaFile.model_validate({"format": FORMAT_VERSION, "facts": self._facts, "files": files})
        self._write_json("meta.json", meta)
        for folder in [*self._folder.rglob("*/"), self._folder]:
            _sync(folder)
        self._folder.rename(self.path)
        _sync(self.path.parent)

    def _write_json(self, name: str, record: BaseModel) -> None:
        self._write(name, record.model_dump_json().encode() + b"\n")

    def _write(self, name: str, data: bytes) -> None:
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        self._files[name] = hashlib.sha256(data).hexdigest()

    def _failure(self, error: OSError) -> WhiteoutError:
        return WhiteoutError(
            f"{self.path}: the drive could not be written ({error.strerror}); free some room or choose another place."
        )


def json_facts(facts: Mapping[str, object], where: str) -> dict[str, object]:
    """A copy of `facts` as JSON would give it back; what JSON cannot hold is a `WhiteoutError`."""
    try:
        plain: dict[str, object] = json.loads(json.dumps(dict(facts), allow_nan=False, sort_keys=True))
    except (TypeError, ValueError) as error:
        raise WhiteoutError(f"{where} cannot be kept as JSON ({error}); use text, finite numbers and lists.") from error
    return plain


def _fault(frame: Frame, *, taken: bool) -> str:
    """What is wrong with `frame`, or nothing."""
    height, width = frame.image.shape[:2]
    faults = {
        "name may hold letters, digits, '_', '-' and '.' only": NAME.fullmatch(frame.name) is None,
        "name was used before in this drive": taken,
        "image must be height x width x 3 bytes": frame.image.ndim != 3 or frame.image.dtype != np.uint8,
        "camera is of another size than the image": (frame.camera.width, frame.camera.height) != (width, height),
        "camera_to_world is no rigid transform": not rigid(frame.camera.camera_to_world),
        "time must be finite": not math.isfinite(frame.time),
        f"boxes: label must be one of {', '.join(CLASSES)}": any(box.label not in CLASSES for box in frame.boxes),
        f"lanes: kind must be one of {', '.join(LANE_KINDS)}": any(lane.kind not in LANE_KINDS for lane in frame.lanes),
        "lanes: pixels, metres and visible need one length, 2 or more": any(
            not len(lane.pixels) == len(lane.metres) == len(lane.visible) >= 2 for lane in frame.lanes
        ),
        "lanes: states must say for each point what visible says": any(
            lane.states and [state == "visible" for state in lane.states] != lane.visible.tolist()
            for lane in frame.lanes
        ),
        "masks: names may hold letters, digits, '_', '-', '+' and '.' only": any(
            not MASK_NAME.fullmatch(kind) for kind in frame.masks
        ),
        "masks must have the image's size": any(m.shape[:2] != (height, width) for m in frame.masks.values()),
    }
    return next((sentence for sentence, wrong in faults.items() if wrong), "")


def label_records(
    frame: Frame, number: int, first: int
) -> tuple[CocoImage, list[CocoAnnotation], list[LaneRecord], CameraRecord]:
    """A frame's labels as they go into the JSON files; picture `number`, annotations counted from `first`."""
    image = CocoImage.model_validate(
        {
            "id": number,
            "file_name": f"{frame.name}.png",
            "width": frame.camera.width,
            "height": frame.camera.height,
            "time": frame.time,
            "meta": json_facts(frame.meta, f"frame {frame.name}: meta"),
        }
    )
    annotations = [CocoAnnotation.from_box(box, first + index, image) for index, box in enumerate(frame.boxes)]
    lanes = [LaneRecord.from_lane(lane) for lane in frame.lanes]
    return image, annotations, lanes, CameraRecord.from_camera(frame.camera)


def _lock(folder: Path) -> int:
    """Hold `folder` until the returned descriptor is closed, or this process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(path: Path) -> None:
    """Remove the hidden folders of killed writers to `path`: those that nobody holds any more."""
    for folder in path.parent.glob(f".{path.name}.*.partial"):
        try:
            descriptor = _lock(folder)
        except OSError:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
