"""`whiteout compress`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from perception.arguments import open_sources, positive, use_threads

TARGETS: tuple[str, ...] = ("onnx", "int8", "openvino", "tensorrt")
PROVIDERS_HELP = "runs ONNX files: cpu (the default), openvino, cuda or tensorrt"


def add_compress(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    about = "Turn a model into a file for deployment, or compare such files with the model."
    compress = commands.add_parser("compress", help="model to ONNX, INT8, OpenVINO, TensorRT", description=about)
    compress.add_argument("model", metavar="MODEL", help="weights (.safetensors) or 'reference'")
    wanted = compress.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--to", choices=TARGETS, help="form of the file")
    wanted.add_argument("--compare", nargs="+", metavar="FILE", help="compressed files to hold against MODEL")
    compress.add_argument("--out", type=Path, metavar="FILE", help="file to write (.onnx; .xml for openvino)")
    compress.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="DRIVE", help="to calibrate, compare, score"
    )
    compress.add_argument("--method", choices=("static", "dynamic"), default="static", help="of int8 (%(default)s)")
    compress.add_argument("--ranges", choices=("minmax", "entropy"), default="minmax", help="of static (%(default)s)")
    compress.add_argument(
        "--pictures", type=positive, default=64, metavar="N", help="calibration pictures (%(default)s)"
    )
    compress.add_argument(
        "--keep", nargs="+", default=[], metavar="LAYER", help="more layers in float32, * for any text"
    )
    compress.add_argument("--provider", default="cpu", help=PROVIDERS_HELP)
    compress.add_argument("--json", type=Path, metavar="FILE", help="write the comparison here too")
    compress.add_argument("--threads", type=positive, default=None, help="processor threads (default: all cores)")
    compress.set_defaults(run=run_compress)


def run_compress(args: argparse.Namespace) -> int:
    """Handle `whiteout compress`."""
    from perception.compress.optional import need

    for package in ("onnx", "onnxruntime", "onnxscript"):
        need(package, "compress")
    use_threads(args.threads)
    return _compare(args) if args.compare else _build(args)


def _build(args: argparse.Namespace) -> int:
    from perception.compress.build import Request, build
    from perception.compress.show import show_built
    from perception.errors import WhiteoutError
    from perception.weights import load_model

    if args.out is None:
        raise WhiteoutError("--out is missing; name the file to write.")
    request = Request(args.to, args.method, args.ranges, args.pictures, tuple(args.keep))
    drives = open_sources(args.data)
    show_built(build(load_model(args.model), request, args.out, drives), args.out)
    return 0


def _compare(args: argparse.Namespace) -> int:
    from perception.compress.compare import compare
    from perception.compress.show import show_comparison
    from perception.weights import replace_file

    drives = open_sources(args.data)
    rows = compare([args.model, *args.compare], drives, args.provider)
    show_comparison(rows)
    if args.json:
        hashes = [drive.content_hash for drive in drives]
        data = {"provider": args.provider, "drives": hashes, "models": [row.to_dict() for row in rows]}
        replace_file(args.json, json.dumps(data, indent=2, allow_nan=False).encode() + b"\n")
    return 0
