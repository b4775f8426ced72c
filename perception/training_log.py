"""What a training shows while it runs: a progress bar, and curves for TensorBoard where a folder is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from perception.errors import WhiteoutError

CURVE_EVERY = 10
"""Steps between the points of a curve."""


@runtime_checkable
class Curves(Protocol):
    """What is asked of TensorBoard's writer."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Add a point to a curve."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class TrainingLog:
    """A context in which steps and validations are shown; a silent one shows nothing."""

    def __init__(self, done: int, total: int, folder: Path | None = None, *, silent: bool = False) -> None:
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[losses]}"))
        self._bar = Progress(TextColumn("training"), *columns, console=Console(stderr=True), disable=silent)
        self._task = self._bar.add_task("training", total=total, completed=done, losses="")
        self._curves = None if folder is None or silent else _curves(folder, done)

    def __enter__(self) -> TrainingLog:  # noqa: PYI034 (Self is not checked on single methods)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._curves is not None:
            self._curves.close()

    def step(self, step: int, losses: Mapping[str, float], facts: Mapping[str, float]) -> None:
        """After `step` steps: the losses' running means, and facts that only the curves show."""
        text = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._bar.update(self._task, completed=step, losses=text)
        if self._curves is not None and step % CURVE_EVERY == 0:
            for name, value in {**{f"loss/{key}": loss for key, loss in losses.items()}, **facts}.items():
                self._curves.add_scalar(name, value, step)

    def validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures of the averaged weights on the validation drives after `step` steps."""
        text = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        self._bar.console.print(f"step {step}: {text}", highlight=False)
        if self._curves is not None:
            for name, value in figures.items():
                self._curves.add_scalar(f"validation/{name}", value, step)


def _curves(folder: Path, done: int) -> Curves:
    """TensorBoard's writer; a resumed training's takes back the points after `done`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise WhiteoutError(
            f"{folder}: curves need the package tensorboard; run `pip install tensorboard`, or train without --log."
        ) from error
    writer: Curves = SummaryWriter(str(folder), purge_step=done or None)
    return writer
