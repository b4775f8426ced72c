"""WebDataset shards: written in the items' order, read back whole; `perception.shards` has the layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perception.drive_writer import label_records
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report
from perception.raster import encode_png
from perception.shards import INDEX, SampleRecord, ShardRecord, ShardSet, ShardsFile, to_frame


def is_webdataset(source: Path) -> bool:
    """Whether a folder holds shards of ours."""
    return (source / INDEX).is_file()


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items of all shards; what follows a break in a shard is left out."""
    del options
    shards = ShardSet.open(source)
    for number, shard in enumerate(shards.shards):
        samples = shards.samples(number)
        while (sample := report.attempt(_next, samples)) is not None:
            key, files = sample
            found = report.attempt(to_frame, files, f"{source / shard.file}: sample {key}")
            if found is not None:
                yield Item(*found)


def _next(samples: Iterator[tuple[str, dict[str, bytes]]]) -> tuple[str, dict[str, bytes]] | None:
    """The next sample; None at the end."""
    return next(samples, None)


class WebDatasetWriter:
    """Writes shards of `shard_size` frames; the same items give the same bytes."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del report
        self._folder = folder
        self._size = options.shard_size
        self._shards: list[ShardRecord] = []
        self._tar: Any = None
        self._count = 0

    def add(self, item: Item) -> None:
        """Add one frame."""
        from webdataset import TarWriter

        if self._tar is None:
            self._tar = TarWriter(str(self._path().resolve()), encoder=False, mtime=0, user="", group="")
        frame, number = item.frame, self._count + 1
        try:
            image, annotations, lanes, camera = label_records(frame, number, first=1)
        except ValueError as error:
            raise WhiteoutError(f"frame {frame.name} cannot be written: {error}.") from error
        kinds = tuple(sorted(frame.masks))
        record = SampleRecord(image=image, annotations=annotations, lanes=lanes, camera=camera, masks=kinds)
        masks = {f"mask{place}.png": encode_png(frame.masks[kind]) for place, kind in enumerate(kinds)}
        picture = {item.suffix[1:]: item.encoded}
        self._tar.write(
            {"__key__": f"{self._count:08d}", "json": record.model_dump_json().encode(), **picture, **masks}
        )
        self._count += 1
        if self._count == self._size:
            self._close()

    def _path(self) -> Path:
        return self._folder / f"{len(self._shards):06d}.tar"

    def _close(self) -> None:
        """Complete the shard."""
        self._tar.close()
        path = self._path()
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._shards.append(ShardRecord(file=path.name, frames=self._count, sha256=digest))
        self._tar, self._count = None, 0

    def finish(self) -> None:
        """Complete the last shard and write the index."""
        if self._count:
            self._close()
        if self._shards:
            index = ShardsFile(shards=self._shards)
            (self._folder / INDEX).write_text(index.model_dump_json(indent=2) + "\n", encoding="utf-8")
