"""Running a server in this process until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys

from scenarios.cli import add_serve_options
from scenarios.server.parent import follow_parent
from scenarios.server.relay import Relay
from scenarios.server.server import running

ENDS = (signal.SIGINT, signal.SIGTERM)
"""Signals that end a server."""


def serve(
    args: argparse.Namespace, *, ready_fd: int | None = None, warm: bool = True, relay: Relay | None = None
) -> int:
    """Answer clients until SIGINT or SIGTERM.

    Args:
        args: of `scenarios.cli.add_serve_options`.
        ready_fd: file descriptor that is told the port once it can be used.
        warm: build the scene at once, not only when the first camera appears.
        relay: this server's place among those that share a camera's pictures.
    """
    told = _listen_for_signals()
    with running(args.map, host=args.host, port=args.port, quality=args.quality, seed=args.seed, relay=relay) as server:
        name = server.simulation.world.map.name
        print(f"CARLA 0.9.16 server on {server.host}:{server.port}, map {name}; Ctrl-C stops it", flush=True)
        if warm:
            with server.simulation.lock:
                server.simulation.cameras.prepare()
        if ready_fd is not None:
            os.write(ready_fd, f"{server.port}\n".encode())
            os.close(ready_fd)
        while os.read(told, 1)[0] not in ENDS:
            continue  # another signal
    return 0


def _listen_for_signals() -> int:
    """A file descriptor that gives each signal's number.

    The system may hand a signal to any thread, and Python runs its handler only once the main thread wakes up: reading
    wakes it.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    for number in ENDS:
        signal.signal(number, lambda *_: None)
    return told


def main() -> int:
    """The child process of `launch.start_server`."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.server")
    add_serve_options(parser)
    parser.add_argument("--ready-fd", type=int, help="file descriptor that is told the port")
    parser.add_argument("--follow-parent", action="store_true", help="end when standard input or the parent does")
    parser.add_argument("--relay", metavar="READ,WRITE", help="file descriptors, see `scenarios.server.relay`")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if args.follow_parent:
        follow_parent()
    relay = Relay.of_descriptors(args.relay) if args.relay else None
    return serve(args, ready_fd=args.ready_fd, warm=not args.follow_parent, relay=relay)
