"""Running `carla_scripts` against a server, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from tests.processes import finished

ROOT = Path(__file__).parents[2]

LIMIT = 100.0
"""How long a script may take [s]; the longest needs about fifteen."""


class ClientHungError(Exception):
    """A script did not end. Tells where every thread of it stood.

    The `carla` package has locks that can miss a wake-up, rarely, in `world.tick()` under a synchronous traffic manager
    (carla-simulator/carla#9172) and while it takes itself apart. Such a test alone is run again (see pyproject.toml).
    """


def run(port: int, script: str, **arguments: Any) -> dict[str, Any]:
    """What a script returns; its process must end well."""
    done = spawn(port, script, **arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return result


def spawn(port: int, script: str, **arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, whatever that is.

    Raises:
        ClientHungError: it did not end within LIMIT.
    """
    command = [sys.executable, "-m", "tests.scenarios.carla_scripts", script, str(port), json.dumps(arguments)]
    native: list[str] = []

    def ask(pid: int) -> None:
        native.append(_native_stacks(pid))
        os.kill(pid, signal.SIGUSR1)  # Python's stacks, on its standard error
        time.sleep(1.0)

    try:
        return finished(command, cwd=ROOT, timeout=LIMIT, on_timeout=ask)
    except subprocess.TimeoutExpired as late:
        hung = ClientHungError(f"{script} on port {port}\n{late.output!s}\n{late.stderr!s}\n{native[0]}")
        warnings.warn(str(hung), stacklevel=2)  # a test that is run again and passes shows no error
        raise hung from None


def _native_stacks(pid: int) -> str:
    """Where a process's threads stand in native code, if a debugger is there to tell."""
    if shutil.which("gdb") is None:
        return "(no gdb here for the native stacks)"
    command = ["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 12"]
    told = finished(command, timeout=60).stdout
    return "\n".join(line for line in told.splitlines() if line.startswith(("Thread", "#")))
