"""A drive as one format among others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report


def is_drive(source: Path) -> bool:
    """Whether a folder is a drive."""
    return (source / "meta.json").is_file() and (source / "cameras.json").is_file()


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """The frames of a drive; a picture that cannot be read is left out."""
    del options
    drive = Drive.open(source)
    report.dropped.update({"facts of the whole drive": len(drive.meta)} if drive.meta else {})
    for index in range(len(drive)):
        item = report.attempt(_item, drive, index)
        if item is not None:
            yield item


def _item(drive: Drive, index: int) -> Item:
    frame = drive[index]
    path = drive.picture(index)
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise WhiteoutError(f"{path}: cannot be read ({error.strerror}); restore it.") from error
    return Item(frame, encoded, ".png" if path.suffix == ".png" else ".jpg")


@contextmanager
def writing(folder: Path, options: Options, report: Report) -> Iterator[Callable[[Item], None]]:
    """Write a drive; its pictures are PNG, whatever they were."""
    del options, report
    with DriveWriter(folder) as writer:
        yield lambda item: writer.add(item.frame)
