"""`whiteout pretrain` and `whiteout find`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perception.arguments import (
    above_zero,
    add_training_options,
    command_line,
    positive,
    show_figures,
    use_threads,
)
from perception.errors import WhiteoutError

if TYPE_CHECKING:
    from perception.drive import Drive
    from perception.pretraining.fit import FitConfig
    from perception.weights import Card


def add_pretrain(commands: argparse._SubParsersAction) -> None:
    """Add `whiteout pretrain`."""
    text = "Train a backbone on pictures without labels (mae, simmim), or towers for pictures and words (clip)."
    pretrain = commands.add_parser("pretrain", help="train a backbone without labels", description=text)
    pretrain.add_argument("drives", nargs="+", type=Path, metavar="DRIVE", help="drive, or any folder of pictures")
    pretrain.add_argument("--out", type=Path, required=True, metavar="B.safetensors", help="weights to write")
    pretrain.add_argument("--method", default="mae", help="mae, simmim or clip (default %(default)s)")
    pretrain.add_argument("--backbone", default="vit_tiny", help="feature extractor (default %(default)s)")
    pretrain.add_argument("--backbone-weights", type=Path, metavar="B.safetensors", help="clip: begin at these")
    pretrain.add_argument("--pooling", default="attention", help="clip: attention or average (default %(default)s)")
    pretrain.add_argument(
        "--mask", type=above_zero, default=0.75, help="mae, simmim: hidden share (default %(default)s)"
    )
    pretrain.add_argument("--steps", type=positive, default=4000, help="optimiser steps (default %(default)s)")
    add_training_options(pretrain, batch=16, rate=1e-3)
    pretrain.set_defaults(run=run_pretrain)


def add_find(commands: argparse._SubParsersAction) -> None:
    """Add `whiteout find`."""
    found = commands.add_parser("find", help="find frames by words", description="Find frames by words.")
    found.add_argument("drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames")
    found.add_argument("words", metavar="WORDS", help='such as "low sun on snow, truck ahead"')
    found.add_argument(
        "--model", required=True, help="clip weights (.safetensors), open_clip:FOLDER or transformers:FOLDER"
    )
    found.add_argument("--top", type=positive, default=10, metavar="N", help="frames to print (default %(default)s)")
    found.add_argument("--sheet", type=Path, metavar="FILE.png", help="write the pictures found on one sheet too")
    found.add_argument("--threads", type=positive, default=None, help="processor threads (default: all cores)")
    found.set_defaults(run=run_find)


def run_pretrain(args: argparse.Namespace) -> int:
    """Handle `whiteout pretrain`."""
    from perception.pretraining.fit import FitConfig

    use_threads(args.threads)
    fit_config = FitConfig(
        steps=args.steps,
        batch=args.batch,
        learning_rate=args.rate,
        seed=args.seed,
        checkpoint_every=args.checkpoint_every,
        precision=args.precision,
        accelerator=args.accelerator,
    )
    card = _pretrain_clip(args, fit_config) if args.method == "clip" else _pretrain_painter(args, fit_config)
    show_figures({"loss": card.facts["loss"]})
    return 0


def _pretrain_painter(args: argparse.Namespace, fit_config: FitConfig) -> Card:
    from perception.pretraining.pretrain import PretrainConfig, pretrain

    if args.backbone_weights is not None:
        raise WhiteoutError(f"pretrain: {args.method} begins at random weights; leave --backbone-weights out.")
    config = PretrainConfig(args.method, args.backbone, args.mask, *args.size)
    return pretrain(args.drives, args.out, config, fit_config, resume=args.resume, command=command_line())


def _pretrain_clip(args: argparse.Namespace, fit_config: FitConfig) -> Card:
    from perception.pretraining.clip import ClipConfig
    from perception.pretraining.clip_training import train_clip

    return train_clip(
        _drives(args.drives),
        args.out,
        ClipConfig(args.backbone, args.pooling, *args.size),
        fit_config,
        backbone_weights=args.backbone_weights,
        resume=args.resume,
        command=command_line(),
    )


def run_find(args: argparse.Namespace) -> int:
    """Handle `whiteout find`."""
    from perception.contact_sheet import write_sheet
    from perception.pretraining.clip import Clip
    from perception.pretraining.public_clip import load_picture_words
    from perception.pretraining.retrieval import find

    use_threads(args.threads)
    model = load_picture_words(args.model)
    if isinstance(model, Clip) and model.unknown(args.words):
        print(f"left out, since the model never saw them: {', '.join(model.unknown(args.words))}", file=sys.stderr)
    frames = find(model, _drives(args.drives), args.words, args.top)
    for frame in frames:
        print(f"{frame.score:.3f}  {frame.path}")
    if args.sheet is not None:
        write_sheet(args.sheet, [(frame.path, f"{frame.score:.3f}  {frame.path.stem}") for frame in frames])
    return 0


def _drives(paths: list[Path]) -> list[Drive]:
    """Drives, whose meta.json the words come from; shards have none."""
    from perception.drive import Drive

    return [Drive.open(path) for path in paths]
