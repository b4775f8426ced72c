"""A set of frames in tar shards, in WebDataset's layout: for sets that do not fit into memory.

    shards.json            the shards, how many frames each holds, and their SHA-256; written last
    000000.tar, ...        per frame NUMBER.json (labels, as in a drive), NUMBER.png or .jpg, NUMBER.mask0.png, ...

Any WebDataset loader reads the shards; `ShardSet` gives them as frames, `perception.streaming` to the training.
Layout: https://github.com/webdataset/webdataset.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from perception.box import CLASSES
from perception.drive import Drive, combined_hash
from perception.drive_schema import CameraRecord, CocoAnnotation, CocoImage, LaneRecord, Record
from perception.errors import WhiteoutError
from perception.formats.pictures import decode_picture
from perception.frame import Frame
from perception.raster import decode_raster

INDEX = "shards.json"


class ShardRecord(Record):
    """One shard."""

    file: Annotated[str, Field(pattern=r"^[0-9]+\.tar$")]
    frames: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ShardsFile(Record):
    """shards.json."""

    format: Literal[1] = 1
    shards: Annotated[list[ShardRecord], Field(min_length=1)]


class SampleRecord(Record):
    """NUMBER.json: a frame's labels in a drive's words; `masks` names mask0.png, mask1.png, ..."""

    image: CocoImage
    annotations: list[CocoAnnotation]
    lanes: list[LaneRecord]
    camera: CameraRecord
    masks: tuple[str, ...] = ()


class ShardSet:
    """A folder of shards, opened with `ShardSet.open`; frames are read one at a time.

    Attributes:
        path: the folder.
        shards: its shards, in order.
    """

    def __init__(self, path: Path, shards: list[ShardRecord]) -> None:
        self.path = path
        self.shards = shards

    @classmethod
    def open(cls, path: str | Path) -> ShardSet:
        """Read the index and check that every shard is there."""
        path = Path(path)
        try:
            index = ShardsFile.model_validate_json((path / INDEX).read_bytes())
        except OSError as error:
            raise WhiteoutError(f"{path / INDEX}: cannot be read ({error.strerror}); convert the set anew.") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise WhiteoutError(f"{path / INDEX}: {field} is wrong ({first['msg']}); convert the set anew.") from error
        for shard in index.shards:
            if not (path / shard.file).is_file():
                raise WhiteoutError(f"{path / shard.file}: the shard is listed in {INDEX} but missing; restore it.")
        return cls(path, index.shards)

    def __len__(self) -> int:
        return sum(shard.frames for shard in self.shards)

    def __iter__(self) -> Iterator[Frame]:
        return (frame for number in range(len(self.shards)) for frame in self.frames(number))

    def frames(self, number: int) -> Iterator[Frame]:
        """The frames of shard `number`, in the order of the file."""
        for key, files in self.samples(number):
            yield to_frame(files, f"{self.path / self.shards[number].file}: sample {key}")[0]

    def samples(self, number: int) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Each frame of a shard: its number in the shard, and its files by their endings."""
        from webdataset import DataPipeline, SimpleShardList, tarfile_to_samples

        shard = self.shards[number]
        path = self.path / shard.file
        count = 0
        try:
            for sample in DataPipeline(SimpleShardList([str(path.resolve())]), tarfile_to_samples()):
                count += 1
                yield sample["__key__"], {ending: data for ending, data in sample.items() if isinstance(data, bytes)}
        except (tarfile.TarError, OSError, ValueError) as error:
            raise WhiteoutError(f"{path}: the shard is broken or cut short ({error}); restore it.") from error
        if count != shard.frames:
            raise WhiteoutError(f"{path}: holds {count} frames, {INDEX} says {shard.frames}; restore it.")

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over every shard as it is on disk now."""
        hashes = {}
        for shard in self.shards:
            with (self.path / shard.file).open("rb") as stream:
                hashes[shard.file] = hashlib.file_digest(stream, "sha256").hexdigest()
        return combined_hash(hashes)


FrameSource = Drive | ShardSet
"""What models are trained and scored on."""


def open_source(path: Path) -> FrameSource:
    """A drive or a set of shards, whichever is at `path`."""
    return ShardSet.open(path) if (path / INDEX).is_file() else Drive.open(path)


def to_frame(parts: dict[str, bytes], where: str) -> tuple[Frame, bytes, str]:
    """A frame from its files in a shard, with the encoded picture and its suffix; `where` names it."""
    suffix = next((ending for ending in ("png", "jpg") if ending in parts), None)
    if suffix is None or "json" not in parts:
        raise WhiteoutError(f"{where} lacks its json or its picture; convert the set anew.")
    try:
        record = SampleRecord.model_validate_json(parts["json"])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise WhiteoutError(f"{where}.json: {field} is wrong ({first['msg']}); convert the set anew.") from error
    if any(not 1 <= entry.category_id <= len(CLASSES) for entry in record.annotations):
        raise WhiteoutError(f"{where}.json: a category_id is none of 1 to {len(CLASSES)}; convert the set anew.")
    picture = decode_picture(parts[suffix], f"{where}.{suffix}")
    masks = {
        kind: decode_raster(parts.get(f"mask{number}.png", b""), f"{where}.mask{number}.png")
        for number, kind in enumerate(record.masks)
    }
    sizes = {
        picture.image.shape[:2],
        (record.camera.height, record.camera.width),
        *(m.shape[:2] for m in masks.values()),
    }
    if len(sizes) > 1:
        raise WhiteoutError(f"{where}: picture, camera and masks differ in size; convert the set anew.")
    if any(not len(lane.pixels) == len(lane.metres) == len(lane.visible) >= 2 for lane in record.lanes):
        raise WhiteoutError(
            f"{where}.json: a line's pixels, metres and visible differ in length; convert the set anew."
        )
    frame = Frame(
        record.image.name,
        picture.image,
        record.camera.to_camera(),
        tuple(entry.to_box(CLASSES[entry.category_id - 1]) for entry in record.annotations),
        tuple(lane.to_lane() for lane in record.lanes),
        masks,
        record.image.time,
        record.image.meta,
    )
    return frame, picture.encoded, picture.suffix
