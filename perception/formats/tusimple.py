"""TuSimple lane detection: `label_data*.json`, one JSON object a line, with pictures below the same folder.

Format: https://github.com/TuSimple/tusimple-benchmark, doc/lane_detection. `raw_file` is the picture's path,
`h_samples` are rows of the picture [px], `lanes` gives for each line its place in every row [px], -2 where the line
is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report, store
from perception.formats.labels import item, line, numbers, parse_object, read_text, text, with_slots
from perception.formats.pictures import Names, inside, read_picture
from perception.lane import Lane

ABSENT = -2
"""Place of a line in a row where it is not."""

STEP = 10
"""Rows between two samples where the source names none [px of 720]."""

FIRST = 160
"""First row that is sampled there [px of 720]."""

HEIGHT = 720
"""Height of TuSimple's pictures [px]."""

Record = dict[str, object]


def label_files(source: Path) -> list[Path]:
    """The label files that `source` names: itself, or all in its folder."""
    if source.is_file():
        return [source]
    return [path for path in sorted(source.glob("*.json")) if is_tusimple(path)]


def is_tusimple(path: Path) -> bool:
    """Whether a file's first line looks like TuSimple's."""
    with path.open("rb") as stream:
        first = stream.readline()
    return b'"raw_file"' in first and b'"lanes"' in first


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items of a label file, or of all label files in a folder."""
    files = label_files(source)
    if not files:
        raise WhiteoutError(f"{source}: holds no label file of TuSimple's; name one, such as label_data_0313.json.")
    names = Names()
    seen: set[object] = set()
    for file in files:
        for number, row in enumerate(read_text(file).splitlines(), 1):
            entry = report.attempt(_record, row, f"{file}: line {number}", seen) if row.strip() else None
            found = report.attempt(_item, file, number, entry, names, report, options) if entry else None
            if found is not None:
                yield found


def _record(row: str, where: str, seen: set[object]) -> Record:
    entry = parse_object(row, where)
    file = text(entry, "raw_file", where)
    if file in seen:
        raise WhiteoutError(f"{where}: raw_file is {file!r} for the second time; remove one of them.")
    seen.add(file)
    return entry


def _item(file: Path, number: int, entry: Record, names: Names, report: Report, options: Options) -> Item:
    where = f"{file}: line {number}"
    path = text(entry, "raw_file", where)
    rows = numbers(entry.get("h_samples"), f"{where}: h_samples")
    lanes = entry.get("lanes")
    if not isinstance(lanes, list):
        raise WhiteoutError(f"{where}: lanes is {lanes!r}, not a list; correct it.")
    picture = read_picture(inside(file.parent, path, f"{where}: raw_file"))
    report.dropped.update([picture.dropped] if picture.dropped else [])
    found = [report.attempt(_lane, xs, rows, f"{where}: lanes.{i}") for i, xs in enumerate(lanes)]
    size = (picture.image.shape[1], picture.image.shape[0])
    lines = with_slots([one for one in found if one is not None], size)
    known = {"h_samples": rows}
    return item(names.take(path), path, picture, lanes=lines, fov=options.fov, facts={"tusimple": known})


def _lane(value: object, rows: Sequence[float | int], where: str) -> Lane | None:
    """A line; None where it has no place in any row, as labels that always list the same number of lines have."""
    xs = numbers(value, where)
    if all(x < 0 for x in xs):
        return None
    if len(xs) != len(rows):
        raise WhiteoutError(f"{where} has {len(xs)} places for {len(rows)} rows of h_samples; correct it.")
    return line([(x, y) for x, y in zip(xs, rows, strict=True) if not x < 0], where)


def places(pixels: Float[ndarray, "n 2"], rows: Sequence[float | int], width: float) -> list[float | int]:
    """Where a line is in each of `rows` [px]; `ABSENT` beyond its ends and beside a picture of `width` [px]."""
    order = np.argsort(pixels[:, 1], kind="stable")
    xs, ys = pixels[order, 0], pixels[order, 1]
    found = np.interp(rows, ys, xs)
    there = (np.asarray(rows) >= ys[0]) & (np.asarray(rows) <= ys[-1]) & (found >= 0) & (found <= width)
    return [round(float(x), 6) if here else ABSENT for x, here in zip(found, there, strict=True)]


def is_sampled(line_places: Sequence[float | int]) -> bool:
    """Whether a line is in two rows or more; others are no lines to TuSimple."""
    return sum(place != ABSENT for place in line_places) >= 2


def sample_rows(height: int) -> list[float | int]:
    """The rows that TuSimple's own labels sample, for a picture of `height` [px]."""
    return [row * height / HEIGHT for row in range(FIRST, HEIGHT, STEP)]


class TuSimpleWriter:
    """Writes `label_data.json`, and the pictures where `raw_file` says."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options
        self._folder = folder
        self._report = report
        self._lines: list[str] = []

    def add(self, item: Item) -> None:
        """Add one picture with its lines, sampled in the source's rows or, where it had none, in TuSimple's."""
        known = item.frame.meta.get("tusimple")
        rows = known.get("h_samples") if isinstance(known, dict) else None
        height, width = item.frame.image.shape[:2]
        rows = rows if isinstance(rows, list) and rows else sample_rows(height)
        lanes = [self._sampled(lane, rows, float(width)) for lane in item.frame.lanes]
        lanes = [lane for lane in lanes if lane]
        entry = {"lanes": lanes, "h_samples": rows, "raw_file": store(item, self._folder)}
        self._lines.append(json.dumps(entry, allow_nan=False) + "\n")

    def _sampled(self, lane: Lane, rows: Sequence[float | int], width: float) -> list[float | int]:
        """The line's places in the rows; none where fewer than two are in the picture."""
        found = places(lane.pixels, rows, width)
        if not is_sampled(found):
            self._report.dropped["lines that cross fewer than two sampled rows"] += 1
            return []
        x, y = lane.pixels.T
        lost = int(np.count_nonzero(~np.isin(y, rows) | (x < 0) | (x > width)))
        self._report.dropped.update({"points beside the sampled rows": lost} if lost else {})
        return found

    def finish(self) -> None:
        """Write the label file."""
        (self._folder / "label_data.json").write_text("".join(self._lines), encoding="utf-8")
