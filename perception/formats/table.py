"""All formats, one line each: what reads it, what writes it, what it can hold, how it is recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from perception.errors import WhiteoutError
from perception.formats import bdd100k, coco, culane, drives, images, kitti, nuscenes, tusimple, webdataset
from perception.formats.item import Item, Options, Report, Writer
from perception.formats.pictures import pictures_in

Add = Callable[[Item], None]
"""Takes one more item."""

Read = Callable[[Path, Report, Options], Iterator[Item]]
"""Reads items from a folder or file; what is wrong or cannot be held goes into the report."""

Writing = Callable[[Path, Options, Report], AbstractContextManager[Add]]
"""Makes the folder and gives the function that adds an item to it; leaving the block completes it."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        read: see `Read`.
        writing: see `Writing`.
        holds: which kinds of `perception.formats.labels.contents` it can hold; None: all.
        recognise: whether a folder or file looks like it.
    """

    read: Read
    writing: Writing
    holds: frozenset[str] | None
    recognise: Callable[[Path], bool]


def _folder_of(make: Callable[[Path, Options, Report], Writer]) -> Writing:
    @contextmanager
    def writing(folder: Path, options: Options, report: Report) -> Iterator[Add]:
        folder.mkdir()
        writer = make(folder, options, report)
        yield writer.add
        writer.finish()

    return writing


def _only_pictures(source: Path) -> bool:
    """Whether a folder has pictures and nothing that could be labels."""
    others = (".json", ".txt", ".tar", ".xml", ".csv", ".npy")
    labels = any(path.suffix.lower() in others for path in source.rglob("*"))
    return source.is_dir() and not labels and bool(pictures_in(source))


FORMATS: dict[str, Format] = {
    "drive": Format(drives.read, drives.writing, None, drives.is_drive),
    "coco": Format(
        coco.read,
        _folder_of(coco.CocoWriter),
        frozenset({"boxes", "crowds"}),
        lambda source: any(coco.is_coco(path) for path in coco.label_files(source)),
    ),
    "tusimple": Format(
        tusimple.read,
        _folder_of(tusimple.TuSimpleWriter),
        frozenset({"lines", "slots of lines"}),
        lambda source: any(tusimple.is_tusimple(path) for path in tusimple.label_files(source)),
    ),
    "culane": Format(
        culane.read, _folder_of(culane.CuLaneWriter), frozenset({"lines", "slots of lines"}), culane.is_culane
    ),
    "kitti": Format(
        kitti.read,
        _folder_of(kitti.KittiWriter),
        frozenset({"boxes", "visible shares", "truncations", "cuboids", "distances", "intrinsics", "poses"}),
        kitti.is_kitti,
    ),
    "bdd100k": Format(
        bdd100k.read,
        _folder_of(bdd100k.Bdd100kWriter),
        frozenset(
            {
                "boxes",
                "visible shares",
                "truncations",
                "instance numbers",
                "crowds",
                "lines",
                "slots of lines",
                "kinds and colours of lines",
            }
        ),
        lambda source: any(bdd100k.is_bdd100k(path) for path in bdd100k.label_files(source)),
    ),
    "nuscenes": Format(
        nuscenes.read,
        _folder_of(nuscenes.NuScenesWriter),
        frozenset(
            {"boxes", "visible shares", "cuboids", "distances", "instance numbers", "intrinsics", "poses", "times"}
        ),
        nuscenes.is_nuscenes,
    ),
    "webdataset": Format(webdataset.read, _folder_of(webdataset.WebDatasetWriter), None, webdataset.is_webdataset),
    "images": Format(images.read, _folder_of(images.ImagesWriter), frozenset(), _only_pictures),
}


def guess(source: Path) -> str:
    """The one format that `source` looks like; anything else is a `WhiteoutError` that asks for --from."""
    if not source.exists():
        raise WhiteoutError(f"{source}: there is no such file or folder; check the path.")
    if drives.is_drive(source):
        return "drive"
    found = [name for name, entry in FORMATS.items() if entry.recognise(source)]
    if len(found) != 1:
        like = " and ".join(found) or "none of them"
        raise WhiteoutError(f"{source}: its format is unclear ({like} fits); name it with --from {'|'.join(FORMATS)}.")
    return found[0]
