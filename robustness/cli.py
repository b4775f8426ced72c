"""The command `whiteout`: mounts the subcommands of all four packages."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

from perception import cli as perception_cli
from perception.errors import WhiteoutError
from robustness import commands as robustness_commands
from scenarios import cli as scenarios_cli
from synth import cli as synth_cli

BAD_INPUT = 2
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Returns:
        The process's exit code: the subcommand's own, 2 for bad input, 130 after Ctrl-C.
    """
    options = None
    try:
        options = parser().parse_args(arguments)
        code: int = options.run(options)
    except (WhiteoutError, OSError, KeyboardInterrupt) as error:
        if options is not None and options.debug:
            raise
        print(f"whiteout: {_sentence(error)}", file=sys.stderr)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else BAD_INPUT
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="whiteout",
        description="Render snow, low sun and attacks in CARLA scenarios; report whether a driving model holds.",
    )
    top.add_argument("--version", action="version", version=f"whiteout {version('whiteout')}")
    top.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for package in (robustness_commands, scenarios_cli, perception_cli, synth_cli):
        package.add_commands(commands)
    return top


def _sentence(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was finished is kept, the same command goes on from there"
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or error}{where}: check the path, its permissions and the free space"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
