"""`whiteout pretrain`, `train`, `evaluate`, `find`, `convert` and, from `perception.compress.cli`, `compress`."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perception.compress.cli import PROVIDERS_HELP, add_compress
from perception.errors import WhiteoutError

if TYPE_CHECKING:
    from perception.config import ModelConfig
    from perception.pretraining.fit import FitConfig
    from perception.shards import FrameSource
    from perception.train import TrainConfig
    from perception.weights import Card

FORMAT_NAMES = ("drive", "coco", "tusimple", "culane", "kitti", "bdd100k", "nuscenes", "images", "webdataset")
"""The keys of `perception.formats.table.FORMATS`, known without importing it."""

LISTED = 20
"""Sentences on what was left out that are printed."""


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add this package's subcommands."""
    train = commands.add_parser("train", help="fit a model to drives", description="Fit a model to drives.")
    train.add_argument(
        "drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames (drive or shards)"
    )
    train.add_argument("--out", type=Path, metavar="W.safetensors", help="weights to write, card beside")
    train.add_argument(
        "--overfit", type=_positive, metavar="N", help="only check that N pictures can be learned by heart (try 4)"
    )
    train.add_argument(
        "--val", nargs="+", type=Path, default=[], metavar="DRIVE", help="drives for the final evaluation"
    )
    train.add_argument("--steps", type=_positive, help="optimiser steps (default 4000; with --overfit 300)")
    train.add_argument("--batch", type=_positive, default=8, help="pictures per step (default %(default)s)")
    train.add_argument("--rate", type=_above_zero, default=1.5e-3, help="peak learning rate (default %(default)s)")
    train.add_argument("--seed", type=_natural, default=0, help="of weights, order, variations (default %(default)s)")
    train.add_argument("--backbone", default="mobilenet_v3_large", help="feature extractor (default %(default)s)")
    train.add_argument("--size", type=_size, default=(480, 288), metavar="WxH", help="input size (default 480x288)")
    train.add_argument("--init", type=Path, metavar="W.safetensors", help="weights to begin with (default: random)")
    train.add_argument(
        "--backbone-weights", type=Path, metavar="B.safetensors", help="the backbone begins at these (see pretrain)"
    )
    train.add_argument("--teacher", type=Path, metavar="W.safetensors", help="a model to learn from beside the labels")
    train.add_argument("--checkpoint-every", type=_positive, default=100, metavar="N", help="steps between checkpoints")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out, if there is one")
    train.add_argument("--threads", type=_positive, default=None, help="processor threads (default: all cores)")
    train.add_argument(
        "--no-attributes",
        dest="attributes",
        action="store_false",
        help="leave out the heads for distance, occlusion, kind and colour",
    )
    train.add_argument("--balance", default="fixed", help="loss weights: fixed (the default) or uncertainty (learned)")
    train.add_argument(
        "--patience", type=_natural, default=0, metavar="N", help="stop after N validations on --val without a gain"
    )
    train.add_argument(
        "--validate-every", type=_positive, default=500, metavar="N", help="steps between them (default %(default)s)"
    )
    train.add_argument("--accelerator", default="auto", help="cpu, cuda or auto (the default: cuda where there is one)")
    train.add_argument("--devices", type=_positive, default=1, help="GPUs that share each batch (default %(default)s)")
    train.add_argument("--precision", default="auto", help="32-true, bf16-mixed or auto (the default: what is fast)")
    train.add_argument("--workers", type=_natural, metavar="N", help="processes that make batches (default: by cores)")
    train.add_argument("--log", type=Path, metavar="DIR", help="write curves for TensorBoard here")
    train.set_defaults(run=run_train)
    score = commands.add_parser("evaluate", help="score a model on drives", description="Score a model on drives.")
    score.add_argument(
        "drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames (drive or shards)"
    )
    score.add_argument("--model", default="reference", help="weights, a compressed file, or 'reference' (the default)")
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
        "--camera-height", type=_above_zero, default=1.45, metavar="M", help="above the road (default %(default)s m)"
    )
    score.add_argument("--threads", type=_positive, default=None, help="processor threads (default: all cores)")
    score.set_defaults(run=run_evaluate)
    _add_pretrain(commands)
    _add_find(commands)
    _add_convert(commands)
    add_compress(commands)


