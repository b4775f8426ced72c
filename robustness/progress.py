"""How far a campaign is, on the terminal: cells done, what runs now, time left."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich import progress
from rich.console import Console

from robustness.cells import Cell
from robustness.gallery import cell_name
from robustness.worker import Message


class Progress:
    """A bar over the work of all cells; a context manager whose `hear` is an executor's listener."""

    def __init__(self, cells: Sequence[Cell], done: Sequence[Cell], *, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self._bar = progress.Progress(
            progress.TextColumn("{task.fields[cells]} cells"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
            progress.TextColumn("{task.description}"),
            console=console,
            disable=quiet,
        )
        self._says_lines = not quiet and not console.is_terminal
        self._total = len(cells)
        self._done = len(done)
        self._spent: dict[str, float] = {}
        missing = sum(cell.cost for cell in cells) - sum(cell.cost for cell in done)
        self._task = self._bar.add_task("", total=missing, cells=self._cells())

    def __enter__(self) -> Progress:  # noqa: PYI034 - beartype refuses Self outside decorated classes
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def hear(self, cell: Cell, message: Message) -> None:
        """Take in what a worker says."""
        spent = cell.cost * (message.share if message.kind == "part" else 1.0)
        self._bar.advance(self._task, spent - self._spent.get(cell.key, 0.0))
        self._spent[cell.key] = spent
        self._done += message.kind != "part"
        if message.kind == "failed":
            self._bar.console.print(f"failed: {cell_name(cell)}: {message.sentence}", style="red", markup=False)
        self._bar.update(self._task, description=cell_name(cell), cells=self._cells())
        if self._says_lines and message.kind == "done":
            self._bar.console.print(f"{self._cells()} cells: {cell_name(cell)}", markup=False, highlight=False)

    def _cells(self) -> str:
        return f"{self._done}/{self._total}"
