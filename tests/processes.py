"""Running a program to its end, its output in files.

A reader that polls two pipes can sleep on although one of them is full, on some virtual machines' kernels (seen on
Linux 6.18): `subprocess.run(capture_output=True)` then waits for ever. Files need no waking.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def finished(
    command: Sequence[str],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_timeout: Callable[[int], object] = lambda _: None,
) -> subprocess.CompletedProcess[str]:
    """What a program printed and how it ended; `on_timeout` is told its pid before it is killed.

    Raises:
        subprocess.TimeoutExpired: it did not end within `timeout` [s]; it holds what was printed.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=out, stderr=err)
        late = None
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            late = error
            on_timeout(process.pid)
            process.kill()
            process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
        if late is not None:
            raise subprocess.TimeoutExpired(command, timeout, *texts) from late
        return subprocess.CompletedProcess(command, process.returncode, *texts)
