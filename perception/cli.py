"""`whiteout train` and `whiteout evaluate`."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perception.adapters.spec import REFERENCE, SHORT_HELP

if TYPE_CHECKING:
    from perception.drive import Drive


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this package's subcommands."""
    train = commands.add_parser("train", help="fit a model to drives", description="Fit a model to drives.")
    train.add_argument("drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames")
    train.add_argument("--out", type=Path, required=True, metavar="W.safetensors", help="weights to write, card beside")
    train.add_argument(
        "--val", nargs="+", type=Path, default=[], metavar="DRIVE", help="drives for the final evaluation"
    )
    train.add_argument("--steps", type=_positive, default=4000, help="optimiser steps (default %(default)s)")
    train.add_argument("--batch", type=_positive, default=8, help="pictures per step (default %(default)s)")
    train.add_argument("--rate", type=_above_zero, default=1.5e-3, help="peak learning rate (default %(default)s)")
    train.add_argument("--seed", type=_natural, default=0, help="of weights, order, variations (default %(default)s)")
    train.add_argument("--backbone", default="mobilenet_v3_large", help="feature extractor (default %(default)s)")
    train.add_argument("--size", type=_size, default=(480, 288), metavar="WxH", help="input size (default 480x288)")
    train.add_argument("--init", type=Path, metavar="W.safetensors", help="weights to begin with (default: random)")
    train.add_argument("--checkpoint-every", type=_positive, default=100, metavar="N", help="steps between checkpoints")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out, if there is one")
    train.add_argument("--threads", type=_positive, default=None, help="processor threads (default: all cores)")
    train.set_defaults(run=run_train)
    score = commands.add_parser("evaluate", help="score a model on drives", description="Score a model on drives.")
    score.add_argument("drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames")
    score.add_argument("--model", default=REFERENCE, metavar="SPEC", help=SHORT_HELP)
    score.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    score.add_argument("--threads", type=_positive, default=None, help="processor threads (default: all cores)")
    score.set_defaults(run=run_evaluate)


def run_train(args: argparse.Namespace) -> int:
    """Handle `whiteout train`."""
    from perception.config import ModelConfig
    from perception.train import TrainConfig, train

    _use_threads(args.threads)
    width, height = args.size
    config = TrainConfig(
        steps=args.steps,
        batch=args.batch,
        learning_rate=args.rate,
        seed=args.seed,
        checkpoint_every=args.checkpoint_every,
    )
    card = train(
        _open(args.drives),
        args.out,
        config,
        model_config=ModelConfig(backbone=args.backbone, input_width=width, input_height=height),
        init=args.init,
        val=_open(args.val),
        resume=args.resume,
        command=shlex.join(["whiteout", *sys.argv[1:]]),
    )
    _show(dict(card.facts["metrics"]))  # type: ignore[arg-type]
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    """Handle `whiteout evaluate`."""
    from perception.adapters.candidate import open_model
    from perception.inference import evaluate_model
    from perception.weights import replace_file

    _use_threads(args.threads)
    drives = _open(args.drives)
    model = open_model(args.model)
    figures = evaluate_model(model, drives).to_dict()
    _show(figures)
    if args.json:
        data = {"model": args.model, "weights_hash": model.weights_hash()}
        hashes = {str(drive.path): drive.content_hash for drive in drives}
        text = json.dumps({**data, "drives": hashes, "metrics": figures}, indent=2, allow_nan=False)
        replace_file(args.json, text.encode() + b"\n")
    return 0


def _open(paths: list[Path]) -> list[Drive]:
    from perception.drive import Drive

    return [Drive.open(path) for path in paths]


def _use_threads(threads: int | None) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)


def _show(figures: dict[str, object]) -> None:
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


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 on")
    return number


def _above_zero(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is no size; write width and height like 480x288")
    return int(parts[0]), int(parts[1])
