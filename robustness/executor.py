"""Computing cells in processes that share the cores; what is finished stays, whatever happens to the rest."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from robustness.cells import Cell, DriveCell, ModelCell
from robustness.store import Store
from robustness.worker import Message, serve

MOST_TRIES = 2
"""A cell whose worker dies is tried again so often in all; the next death is its own fault."""

Listener = Callable[[Cell, Message], None]


@dataclass(frozen=True)
class Failure:
    """A cell that could not be computed, and why; `blocked` cells waited for it."""

    cell: Cell
    sentence: str
    trace: str = ""
    blocked: int = 0


@dataclass(eq=False)
class Worker:
    """A process and the cell it is at."""

    process: BaseProcess
    pipe: Connection
    cell: Cell | None = None
    map: str = ""
    lost: bool = False


@dataclass(eq=False)
class Queue:
    """What is left to do, and what may be done now."""

    store: Store
    waiting: list[Cell]
    played: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def take(self, worker: Worker, served: set[str]) -> Cell | None:
        """The best cell for a worker: a drive on its map, on a map that nobody serves, any drive, the longest other."""

        def rank(cell: Cell) -> tuple[int, float]:
            if not isinstance(cell, DriveCell):
                return 3, -cell.cost
            return (0 if cell.map == worker.map else 1 if cell.map not in served else 2), 0.0

        ready = [cell for cell in self.waiting if isinstance(cell, DriveCell) or cell.drive.key in self.played]
        if not ready:
            return None
        cell = min(ready, key=rank)
        self.waiting.remove(cell)
        return cell

    def finish(self, cell: Cell) -> None:
        """A cell was computed."""
        if isinstance(cell, DriveCell):
            self.played.add(cell.key)

    def fail(self, cell: Cell, message: Message) -> None:
        """A cell cannot be computed; those that wait for it neither."""
        blocked = [other for other in self.waiting if isinstance(other, ModelCell) and other.drive.key == cell.key]
        self.waiting = [other for other in self.waiting if other not in blocked]
        self.failures.append(Failure(cell, message.sentence, message.trace, len(blocked)))

    def lose(self, cell: Cell, code: int | None) -> Message | None:
        """The cell's worker died: None if it is to be tried again, else the failure."""
        self.tries[cell.key] = self.tries.get(cell.key, 0) + 1
        if self.tries[cell.key] < MOST_TRIES:
            self.waiting.append(cell)
            return None
        reason = "it was killed, perhaps for want of memory" if code == -9 else f"it ended with code {code}"
        return Message("failed", sentence=f"its worker process died {MOST_TRIES} times ({reason}); use fewer --workers")


def execute(
    cells: Iterable[Cell], store: Store, *, workers: int, listen: Listener | None = None
) -> tuple[Failure, ...]:
    """Compute the cells that the store lacks; returns those that failed once all others are done.

    Raises:
        KeyboardInterrupt: after Ctrl-C; every worker is gone by then and every finished cell is kept.
    """
    everything = list(cells)
    missing = [cell for cell in everything if not store.has(cell)]
    if not missing:
        return ()
    drives = {cell.key for cell in everything if isinstance(cell, DriveCell)} - {cell.key for cell in missing}
    queue = Queue(store, missing, played=drives)
    with _pool(min(workers, len(missing)), store) as pool:
        _assign(pool, queue)
        while any(worker.cell is not None for worker in pool):
            for worker in _heard(pool):
                _hear(worker, queue, listen)
            _replace_dead(pool, queue, store, workers, listen)
            _assign(pool, queue)
    return tuple(queue.failures)


@contextmanager
def _pool(count: int, store: Store) -> Iterator[list[Worker]]:
    """Worker processes; none is left when the block ends, however it ends."""
    pool: list[Worker] = []
    try:
        pool.extend(_start(store, count) for _ in range(count))
        yield pool
    finally:
        for worker in pool:
            worker.pipe.close()
            if worker.cell is not None:
                worker.process.terminate()
        for worker in pool:
            worker.process.join(timeout=15)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _start(store: Store, workers: int) -> Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    threads = max(1, (os.cpu_count() or 1) // workers)
    process = context.Process(target=serve, args=(theirs, store, threads), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours)


def _assign(pool: list[Worker], queue: Queue) -> None:
    """Give every idle worker something to do, if there is something that may be done."""
    for worker in pool:
        if worker.cell is None:
            served = {other.map for other in pool if other is not worker}
            worker.cell = queue.take(worker, served)
            if worker.cell is not None:
                worker.map = worker.cell.map if isinstance(worker.cell, DriveCell) else ""
                try:
                    worker.pipe.send(worker.cell)
                except OSError:
                    worker.lost = True  # it died while it was idle


def _heard(pool: list[Worker]) -> list[Worker]:
    """The workers that said something or died."""
    busy = {worker.pipe: worker for worker in pool if worker.cell is not None}
    return [busy[pipe] for pipe in connection.wait(list(busy)) if isinstance(pipe, Connection)]


def _hear(worker: Worker, queue: Queue, listen: Listener | None) -> None:
    """Take in one message of a worker, or that it died."""
    assert worker.cell is not None
    try:
        message: Message = worker.pipe.recv()
    except (EOFError, OSError):
        worker.lost = True
        return
    if listen is not None:
        listen(worker.cell, message)
    if message.kind == "part":
        return
    if message.kind == "done":
        queue.finish(worker.cell)
    else:
        queue.fail(worker.cell, message)
    worker.cell = None


def _replace_dead(pool: list[Worker], queue: Queue, store: Store, workers: int, listen: Listener | None) -> None:
    """Start another process for each one that died; its cell is tried again, or fails."""
    for index, worker in enumerate(pool):
        if not worker.lost and (worker.cell is not None or worker.process.is_alive()):
            continue
        worker.process.join(timeout=15)
        if worker.cell is not None:
            verdict = queue.lose(worker.cell, worker.process.exitcode)
            if verdict is not None:
                queue.fail(worker.cell, verdict)
                if listen is not None:
                    listen(worker.cell, verdict)
        worker.pipe.close()
        pool[index] = _start(store, workers)
