"""A worker process: takes cells from its pipe, computes them, says how it went."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.connection import Connection
from typing import Literal

from perception.errors import WhiteoutError
from robustness.cells import Cell
from robustness.store import Store


@dataclass(frozen=True)
class Message:
    """What a worker says about its cell.

    Attributes:
        kind: "part" while it goes on, then "done" or "failed".
        share: how much of the cell is done.
        sentence: why it failed.
        trace: the traceback of a failure that nobody foresaw.
    """

    kind: Literal["part", "done", "failed"]
    share: float = 1.0
    sentence: str = ""
    trace: str = ""


def serve(pipe: Connection, store: Store, threads: int) -> None:
    """Compute cells until the pipe closes. Ctrl-C is the parent's business; a dead parent ends this process too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    threading.Thread(target=_follow_parent, daemon=True).start()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["WHITEOUT_THREADS"] = str(threads)

    from robustness.scoring import use_one_thread
    from robustness.work import Workshop

    use_one_thread()
    with Workshop(store) as workshop:
        while True:
            try:
                cell: Cell = pipe.recv()
            except EOFError:
                return
            pipe.send(_attempt(workshop.compute, cell, pipe))


def _attempt(compute: Callable[[Cell, Callable[[int, int], None]], None], cell: Cell, pipe: Connection) -> Message:
    try:
        compute(cell, lambda done, of: pipe.send(Message("part", done / of)))
    except (WhiteoutError, OSError) as error:
        return Message("failed", sentence=str(error))
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a cell must not stop the others
        return Message("failed", sentence=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
    return Message("done")


def _follow_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
