"""Where cells keep their results: one small file each, there whole or not at all, named by the cell's key.

OUT/cells/drives/KEY/         a drive
OUT/cells/KIND/KEY.json       rows of the table and facts for the report
OUT/cells/KIND/KEY-*.png      pictures for the report, written before the file that names them
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jaxtyping import UInt8
from numpy import ndarray

from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.raster import encode_png
from perception.weights import replace_file
from robustness.cells import Cell, DriveCell, ModelCell
from robustness.scoring import Row


@dataclass(frozen=True)
class Result:
    """What a cell found.

    Attributes:
        rows: for the results table.
        facts: whatever else the summary needs, as JSON takes it.
        pictures: names of the PNGs beside the file.
    """

    rows: tuple[Row, ...]
    facts: dict[str, object] = field(default_factory=dict)
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Store:
    """The folder of one campaign.

    Attributes:
        out: the campaign's output folder.
    """

    out: Path

    def drive_path(self, cell: DriveCell) -> Path:
        """Where a drive lies; the first 16 digits of the key keep paths short."""
        return self.out / "cells" / "drives" / cell.key[:16]

    def result_path(self, cell: ModelCell) -> Path:
        """Where the result of a cell with a model lies."""
        return self.out / "cells" / cell.kind / f"{cell.key}.json"

    def picture_path(self, cell: ModelCell, name: str) -> Path:
        """Where a picture of a cell lies."""
        return self.result_path(cell).with_name(f"{cell.key[:16]}-{name}.png")

    def has(self, cell: Cell) -> bool:
        """Whether the cell was computed, and everything that it wrote is still there."""
        if isinstance(cell, DriveCell):
            return (self.drive_path(cell) / "meta.json").is_file()
        try:
            return all((self.result_path(cell).parent / name).is_file() for name in self.read(cell).pictures)
        except WhiteoutError:
            return False

    def drive(self, cell: DriveCell) -> Drive:
        """Open a drive that was played."""
        return Drive.open(self.drive_path(cell))

    def read(self, cell: ModelCell) -> Result:
        """A cell's result."""
        path = self.result_path(cell)
        try:
            content = json.loads(path.read_bytes())
            rows = tuple(Row(*row) for row in content["rows"])
            return Result(rows, content["facts"], tuple(content["pictures"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WhiteoutError(
                f"{path}: the cell's result cannot be read ({error}); remove it and run again"
            ) from error

    def write(
        self, cell: ModelCell, result: Result, pictures: Sequence[tuple[str, UInt8[ndarray, "h w 3"]]] = ()
    ) -> None:
        """Keep a result; its pictures go first."""
        for name, picture in pictures:
            replace_file(self.picture_path(cell, name), encode_png(picture))
        content = {
            "cell": cell.key,
            "rows": [list(asdict(row).values()) for row in result.rows],
            "facts": result.facts,
            "pictures": [self.picture_path(cell, name).name for name, _ in pictures],
        }
        replace_file(self.result_path(cell), json.dumps(content, separators=(",", ":"), allow_nan=False).encode())
