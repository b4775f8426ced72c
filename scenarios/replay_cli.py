"""The subcommand `replay`: play a scenario into a drive."""

from __future__ import annotations

import argparse
from pathlib import Path

from perception.errors import WhiteoutError
from scenarios.qualities import QUALITY_NAMES


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount `whiteout replay`."""
    replay = commands.add_parser("replay", help="play a scenario and write the drive that its camera saw")
    replay.add_argument("scenario", help="name of a scenario, such as lead_brakes, or a Python file with a SCENARIO")
    replay.add_argument(
        "--weather",
        default="clear",
        help="weather preset, perhaps with a severity, such as low-sun-snow@5 (default: clear)",
    )
    replay.add_argument("--out", type=Path, required=True, metavar="DRIVE", help="folder to write; must not exist")
    replay.add_argument("--video", type=Path, metavar="FILE.mp4", help="write the pictures as a film too")
    replay.add_argument("--carla", metavar="HOST:PORT", help="use this CARLA server instead of our own")
    replay.add_argument("--map", metavar="NAME|FILE.xodr", help="map to play on (default: the scenario's own)")
    replay.add_argument("--seed", type=int, default=0, help="seed of everything left to chance (default: 0)")
    replay.add_argument("--frames", type=int, help="number of pictures (default: the scenario's own)")
    replay.add_argument("--size", default="640x384", metavar="WxH", help="picture size in pixels (default: 640x384)")
    replay.add_argument("--quality", choices=QUALITY_NAMES, default="physical", help="how our own server draws")
    replay.add_argument(
        "--workers", type=int, default=1, metavar="N", help="servers that take turns with the pictures (default: 1)"
    )
    replay.add_argument("--stretch", choices=("train", "test"), help="places to use (default: the scenario's own)")
    replay.add_argument(
        "--masks", default="", metavar="A,B", help="further masks: glare, glare_ratio, normals, flow (our own server)"
    )
    replay.add_argument(
        "--twins",
        default="",
        metavar="A,B",
        help="counterfactual twins: no_sun, no_glare, no_wetness, no_snow, no_actor:NUMBER (in the drive), sun+DEGREES",
    )
    replay.set_defaults(run=run_replay)


def run_replay(arguments: argparse.Namespace) -> int:
    """Play the scenario; show how far it is."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from scenarios.play import play
    from scenarios.video import write_video

    width, height = parse_size(arguments.size)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(f"{arguments.scenario} in {arguments.weather}", total=None)
        drive = play(
            arguments.scenario,
            weather=arguments.weather,
            seed=arguments.seed,
            out=arguments.out,
            map_name=arguments.map,
            carla=arguments.carla,
            width=width,
            height=height,
            quality=arguments.quality,
            frames=arguments.frames,
            stretch=arguments.stretch,
            masks=names(arguments.masks),
            twins=names(arguments.twins),
            workers=arguments.workers,
            on_frame=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if arguments.video is not None:
        write_video(arguments.video, drive, rate=max(1.0, 1.0 / float(str(drive.meta["seconds_per_frame"]))))
    print(f"{len(drive)} frames in {drive.path}")
    return 0


def names(text: str) -> list[str]:
    """The names in text such as "no_snow,no_sun"."""
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_size(text: str) -> tuple[int, int]:
    """Width and height [px] from text such as "640x384"."""
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise WhiteoutError(f"--size {text!r} is no picture size; write it as WIDTHxHEIGHT, such as 640x384")
    return int(width), int(height)
