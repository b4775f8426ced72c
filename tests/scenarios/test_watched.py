"""Frames pulled under watch: order, ends, failures, and a server that dies while a call hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from perception.errors import WhiteoutError
from scenarios.watched import watched


def nothing() -> None:
    """A server that lives."""


def test_items_come_in_order_and_end() -> None:
    assert list(watched((n for n in range(5)), nothing)) == [0, 1, 2, 3, 4]


def test_a_failure_of_the_items_is_raised_where_they_are_used() -> None:
    def items() -> Generator[int, None, None]:
        yield 1
        raise RuntimeError("time-out")

    found = watched(items(), nothing)
    assert next(found) == 1
    with pytest.raises(RuntimeError, match="time-out"):
        next(found)


def test_leaving_early_closes_the_items() -> None:
    closed = threading.Event()

    def items() -> Generator[int, None, None]:
        try:
            yield from range(100)
        finally:
            closed.set()

    found = watched(items(), nothing)
    next(found)
    found.close()
    assert closed.is_set()


def test_nothing_is_pulled_before_it_is_wanted() -> None:
    pulled: list[int] = []

    def items() -> Generator[int, None, None]:
        for number in range(10):
            pulled.append(number)
            yield number

    found = watched(items(), nothing)
    next(found)
    next(found)
    time.sleep(0.5)  # long enough for a puller that runs ahead
    assert pulled == [0, 1]
    found.close()


def test_a_dead_server_is_told_while_a_call_still_hangs() -> None:
    released = threading.Event()

    def items() -> Generator[int, None, None]:
        released.wait(30)
        yield 1

    def check() -> None:
        raise WhiteoutError("the CARLA server ended with code -9")

    begun = time.monotonic()
    with pytest.raises(WhiteoutError, match="ended with code -9"):
        next(watched(items(), check))
    assert time.monotonic() - begun < 5
    released.set()


def test_an_interruption_is_not_mistaken_for_the_death_of_the_server_that_it_ends_too() -> None:
    released, died = threading.Event(), threading.Event()

    def items() -> Generator[int, None, None]:
        yield 1
        released.wait(30)

    def check() -> None:
        if died.is_set():
            raise WhiteoutError("the CARLA server ended with code 0")

    found = watched(items(), check)
    next(found)
    died.set()
    with pytest.raises(KeyboardInterrupt):
        found.throw(KeyboardInterrupt())
    released.set()
