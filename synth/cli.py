"""The subcommand of this package: `augment`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount `augment`."""
    command = commands.add_parser("augment", help="write a drive's frames anew in snow, flare, rain, fog, blur, ...")
    command.add_argument("source", type=Path, metavar="DRIVE", help="the drive to start from")
    command.add_argument("--out", type=Path, required=True, metavar="DRIVE", help="the drive to write; must not exist")
    command.add_argument("--method", choices=["photometric"], default="photometric", help="how pictures are made")
    command.add_argument("--strength", default="medium", help="mild, medium (default) or strong")
    command.add_argument(
        "--effects",
        metavar="LIST",
        help="comma-separated, of snow, sun_flare, rain, fog, blur, compression (default: these six) and crop",
    )
    command.add_argument("--count", type=int, default=1, metavar="N", help="draws per frame and effect (default: 1)")
    command.add_argument("--seed", type=int, default=0, help="another seed, other draws (default: 0)")
    command.set_defaults(run=_augment)


def _augment(options: argparse.Namespace) -> int:
    from synth.effects import DEFAULT_EFFECTS
    from synth.photometric import augment

    named = [name.strip() for name in options.effects.split(",")] if options.effects is not None else DEFAULT_EFFECTS
    drive = augment(
        options.source,
        options.out,
        strength=options.strength,
        effects=named,
        count=options.count,
        seed=options.seed,
        progress=True,
    )
    print(f"{drive.path}: {len(drive)} frames, content {drive.content_hash[:12]}")
    return 0
