"""From one format to another: read item by item, count what gets lost, write a folder that is whole or not there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perception.errors import WhiteoutError
from perception.formats.item import Options, Report
from perception.formats.labels import contents
from perception.formats.table import FORMATS, guess


def convert(
    source: Path, out: Path, to: str, source_format: str | None = None, options: Options | None = None
) -> Report:
    """Write what `source` holds to the new folder `out` in the format `to`.

    A picture or label that is wrong is left out with its reason; if nothing is left, that is a `WhiteoutError`.
    """
    options = options or Options()
    name = source_format or guess(source)
    if not source.exists():
        raise WhiteoutError(f"{source}: there is no such file or folder; check the path.")
    report = Report()
    target = FORMATS[to]
    with _new_folder(out) as folder, target.writing(folder, options, report) as add:
        for item in FORMATS[name].read(source, report, options):
            add(item)
            report.written += 1
            held = contents(item.frame, to)
            report.dropped.update(
                {kind: n for kind, n in held.items() if target.holds is not None and kind not in target.holds}
            )
        if not report.written:
            reason = f", the first reason: {report.left_out[0]}" if report.left_out else ""
            raise WhiteoutError(f"{source}: no picture could be read as {name}{reason or '; check --from.'}")
    return report


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """A place beside `out` for a folder that becomes `out` once the block is left without an exception."""
    if out.exists():
        raise WhiteoutError(f"{out}: exists already; remove it or choose another place.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".partial", dir=out.parent) as room:
        yield Path(room) / "new"
        (Path(room) / "new").rename(out)
