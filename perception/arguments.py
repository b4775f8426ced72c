"""What the subcommands share: types of arguments, and what is done with them."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perception.shards import FrameSource


def open_sources(paths: list[Path]) -> list[FrameSource]:
    """Open drives or shard sets."""
    from perception.shards import open_source

    return [open_source(path) for path in paths]


def command_line() -> str:
    """The command line, for a card."""
    return shlex.join(["whiteout", *sys.argv[1:]])


def use_threads(threads: int | None) -> None:
    """Bound torch's threads, where a number is said."""
    import torch

    if threads:
        torch.set_num_threads(threads)


def show_figures(figures: dict[str, object]) -> None:
    """Print figures as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value")
    for name, value in figures.items():
        entries = {f"{name} {key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
        for label, number in entries.items():
            table.add_row(
                label, "-" if number is None else f"{number:.3f}" if isinstance(number, float) else str(number)
            )
    Console().print(table)


def add_training_options(parser: argparse.ArgumentParser, *, batch: int, rate: float) -> None:
    """The options of every training but its `--steps`."""
    parser.add_argument("--batch", type=positive, default=batch, help="pictures per step (default %(default)s)")
    parser.add_argument("--rate", type=above_zero, default=rate, help="peak learning rate (default %(default)s)")
    parser.add_argument("--seed", type=natural, default=0, help="of all that is left to chance (default %(default)s)")
    parser.add_argument(
        "--size", type=picture_size, default=(480, 288), metavar="WxH", help="input size (default 480x288)"
    )
    parser.add_argument("--checkpoint-every", type=positive, default=100, metavar="N", help="steps between checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out, if there is one")
    parser.add_argument(
        "--accelerator", default="auto", help="cpu, cuda or auto (the default: cuda where there is one)"
    )
    parser.add_argument("--precision", default="auto", help="32-true, bf16-mixed or auto (the default: what is fast)")
    parser.add_argument("--threads", type=positive, default=None, help="processor threads (default: all cores)")


def positive(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def natural(text: str) -> int:
    """A whole number from 0 on."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 on")
    return number


def above_zero(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def field_of_view(text: str) -> float:
    """An angle between 0 and 180 [degrees]."""
    number = float(text)
    if not 0 < number < 180:
        raise argparse.ArgumentTypeError(f"{text} is not an angle between 0 and 180 degrees")
    return number


def picture_size(text: str) -> tuple[int, int]:
    """Width and height [px], like 480x288."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is no size; write width and height like 480x288")
    return int(parts[0]), int(parts[1])
