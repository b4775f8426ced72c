"""What `whiteout compress` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from perception.compress.build import Built
from perception.compress.compare import Row


def show_built(built: Built, out: Path) -> None:
    """Print what was made, layer by layer if it was quantised."""
    console, facts = Console(), built.imprint.facts
    if built.layers:
        table = Table("layer", "kind", "weights", "now")
        for layer in built.layers:
            table.add_row(layer.name, layer.kind, str(layer.weights), "int8" if layer.quantised else "float32")
        console.print(table)
    correlation = facts.get("correlation")
    if isinstance(correlation, dict):
        text = ", ".join(f"{name} {value:.4f}" for name, value in correlation.items())
        console.print(f"correlation with the model's outputs on {facts['compared_on']}: {text}")
    console.print(f"largest difference from the model's outputs on {facts['compared_on']}: {facts['difference']:.2g}")
    console.print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {built.imprint.form}", highlight=False)


def show_comparison(rows: Sequence[Row]) -> None:
    """Print a line for each model."""
    batches = list(rows[0].milliseconds)
    table = Table("model", "form", "MB", *(f"batch {batch} [ms]" for batch in batches), "car AP50", "lane F1")
    for row in rows:
        times = [f"{row.milliseconds[batch]:.1f}" for batch in batches]
        scores = ["-" if value is None else f"{value:.3f}" for value in (row.car_ap50, row.lane_f1)]
        table.add_row(row.name, row.form, f"{row.megabytes:.1f}", *times, *scores)
    Console().print(table)
