"""`whiteout serve` and `whiteout replay`."""

from __future__ import annotations

import argparse
import logging

from scenarios import replay_cli
from scenarios.qualities import QUALITY_NAMES


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this package's subcommands."""
    serve = commands.add_parser("serve", help="run a CARLA 0.9.16 server without Unreal or a GPU")
    add_serve_options(serve)
    serve.set_defaults(run=_serve)
    replay_cli.add_commands(commands)


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """The options of a server, here and in its child process."""
    parser.add_argument("--port", type=int, default=2000, help="RPC port; streams use the next one (default: 2000)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--map", default="country_road", help="name of a map, or an OpenDRIVE file")
    parser.add_argument("--quality", choices=QUALITY_NAMES, default="physical", help="of the pictures")
    parser.add_argument("--seed", type=int, default=0, help="of whatever is random in the pictures")


def _serve(args: argparse.Namespace) -> int:
    from scenarios.server.main import serve

    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    return serve(args)
