"""A server as a child process: on free ports, ready when the block begins, gone when it ends."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perception.errors import WhiteoutError
from scenarios.server.relay import Relay

START_LIMIT = 60.0
"""How long a server may take until it answers [s]."""

LOOK_AGAIN = 0.25
"""How long one look for its answer lasts [s]: some kernels miss the wake-up of a single long one."""

STOP_LIMIT = 20.0
"""How long it may take to end before it is killed [s]."""

_QUOTED_LINES = 15


@dataclass(frozen=True)
class ServerProcess:
    """A server that runs.

    Attributes:
        host, port: for `carla.Client` and `Extension`.
        log: what it writes.
        process: the child.
    """

    host: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise a WhiteoutError that quotes the log if the server has died."""
        if self.process.poll() is not None:
            raise WhiteoutError(_epitaph(f"the CARLA server ended with code {self.process.returncode}", self.log))


@dataclass(frozen=True)
class Place:
    """A server's place among several that share the work.

    Attributes:
        threads: of the renderer; None takes `WHITEOUT_THREADS`, else all cores.
        relay: see `scenarios.server.relay`.
    """

    threads: int | None = None
    relay: Relay | None = None


ALONE = Place()
"""A server that shares nothing."""


@contextlib.contextmanager
def start_server(
    map_name: str | Path,
    *,
    port: int = 0,
    quality: str = "physical",
    seed: int = 0,
    host: str = "127.0.0.1",
    place: Place = ALONE,
) -> Iterator[ServerProcess]:
    """Start a server for a map and wait until it answers.

    Args:
        map_name: a bundled map's name or an OpenDRIVE file.
        port: of the RPC channel; 0 looks for a free pair.
        quality: one of `QUALITY_NAMES`.
        seed: of the pictures.
        host: address to listen on.
        place: among servers that share the work.

    Raises:
        WhiteoutError: the server did not start; the sentence quotes its log.
    """
    log_fd, log_name = tempfile.mkstemp(prefix="whiteout-server-", suffix=".log")
    log = Path(log_name)
    ready, announce = os.pipe()
    command = [sys.executable, "-m", "scenarios.server", "--map", str(map_name), "--port", str(port), "--host", host]
    command += ["--quality", quality, "--seed", str(seed), "--follow-parent", "--ready-fd", str(announce)]
    inherited = [announce]
    if place.relay is not None:
        command += ["--relay", ",".join(map(str, place.relay.descriptors))]
        inherited += place.relay.descriptors
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log_fd,
            stderr=log_fd,
            pass_fds=inherited,
            env=_environment(place.threads),
        )
    finally:
        os.close(log_fd)
        os.close(announce)
    try:
        yield ServerProcess(host, _wait_until_ready(process, ready, log), log, process)
    finally:
        os.close(ready)
        ended_well = _stop(process)
        if ended_well:
            log.unlink(missing_ok=True)


def _environment(threads: int | None) -> dict[str, str]:
    """The child finds the packages even where they are not installed, and is not in our process group's way."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    bound = {} if threads is None else {"WHITEOUT_THREADS": str(threads)}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **bound}


def _wait_until_ready(process: subprocess.Popen[bytes], ready: int, log: Path) -> int:
    deadline = time.monotonic() + START_LIMIT
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([ready], [], [], LOOK_AGAIN)
        if not readable and time.monotonic() < deadline:
            continue
        if not readable:
            raise WhiteoutError(_epitaph(f"the CARLA server was not ready after {START_LIMIT:.0f} s", log))
        part = os.read(ready, 64)
        if not part:
            code = process.wait()
            raise WhiteoutError(_epitaph(f"the CARLA server ended with code {code} before it was ready", log))
        line += part
    return int(line)


def _stop(process: subprocess.Popen[bytes]) -> bool:
    """End the child; True if it had lived until now and ended as it should."""
    died_before = process.poll() is not None
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return not died_before and process.returncode == 0


def _epitaph(sentence: str, log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    quoted = errors[-1].removeprefix("error: ") if errors else "\n".join(lines[-_QUOTED_LINES:]) or "(nothing)"
    return f"{sentence}; its log {log} says: {quoted}"
