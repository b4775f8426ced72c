"""One drive from several servers at once: each plays the whole scenario, and they take turns with its pictures.

A scenario goes the same way on every server, and what a camera has adapted to goes from server to server
(`scenarios.server.relay`), so the frames are those of one server, byte for byte.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from perception.errors import WhiteoutError
from perception.frame import Frame
from scenarios.connection import connect
from scenarios.recording import Order, Share, record
from scenarios.server.launch import Place
from scenarios.server.relay import ring
from scenarios.watched import watched

FAREWELL = 30.0
"""How long a player may take to end its server once its frames are here [s]."""


def shared_frames(order: Order, workers: int) -> Generator[Frame, None, None]:
    """The frames of an order in their order, played by `workers` servers of ours that share the machine's cores.

    Raises:
        WhiteoutError: a server failed.
    """
    workers = min(workers, order.frames)
    threads = max(1, (os.cpu_count() or 1) // workers)
    plain = replace(order, map=replace(order.map))  # without what they may have cached
    relays = ring(workers)  # held open to the end: the last picture's state is for nobody
    players = [_start(plain, Share(number, workers), Place(threads, relay)) for number, relay in enumerate(relays)]
    try:
        yield from _in_turn([pipe for pipe, _ in players], order.frames)
        for _, process in players:
            process.join(FAREWELL)
    finally:
        for pipe, process in players:
            pipe.close()
            process.terminate()
        for _, process in players:
            process.join()
        for relay in relays:
            relay.close()


def _start(order: Order, share: Share, place: Place) -> tuple[Connection, SpawnProcess]:
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(theirs, order, share, place), name=f"player {share.number}")
    process.start()
    theirs.close()
    return ours, process


def _in_turn(pipes: Sequence[Connection], frames: int) -> Generator[Frame, None, None]:
    """What comes from the pipes, each in its turn; all are heard, for none goes on without the one before it."""
    come: list[deque[Frame]] = [deque() for _ in pipes]
    open_pipes = {pipe: len(range(number, frames, len(pipes))) for number, pipe in enumerate(pipes)}
    for number in range(frames):
        turn = number % len(pipes)
        while not come[turn]:
            for pipe in wait(list(open_pipes)):
                assert isinstance(pipe, Connection)
                come[pipes.index(pipe)].append(_received(pipe))
                open_pipes[pipe] -= 1
                if not open_pipes[pipe]:
                    del open_pipes[pipe]
        yield come[turn].popleft()


def _received(pipe: Connection) -> Frame:
    try:
        frame = pipe.recv()
    except EOFError:
        raise WhiteoutError(
            "a player of this drive died; play it again, with fewer workers if memory is short"
        ) from None
    if isinstance(frame, str):
        raise WhiteoutError(frame)
    assert isinstance(frame, Frame)
    return frame


def _play(pipe: Connection, order: Order, share: Share, place: Place) -> None:
    """A player: sends its share of the frames, or the sentence that says why there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    try:
        with (
            connect(order.map, quality=order.quality, place=place) as server,
            closing(watched(record(order, server, share), server.check)) as frames,
        ):
            for frame in frames:
                pipe.send(frame)
    except WhiteoutError as error:
        pipe.send(str(error))
