"""Pulling frames from a server while watching that it lives.

CARLA's client waits inside C++ until its timeout, whatever happened to the server, and does not hear Ctrl-C meanwhile.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from perception.errors import WhiteoutError

Item = TypeVar("Item")

PATROL = 0.25
"""How often the server is looked at [s of wall clock]."""

LONGEST_FAREWELL = 60.0
"""How long a puller may take to end what it was about [s of wall clock]."""


class _Puller(threading.Thread, Generic[Item]):
    """Pulls an iterator's items one at a time, each when it is asked to."""

    def __init__(self, items: Generator[Item, None, None]) -> None:
        super().__init__(name="play", daemon=True)
        self.wanted = threading.Semaphore(0)
        self.outbox: queue.SimpleQueue[tuple[list[Item], BaseException | None]] = queue.SimpleQueue()
        self.stopped = False
        self._items = items

    def run(self) -> None:
        failure: BaseException | None = None
        try:
            while self.wanted.acquire() and not self.stopped:
                item = next(self._items)
                self.outbox.put(([item], None))
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits for the items
            failure = error
        finally:
            self._items.close()
            self.outbox.put(([], failure))


def watched(items: Generator[Item, None, None], check: Callable[[], None]) -> Generator[Item, None, None]:
    """The same items, pulled in a thread of its own; `check` is called while they are waited for and may raise."""
    puller = _Puller(items)
    puller.start()
    try:
        while True:
            puller.wanted.release()
            found, failure = _wait(puller, check)
            if failure is not None:
                raise failure
            if not found:
                return
            yield found[0]
    finally:
        puller.stopped = True
        puller.wanted.release()
        _let_go(puller, check)


def _let_go(puller: _Puller[Item], check: Callable[[], None]) -> None:
    """Wait until the puller has ended what it was about; one whose server has died or hangs is left to its fate."""
    deadline = time.monotonic() + LONGEST_FAREWELL
    while puller.is_alive() and time.monotonic() < deadline:
        puller.join(PATROL)
        try:
            check()
        except WhiteoutError:
            return


def _wait(puller: _Puller[Item], check: Callable[[], None]) -> tuple[list[Item], BaseException | None]:
    while True:
        try:
            return puller.outbox.get(timeout=PATROL)
        except queue.Empty:
            check()
