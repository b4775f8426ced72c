"""CULane lane detection: `NAME.lines.txt` beside `NAME.jpg`, lists of pictures in `list/`.

Format: https://xingangpan.github.io/projects/CULane.html. One line of text per lane line, "x y x y ..." [px], from the
picture's lower edge upwards. `list/*_gt.txt` gives per picture its path, that of a segmentation picture, and four
flags: which of the lines ego-left-left, ego-left, ego-right and ego-right-right are there, in the order of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from perception.config import SLOTS
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report, store
from perception.formats.labels import item, line, read_text, with_slots
from perception.formats.pictures import Names, inside, pictures_in, read_picture
from perception.lane import Lane

ENDING = ".lines.txt"

NO_SEGMENTATION = "-"
"""Written in place of a segmentation picture's path."""

Flags = tuple[bool, ...]


def is_culane(source: Path) -> bool:
    """Whether a folder holds files of CULane's ending."""
    return source.is_dir() and next(source.rglob(f"*{ENDING}"), None) is not None


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items of a folder: the pictures that `list/` names, or without it those with a lines file beside them.

    A list file itself may be given, to read its pictures alone.
    """
    root = list_root(source) if source.is_file() else source
    listed = listed_pictures(source, root, report)
    names = Names()
    for file, flags in listed.items():
        found = report.attempt(_item, root, file, flags, names, report, options)
        if found is not None:
            yield found


def list_root(path: Path) -> Path:
    """The folder that a list's paths begin at: the one that holds `list`."""
    return next((up.parent for up in path.absolute().parents if up.name == "list"), path.parent.parent)


def listed_pictures(source: Path, root: Path, report: Report) -> dict[str, Flags | None]:
    """Pictures by path, with the flags of their four lines where a list has them."""
    lists = [source] if source.is_file() else sorted(source.glob("list/*.txt"))
    found: dict[str, Flags | None] = {}
    for path in lists:
        for number, row in enumerate(read_text(path).splitlines(), 1):
            words = row.split()
            flags = report.attempt(_flags, words, f"{path}: line {number}")
            if flags is not None:
                file = words[0].lstrip("/")
                found[file] = flags or found.get(file)
                report.dropped.update(["segmentation pictures"] if flags and words[1] != NO_SEGMENTATION else [])
    if not lists:
        beside = [path for path in pictures_in(root) if path.with_suffix(ENDING).is_file()]
        found = {path.relative_to(root).as_posix(): None for path in beside}
    if not found:
        raise WhiteoutError(f"{source}: names no picture; give a folder with NAME.jpg and NAME.lines.txt, or a list.")
    return found


def _flags(words: Sequence[str], where: str) -> Flags | None:
    """The flags of a list's line, () where it has only a path, None where it is empty."""
    if not words:
        return None
    if len(words) == 1:
        return ()
    if len(words) != 2 + len(SLOTS) or not set(words[2:]) <= {"0", "1"}:
        raise WhiteoutError(f"{where} is no path, or path, segmentation and {len(SLOTS)} flags of 0 or 1; correct it.")
    return tuple(word == "1" for word in words[2:])


def _item(root: Path, file: str, flags: Flags | None, names: Names, report: Report, options: Options) -> Item:
    path = inside(root, file, f"{root}: list")
    picture = read_picture(path)
    report.dropped.update([picture.dropped] if picture.dropped else [])
    labels = path.with_suffix(ENDING)
    rows = [row.split() for row in read_text(labels).splitlines()]
    found = [report.attempt(_lane, row, f"{labels}: line {number}") for number, row in enumerate(rows, 1) if row]
    slots = [slot for slot, there in zip(SLOTS, flags or (), strict=bool(flags)) if there]
    size = (picture.image.shape[1], picture.image.shape[0])
    if len(slots) == len(found):
        lines = tuple(replace(lane, slot=slot) for lane, slot in zip(found, slots, strict=True) if lane is not None)
    else:
        lines = with_slots([lane for lane in found if lane is not None], size)
        if flags:
            report.left_out.append(
                f"{labels}: {len(found)} lines, but flags of {len(slots)} in {root / 'list'}; correct it."
            )
    return item(names.take(file), file, picture, lanes=lines, fov=options.fov)


def _lane(words: Sequence[str], where: str) -> Lane:
    return line(pairs(words, where), where)


def pairs(words: Sequence[str], where: str) -> list[tuple[float, float]]:
    """The points of one line of a lines file [px]."""
    if len(words) % 2:
        raise WhiteoutError(f"{where} has {len(words)} numbers, which are no pairs of x and y; correct it.")
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise WhiteoutError(f"{where} holds a word that is no number ({error}); correct it.") from error
    return list(zip(values[::2], values[1::2], strict=True))


class CuLaneWriter:
    """Writes pictures, lines files, `list/all.txt`, and `list/all_gt.txt` of the pictures whose four lines are told."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options, report
        self._folder = folder
        self._files: list[str] = []
        self._flagged: list[str] = []

    def add(self, item: Item) -> None:
        """Add one picture with its lines; text has every digit, so the points come back as they are.

        White space in a path becomes "_", as a list could not tell where the path ends.
        """
        file = store(item, self._folder, "_".join(item.file.split()), beside=ENDING)
        lanes = [" ".join(f"{x!r} {y!r}" for x, y in lane.pixels.tolist()) + "\n" for lane in item.frame.lanes]
        (self._folder / file).with_suffix(ENDING).write_text("".join(lanes), encoding="utf-8")
        self._files.append(f"/{file}\n")
        slots = [lane.slot for lane in item.frame.lanes]
        if slots == [slot for slot in SLOTS if slot in slots]:
            flags = " ".join(str(int(slot in slots)) for slot in SLOTS)
            self._flagged.append(f"/{file} {NO_SEGMENTATION} {flags}\n")

    def finish(self) -> None:
        """Write the lists."""
        (self._folder / "list").mkdir(exist_ok=True)
        (self._folder / "list" / "all.txt").write_text("".join(self._files), encoding="utf-8")
        (self._folder / "list" / "all_gt.txt").write_text("".join(self._flagged), encoding="utf-8")
