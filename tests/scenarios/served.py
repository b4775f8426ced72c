"""Running `carla_scripts` against a server, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

LIMIT = 240.0
"""How long a script may take [s]."""


def run(port: int, script: str, **arguments: Any) -> dict[str, Any]:
    """What a script returns; its process must end well."""
    done = spawn(port, script, **arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return result


def spawn(port: int, script: str, **arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, whatever that is."""
    command = [sys.executable, "-m", "tests.scenarios.carla_scripts", script, str(port), json.dumps(arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
