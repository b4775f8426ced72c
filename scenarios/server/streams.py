"""CARLA's streaming channel: tokens, subscriptions, and one queue per subscriber so that none waits for another."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from collections import defaultdict, deque

WORLD_STREAM = 1
"""The stream of episode states; sensors have numbers of their own from `FIRST_SENSOR_STREAM` on."""

FIRST_SENSOR_STREAM = 100

BACKLOG_LIMIT = 256 * 1024 * 1024
"""How far a subscriber may fall behind [bytes] before a synchronous tick waits for it."""

STALL_LIMIT = 60.0
"""How long a synchronous tick waits for such a subscriber before it takes it for dead [s]."""

FREE_RUN_BACKLOG = 4
"""Messages that wait for a slow subscriber while the clock runs free; older ones are dropped."""

SUBSCRIPTION_WAIT = 5.0
"""How long a tick waits for a subscriber that has asked for its token but not connected yet [s]."""

HOLD_TIME = 2.0
"""How long world subscribers of an old episode wait for the new one's first subscriber [s]."""

_log = logging.getLogger(__name__)


def token(stream: int, port: int) -> bytes:
    """CARLA's 24-byte token of a stream.

    The address is left open: the client then connects to the host it already talks to.
    """
    return struct.pack("<IHBB16s", stream, port, 1, 0, b"")


class Subscriber:
    """One connection of one client to one stream, with the thread that feeds it."""

    def __init__(self, connection: socket.socket, stream: int) -> None:
        self.stream = stream
        self.held = False
        self.alive = True
        self._connection = connection
        self._queue: deque[bytes] = deque()
        self._backlog = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._write, name=f"stream-{stream}", daemon=True).start()

    def put(self, message: bytes, *, lossless: bool) -> None:
        """Queue a message; a lossless one waits for room, others push out the oldest."""
        with self._changed:
            if lossless:
                self._wait_for_room()
            if not self.alive:
                return
            if not lossless:
                while len(self._queue) >= FREE_RUN_BACKLOG:
                    self._backlog -= len(self._queue.popleft())
            self._queue.append(message)
            self._backlog += len(message)
            self._changed.notify_all()

    def close(self) -> None:
        """End the connection; the client reconnects if it still wants the stream."""
        with self._changed:
            self.alive = False
            self._changed.notify_all()
        with contextlib.suppress(OSError):  # the client may have been faster
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def wait_until_closed(self) -> None:
        """Return when the client has gone; it never sends anything after the stream's number."""
        try:
            while self._connection.recv(64):
                continue
        except OSError:
            return

    def _wait_for_room(self) -> None:
        roomy = self._changed.wait_for(lambda: self._backlog < BACKLOG_LIMIT or not self.alive, STALL_LIMIT)
        if not roomy:
            _log.warning("a subscriber of stream %d read nothing for %.0f s; closed", self.stream, STALL_LIMIT)
            self._queue.clear()
            self.close()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or not self.alive)
                if not self.alive:
                    return
                message = self._queue.popleft()
            try:
                self._connection.sendall(struct.pack("<I", len(message)))
                self._connection.sendall(message)
            except OSError:
                self.close()
                return
            with self._changed:
                self._backlog -= len(message)
                self._changed.notify_all()


class Streams:
    """All subscriptions of a server.

    A subscription has two halves: the client asks for a token by RPC, then connects. `expect` remembers the first, so
    that a tick right after `sensor.listen()` can wait for the second and misses no frame.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._subscribers: dict[int, list[Subscriber]] = defaultdict(list)
        self._expected: dict[int, deque[float]] = defaultdict(deque)
        self._newest_stream = FIRST_SENSOR_STREAM - 1
        self._newest_state = b""
        self._hold_until = 0.0
        self._changed = threading.Condition()

    def token(self, stream: int) -> bytes:
        """The token of a stream of this server."""
        return token(stream, self.port)

    def new_stream(self) -> int:
        """A number that no stream has had: whoever still listens to an old one must not hear another sensor."""
        self._newest_stream += 1
        return self._newest_stream

    def expect(self, stream: int) -> None:
        """A client is about to connect to `stream`."""
        with self._changed:
            self._expected[stream].append(time.monotonic() + SUBSCRIPTION_WAIT)

    def wait_for_expected(self) -> None:
        """Return when every announced subscriber has connected, or has had its time."""
        with self._changed:
            while deadlines := [deadline for queue in self._expected.values() for deadline in queue]:
                remaining = max(deadlines) - time.monotonic()
                if remaining <= 0:
                    self._expected.clear()
                    return
                self._changed.wait(remaining)

    def has_subscriber(self, stream: int) -> bool:
        """Whether anyone listens to `stream`."""
        with self._changed:
            return bool(self._subscribers.get(stream))

    def send(self, stream: int, message: bytes, *, lossless: bool) -> None:
        """Send a message to everyone who listens to `stream`."""
        with self._changed:
            subscribers = list(self._subscribers.get(stream, ()))
        for subscriber in subscribers:
            subscriber.put(message, lossless=lossless)

    def publish_state(self, message: bytes, *, lossless: bool) -> None:
        """Send an episode state to everyone but those on hold, and keep it for who comes next."""
        with self._changed:
            self._newest_state = message
            if time.monotonic() > self._hold_until:
                self._release()
            subscribers = [one for one in self._subscribers.get(WORLD_STREAM, ()) if not one.held]
        for subscriber in subscribers:
            subscriber.put(message, lossless=lossless)

    def begin_episode(self, first_state: bytes) -> None:
        """Hold back the present world subscribers until one of the new episode has come.

        A client with a live traffic manager dies if the old connection shows it the new episode before its main
        thread has asked for it.
        """
        with self._changed:
            self._newest_state = first_state
            self._hold_until = time.monotonic() + HOLD_TIME
            for subscriber in self._subscribers.get(WORLD_STREAM, ()):
                subscriber.held = True

    def serve(self, connection: socket.socket) -> None:
        """Register a new connection, feed it, and return when the client has gone."""
        number = b""
        with contextlib.suppress(OSError):
            connection.settimeout(SUBSCRIPTION_WAIT)
            while len(number) < 4 and (part := connection.recv(4 - len(number))):
                number += part
            connection.settimeout(None)
        if len(number) != 4:
            connection.close()
            return
        subscriber = self._register(connection, struct.unpack("<I", number)[0])
        subscriber.wait_until_closed()
        with self._changed:
            self._subscribers[subscriber.stream].remove(subscriber)
        subscriber.close()

    def close(self) -> None:
        """End every subscription."""
        with self._changed:
            subscribers = [one for many in self._subscribers.values() for one in many]
        for subscriber in subscribers:
            subscriber.close()

    def _register(self, connection: socket.socket, stream: int) -> Subscriber:
        subscriber = Subscriber(connection, stream)
        with self._changed:
            if stream == WORLD_STREAM:
                self._release()
                if self._newest_state:
                    subscriber.put(self._newest_state, lossless=True)
            self._subscribers[stream].append(subscriber)
            if self._expected[stream]:
                self._expected[stream].popleft()
            self._changed.notify_all()
        return subscriber

    def _release(self) -> None:
        for subscriber in self._subscribers.get(WORLD_STREAM, ()):
            subscriber.held = False
