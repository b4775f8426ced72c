"""Running programs with their output in files.

A reader that polls two pipes can sleep on although one of them is full, on some virtual machines' kernels (seen on
Linux 6.18): `subprocess.run(capture_output=True)` then waits for ever. Files need no waking.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


@contextmanager
def running(command: Sequence[str], folder: Path, *, cwd: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program at work, what it prints in `folder / "stdout"` and `folder / "stderr"`; killed if it outstays."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=err)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def first_line(file: Path, limit: float = 60.0) -> str:
    """The first line that a running program has written to a file; what there is of it after `limit` [s]."""
    deadline = time.monotonic() + limit
    while "\n" not in (text := file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return "".join(text.splitlines(keepends=True)[:1])
