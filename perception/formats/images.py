"""A plain folder of pictures, with subfolders; no labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report, store
from perception.formats.labels import item
from perception.formats.pictures import Names, pictures_in, read_picture


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Every picture below a folder, sorted by path."""
    paths = pictures_in(source)
    if not paths:
        raise WhiteoutError(f"{source}: holds no picture; name a folder with .png or .jpg files.")
    names = Names()
    for path in paths:
        picture = report.attempt(read_picture, path)
        if picture is not None:
            report.dropped.update([picture.dropped] if picture.dropped else [])
            file = path.relative_to(source).as_posix()
            yield item(names.take(file), file, picture, fov=options.fov)


class ImagesWriter:
    """Writes the pictures under their source's paths."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options, report
        self._folder = folder

    def add(self, item: Item) -> None:
        """Add one picture."""
        store(item, self._folder)

    def finish(self) -> None:
        """Nothing is left to do."""
