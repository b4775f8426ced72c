"""What passes from a reader to a writer: a frame with its picture as it was encoded, and a report of what was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ParamSpec, Protocol, TypeVar, runtime_checkable

from perception.errors import WhiteoutError
from perception.formats.pictures import inside
from perception.frame import Frame

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, eq=False)
class Item:
    """A frame, and its picture as bytes that a writer can store as they are.

    Attributes:
        frame: picture and labels; `meta["file"]` is the picture's path in the source, where that had one of its own.
        encoded: the picture as PNG or JPEG: the source's own bytes where they are plain 8-bit RGB.
        suffix: ".png" or ".jpg".
    """

    frame: Frame
    encoded: bytes
    suffix: str

    @property
    def file(self) -> str:
        """Path of the picture as the source has it, with the suffix of `encoded`."""
        told = self.frame.meta.get("file")
        path = PurePosixPath(told if isinstance(told, str) else "")
        return str(path.with_suffix(self.suffix)) if path.name else self.frame.name + self.suffix


@dataclass(eq=False)
class Report:
    """What became of a conversion.

    Attributes:
        written: frames that were written.
        left_out: one sentence for each picture or label that was wrong and left out.
        dropped: how many of each kind one of the two formats (or a drive) cannot hold.
    """

    written: int = 0
    left_out: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def attempt(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """The result of `work`; or None where the input is wrong, and the reason is listed."""
        try:
            return work(*args, **kwargs)
        except WhiteoutError as error:
            self.left_out.append(str(error))
            return None

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"written": self.written, "left_out": self.left_out, "dropped": dict(sorted(self.dropped.items()))}


@dataclass(frozen=True)
class Options:
    """What the user may say about a conversion.

    Attributes:
        fov: horizontal field of view of cameras that the source says nothing of [deg].
        shard_size: frames per shard.
    """

    fov: float | None = None
    shard_size: int = 500


@runtime_checkable
class Writer(Protocol):
    """Writes items into an empty folder."""

    def add(self, item: Item) -> None:
        """Take one more item."""

    def finish(self) -> None:
        """Write what is known only at the end."""


def store(item: Item, folder: Path, file: str = "", beside: str = "") -> str:
    """Write the picture of an item below `folder` and return its path: `file`, or the source's, with a number if taken.

    A path is taken, too, where a file of the ending `beside` is: the labels of another picture.
    """
    file = file or item.file
    path = inside(folder, file, f"frame {item.frame.name}: meta.file")
    free, number = path, 1
    while free.exists() or (beside and free.with_suffix(beside).exists()):
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    free.parent.mkdir(parents=True, exist_ok=True)
    free.write_bytes(item.encoded)
    return free.relative_to(folder).as_posix()