def _add_pretrain(commands: argparse._SubParsersAction) -> None:
    text = "Train a backbone on pictures without labels (mae, simmim), or towers for pictures and words (clip)."
    pretrain = commands.add_parser("pretrain", help="train a backbone without labels", description=text)
    pretrain.add_argument("drives", nargs="+", type=Path, metavar="DRIVE", help="drive, or any folder of pictures")
    pretrain.add_argument("--out", type=Path, required=True, metavar="B.safetensors", help="weights to write")
    pretrain.add_argument("--method", default="mae", help="mae, simmim or clip (default %(default)s)")
    pretrain.add_argument("--backbone", default="vit_tiny", help="feature extractor (default %(default)s)")
    pretrain.add_argument("--backbone-weights", type=Path, metavar="B.safetensors", help="clip: begin at these")
    pretrain.add_argument("--pooling", default="attention", help="clip: attention or average (default %(default)s)")
    pretrain.add_argument(
        "--mask", type=_above_zero, default=0.75, help="mae, simmim: hidden share (default %(default)s)"
    )
    pretrain.add_argument("--steps", type=_positive, default=4000, help="optimiser steps (default %(default)s)")
    pretrain.add_argument("--batch", type=_positive, default=16, help="pictures per step (default %(default)s)")
    pretrain.add_argument("--rate", type=_above_zero, default=1e-3, help="peak learning rate (default %(default)s)")
    pretrain.add_argument("--seed", type=_natural, default=0, help="of weights, order and masks (default %(default)s)")
    pretrain.add_argument("--size", type=_size, default=(480, 288), metavar="WxH", help="input size (default 480x288)")
    pretrain.add_argument(
        "--checkpoint-every", type=_positive, default=100, metavar="N", help="steps between checkpoints"
    )
    pretrain.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out, if any")
    pretrain.add_argument("--accelerator", default="auto", help="cpu, cuda or auto (default %(default)s)")
    pretrain.add_argument("--precision", default="auto", help="32-true, bf16-mixed or auto (default %(default)s)")
    pretrain.add_argument("--threads", type=_positive, default=None, help="processor threads (default: all cores)")
    pretrain.set_defaults(run=run_pretrain)


def _add_find(commands: argparse._SubParsersAction) -> None:
    found = commands.add_parser("find", help="find frames by words", description="Find frames by words.")
    found.add_argument("drives", nargs="+", type=Path, metavar="DRIVE", help="folder of labelled frames")
    found.add_argument("words", metavar="WORDS", help='such as "low sun on snow, truck ahead"')
    found.add_argument(
        "--model", required=True, help="clip weights (.safetensors), open_clip:FOLDER or transformers:FOLDER"
    )
    found.add_argument("--top", type=_positive, default=10, metavar="N", help="frames to print (default %(default)s)")
    found.add_argument("--sheet", type=Path, metavar="FILE.png", help="write the pictures found on one sheet too")
    found.add_argument("--threads", type=_positive, default=None, help="processor threads (default: all cores)")
    found.set_defaults(run=run_find)


def _add_convert(commands: argparse._SubParsersAction) -> None:
    convert = commands.add_parser(
        "convert", help="read and write other formats", description="Turn labelled pictures of one format into another."
    )
    convert.add_argument("source", type=Path, metavar="SOURCE", help="folder or label file")
    convert.add_argument("--from", dest="source_format", choices=FORMAT_NAMES, help="its format (default: recognised)")
    convert.add_argument("--to", choices=FORMAT_NAMES, default="drive", help="format to write (default %(default)s)")
    convert.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder to write")
    convert.add_argument(
        "--fov", type=_field_of_view, metavar="DEG", help="horizontal field of view, where the source has no camera"
    )
    convert.add_argument("--shard-size", type=_positive, default=500, metavar="N", help="frames per webdataset shard")
    convert.add_argument("--json", type=Path, metavar="FILE", help="write what was left out and dropped here too")
    convert.set_defaults(run=run_convert)


def run_train(args: argparse.Namespace) -> int:
    """Handle `whiteout train`; with `--overfit`, 1 means that the pictures could not be learned."""
    from perception.config import ModelConfig
    from perception.errors import WhiteoutError
    from perception.train import TrainConfig, train

    _use_threads(args.threads)
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
        _open(args.drives),
        args.out,
        config,
        model_config=model_config,
        init=args.init,
        backbone_weights=args.backbone_weights,
        teacher=args.teacher,
        val=_open(args.val),
        resume=args.resume,
        command=_command(),
        workers=args.workers,
        log=args.log,
    )
    _show(dict(card.facts["metrics"]))  # type: ignore[arg-type]
    return 0


