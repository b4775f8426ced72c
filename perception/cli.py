"""`whiteout train` and `whiteout evaluate`; the package's other subcommands are added from their own modules."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from perception.adapters.spec import REFERENCE, SHORT_HELP
from perception.arguments import (
    above_zero,
    add_training_options,
    command_line,
    natural,
    open_sources,
    positive,
    show_figures,
    use_threads,
)
from perception.compress.cli import PROVIDERS_HELP, add_compress
from perception.errors import WhiteoutError
from perception.formats.cli import add_convert
from perception.pretraining.cli import add_find, add_pretrain

if TYPE_CHECKING:
    from perception.config import ModelConfig
    from perception.train import TrainConfig


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this package's subcommands."""
    train = commands.add_parser("train", help="fit a model to drives", description="Fit a model to drives.")
    train.add_argument(
        "drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames (drive or shards)"
    )
    train.add_argument("--out", type=Path, metavar="W.safetensors", help="weights to write, card beside")
    train.add_argument(
        "--overfit", type=positive, metavar="N", help="only check that N pictures can be learned by heart (try 4)"
    )
    train.add_argument(
        "--val", nargs="+", type=Path, default=[], metavar="DRIVE", help="drives for the final evaluation"
    )
    train.add_argument("--steps", type=positive, help="optimiser steps (default 4000; with --overfit 300)")
    train.add_argument("--backbone", default="mobilenet_v3_large", help="feature extractor (default %(default)s)")
    add_training_options(train, batch=8, rate=1.5e-3)
    train.add_argument("--init", type=Path, metavar="W.safetensors", help="weights to begin with (default: random)")
    train.add_argument(
        "--backbone-weights", type=Path, metavar="B.safetensors", help="the backbone begins at these (see pretrain)"
    )
    train.add_argument("--teacher", type=Path, metavar="W.safetensors", help="a model to learn from beside the labels")
    train.add_argument(
        "--no-attributes",
        dest="attributes",
        action="store_false",
        help="leave out the heads for distance, occlusion, kind and colour",
    )
    train.add_argument("--balance", default="fixed", help="loss weights: fixed (the default) or uncertainty (learned)")
    train.add_argument(
        "--patience", type=natural, default=0, metavar="N", help="stop after N validations on --val without a gain"
    )
    train.add_argument(
        "--validate-every", type=positive, default=500, metavar="N", help="steps between them (default %(default)s)"
    )
    train.add_argument("--devices", type=positive, default=1, help="GPUs that share each batch (default %(default)s)")
    train.add_argument("--workers", type=natural, metavar="N", help="processes that make batches (default: by cores)")
    train.add_argument("--log", type=Path, metavar="DIR", help="write curves for TensorBoard here")
    train.set_defaults(run=run_train)
    score = commands.add_parser("evaluate", help="score a model on drives", description="Score a model on drives.")
    score.add_argument(
        "drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames (drive or shards)"
    )
    score.add_argument("--model", default=REFERENCE, metavar="SPEC", help=SHORT_HELP)
    score.add_argument("--provider", default="cpu", help=PROVIDERS_HELP)
    score.add_argument(
        "--metric", choices=("coco", "tusimple", "culane"), help="the benchmark's own figures instead of ours"
    )
    score.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="score this file or folder in the benchmark's format, without a model; DRIVE is then the label file",
    )
    score.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    score.add_argument(
        "--camera-height", type=above_zero, default=1.45, metavar="M", help="above the road (default %(default)s m)"
    )
    score.add_argument("--threads", type=positive, default=None, help="processor threads (default: all cores)")
    score.set_defaults(run=run_evaluate)
    add_pretrain(commands)
    add_find(commands)
    add_convert(commands)
    add_compress(commands)


def run_train(args: argparse.Namespace) -> int:
    """Handle `whiteout train`; with `--overfit`, 1 means that the pictures could not be learned."""
    from perception.config import ModelConfig
    from perception.train import TrainConfig, train

    use_threads(args.threads)
    width, height = args.size
    model_config = ModelConfig(
        backbone=args.backbone,
        input_width=width,
        input_height=height,
        object_attributes=args.attributes,
        lane_attributes=args.attributes,
    )
    config = TrainConfig(
        steps=args.steps or (300 if args.overfit else 4000),
        batch=args.batch,
        learning_rate=args.rate,
        seed=args.seed,
        checkpoint_every=args.checkpoint_every,
        precision=args.precision,
        balance=args.balance,
        patience=args.patience,
        validate_every=args.validate_every,
        accelerator=args.accelerator,
        devices=args.devices,
    )
    if args.overfit:
        return _overfit(args.drives, args.overfit, config, model_config)
    if args.out is None:
        raise WhiteoutError("train: where to write the weights was not said; add --out W.safetensors.")
    card = train(
        open_sources(args.drives),
        args.out,
        config,
        model_config=model_config,
        init=args.init,
        backbone_weights=args.backbone_weights,
        teacher=args.teacher,
        val=open_sources(args.val),
        resume=args.resume,
        command=command_line(),
        workers=args.workers,
        log=args.log,
    )
    show_figures(dict(card.facts["metrics"]))  # type: ignore[arg-type]
    return 0


def _overfit(drives: list[Path], count: int, config: TrainConfig, model_config: ModelConfig) -> int:
    from perception.overfit import overfit

    result = overfit(open_sources(drives), count, config, model_config)
    print("\n".join(result.sentences()))
    return 0 if result.passed else 1


def run_evaluate(args: argparse.Namespace) -> int:
    """Handle `whiteout evaluate`."""
    from perception.adapters.candidate import open_model
    from perception.inference import evaluate_model
    from perception.weights import replace_file

    if args.predictions:
        return _score_predictions(args)
    use_threads(args.threads)
    drives = open_sources(args.drives)
    model = open_model(args.model, args.provider)
    if args.metric:
        from perception.benchmarks.table import score_model

        figures: dict[str, object] = {**score_model(args.metric, model, drives)}
    else:
        figures = evaluate_model(model, drives, camera_height=args.camera_height).to_dict()
    show_figures(figures)
    if args.json:
        data = {"model": args.model, "weights_hash": model.weights_hash()}
        hashes = {str(drive.path): drive.content_hash for drive in drives}
        text = json.dumps({**data, "drives": hashes, "metrics": figures}, indent=2, allow_nan=False)
        replace_file(args.json, text.encode() + b"\n")
    return 0


def _score_predictions(args: argparse.Namespace) -> int:
    """Score predictions on disk by a benchmark's rules."""
    from perception.benchmarks.table import score_predictions
    from perception.weights import replace_file

    if args.metric is None or len(args.drives) != 1:
        raise WhiteoutError("--predictions needs --metric, and one label file or folder to score them against.")
    figures = score_predictions(args.metric, args.drives[0], args.predictions)
    show_figures({**figures})
    if args.json:
        data = {"truth": str(args.drives[0]), "predictions": str(args.predictions), "metrics": figures}
        replace_file(args.json, json.dumps(data, indent=2, allow_nan=False).encode() + b"\n")
    return 0
