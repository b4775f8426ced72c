"""`whiteout convert`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from perception.arguments import field_of_view, positive

FORMAT_NAMES = ("drive", "coco", "tusimple", "culane", "kitti", "bdd100k", "nuscenes", "images", "webdataset")
"""The keys of `perception.formats.table.FORMATS`, known without importing it."""

LISTED = 20
"""Sentences on what was left out that are printed."""


def add_convert(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    convert = commands.add_parser(
        "convert", help="read and write other formats", description="Turn labelled pictures of one format into another."
    )
    convert.add_argument("source", type=Path, metavar="SOURCE", help="folder or label file")
    convert.add_argument("--from", dest="source_format", choices=FORMAT_NAMES, help="its format (default: recognised)")
    convert.add_argument("--to", choices=FORMAT_NAMES, default="drive", help="format to write (default %(default)s)")
    convert.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder to write")
    convert.add_argument(
        "--fov", type=field_of_view, metavar="DEG", help="horizontal field of view, where the source has no camera"
    )
    convert.add_argument("--shard-size", type=positive, default=500, metavar="N", help="frames per webdataset shard")
    convert.add_argument("--json", type=Path, metavar="FILE", help="write what was left out and dropped here too")
    convert.set_defaults(run=run_convert)


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