def run_pretrain(args: argparse.Namespace) -> int:
    """Handle `whiteout pretrain`."""
    from perception.pretraining.fit import FitConfig

    _use_threads(args.threads)
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
    _show({"loss": card.facts["loss"]})
    return 0


def _pretrain_painter(args: argparse.Namespace, fit_config: FitConfig) -> Card:
    from perception.errors import WhiteoutError
    from perception.pretraining.pretrain import PretrainConfig, pretrain

    if args.backbone_weights is not None:
        raise WhiteoutError(f"pretrain: {args.method} begins at random weights; leave --backbone-weights out.")
    config = PretrainConfig(args.method, args.backbone, args.mask, *args.size)
    return pretrain(args.drives, args.out, config, fit_config, resume=args.resume, command=_command())


def _pretrain_clip(args: argparse.Namespace, fit_config: FitConfig) -> Card:
    from perception.pretraining.clip import ClipConfig
    from perception.pretraining.clip_training import train_clip

    return train_clip(
        _open(args.drives),
        args.out,
        ClipConfig(args.backbone, args.pooling, *args.size),
        fit_config,
        backbone_weights=args.backbone_weights,
        resume=args.resume,
        command=_command(),
    )


def run_find(args: argparse.Namespace) -> int:
    """Handle `whiteout find`."""
    from perception.contact_sheet import write_sheet
    from perception.pretraining.clip import Clip
    from perception.pretraining.public_clip import load_picture_words
    from perception.pretraining.retrieval import find

    _use_threads(args.threads)
    model = load_picture_words(args.model)
    if isinstance(model, Clip) and model.unknown(args.words):
        print(f"left out, since the model never saw them: {', '.join(model.unknown(args.words))}", file=sys.stderr)
    frames = find(model, _open(args.drives), args.words, args.top)
    for frame in frames:
        print(f"{frame.score:.3f}  {frame.path}")
    if args.sheet is not None:
        write_sheet(args.sheet, [(frame.path, f"{frame.score:.3f}  {frame.path.stem}") for frame in frames])
    return 0


def _overfit(drives: list[Path], count: int, config: TrainConfig, model_config: ModelConfig) -> int:
    from perception.overfit import overfit

    result = overfit(_open(drives), count, config, model_config)
    print("\n".join(result.sentences()))
    return 0 if result.passed else 1


def run_evaluate(args: argparse.Namespace) -> int:
    """Handle `whiteout evaluate`."""
    from perception.compress.compressed import open_model
    from perception.inference import evaluate_model
    from perception.weights import replace_file

    if args.predictions:
        return _score_predictions(args)
    _use_threads(args.threads)
    drives = _open(args.drives)
    model = open_model(args.model, args.provider)
    if args.metric:
        from perception.benchmarks.table import score_model

        figures: dict[str, object] = {**score_model(args.metric, model, drives)}
    else:
        figures = evaluate_model(model, drives, camera_height=args.camera_height).to_dict()
    _show(figures)
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
    _show({**figures})
    if args.json:
        data = {"truth": str(args.drives[0]), "predictions": str(args.predictions), "metrics": figures}
        replace_file(args.json, json.dumps(data, indent=2, allow_nan=False).encode() + b"\n")
    return 0


def run_convert(args: argparse.Namespace) -> int:
    """Handle `whiteout convert`."""
    from perception.formats.convert import convert
    from perception.formats.item import Options

    options = Options(fov=args.fov, shard_size=args.shard_size)
    report = convert(args.source, args.out, args.to, args.source_format, options)
    print(f"{args.out}: {report.written} pictures written as {args.to}")
    for kind, count in sorted(report.dropped.items()):
        print(f"dropped: {count} {kind}")
    for sentence in report.left_out[:LISTED]:
        print(f"left out: {sentence}")
    if len(report.left_out) > LISTED:
        print(f"left out: {len(report.left_out) - LISTED} more; --json FILE lists them all")
    if args.json:
        args.json.write_text(json.dumps(report.to_dict(), indent=2) + "\n", encoding="utf-8")
    return 0


def _open(paths: list[Path]) -> list[FrameSource]:
    from perception.shards import open_source

    return [open_source(path) for path in paths]


def _command() -> str:
    """The command line, for a card."""
    return shlex.join(["whiteout", *sys.argv[1:]])


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


def _field_of_view(text: str) -> float:
    number = float(text)
    if not 0 < number < 180:
        raise argparse.ArgumentTypeError(f"{text} is not an angle between 0 and 180 degrees")
    return number


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is no size; write width and height like 480x288")
    return int(parts[0]), int(parts[1])
