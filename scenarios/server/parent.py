"""Dying with one's parent: a server that nobody needs any more must not stay."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from types import FrameType

PR_SET_PDEATHSIG = 1

GRACE = 20.0
"""How long an orderly end may take before there is a hard one [s]."""


def follow_parent() -> None:
    """End this process when its parent ends, however that happens.

    The parent holds the other end of standard input, which closes with it. Should some other process have inherited
    that end, Linux sends a signal; it comes when the thread ends that started us, so it counts only if the whole
    parent is gone.
    """
    parent = os.getppid()

    def on_death(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the shape of a handler
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    if sys.platform == "linux":
        signal.signal(signal.SIGUSR1, on_death)
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)
    threading.Thread(target=_wait_for_end_of_input, name="parent", daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
