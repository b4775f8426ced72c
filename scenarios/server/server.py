"""Sockets and threads: who talks to the simulation, and the clock that runs while no client ticks."""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from perception.errors import WhiteoutError
from scenarios.maps.world_map import load_map
from scenarios.server.calls.every import CALLS
from scenarios.server.calls.registry import answer
from scenarios.server.cameras import Cameras
from scenarios.server.relay import Relay
from scenarios.server.simulation import Simulation, advance
from scenarios.server.streams import Streams
from scenarios.server.wire import MalformedMessageError, RequestReader, encode_response, success
from scenarios.server.world import new_world, offer

LAST_PORT = 65_535

RECEIVE_SIZE = 1 << 18
"""How much is read from a client at once [bytes]."""

ACCEPT_PAUSE = 0.1
"""How long a server waits that cannot let a client in, for want of file descriptors say [s]."""

PORT_TRIES = 100
"""How often a free pair of ports is looked for."""

_log = logging.getLogger(__name__)


class Server:
    """A running server; `close` ends it.

    Attributes:
        host, port: of the RPC channel; streams are on the next port.
        simulation: all state.
    """

    def __init__(
        self, map_name: str, *, host: str, port: int, quality: str, seed: int, relay: Relay | None = None
    ) -> None:
        world_map = load_map(map_name)
        self._calls_socket, self._streams_socket = _listen(host, port)
        self.host = host
        self.port: int = self._calls_socket.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="whiteout-maps-")
        self.simulation = Simulation(
            world=new_world(world_map),
            streams=Streams(self.port + 1),
            cameras=Cameras(world_map, quality=quality, seed=seed, relay=relay),
            uploads=Path(self._folder.name),
            maps={world_map.name: world_map},
        )
        self._closed = threading.Event()
        self._connections: set[socket.socket] = set()

    def start(self) -> None:
        """Begin to answer."""
        for name, work in (
            ("calls", lambda: self._accept(self._calls_socket, self._answer_client)),
            ("streams", lambda: self._accept(self._streams_socket, self.simulation.streams.serve)),
            ("clock", self._run_free),
        ):
            threading.Thread(target=work, name=name, daemon=True).start()

    def close(self) -> None:
        """Hang up on everyone."""
        self._closed.set()
        for listener in (self._calls_socket, self._streams_socket, *list(self._connections)):
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.simulation.streams.close()
        self.simulation.cameras.close()
        self.simulation.stepper.shutdown(wait=False, cancel_futures=True)
        self._folder.cleanup()

    def _accept(self, listener: socket.socket, serve: object) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if not self._closed.wait(ACCEPT_PAUSE):
                    _log.warning("a client could not be let in: %s", error)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()  # type: ignore[arg-type]

    def _answer_client(self, connection: socket.socket) -> None:
        """Answer one client, call by call, until it goes."""
        with self.simulation.lock:
            if not self._connections:
                offer(self.simulation.world)
            self._connections.add(connection)
        reader = RequestReader()
        managers: set[int] = set()
        try:
            while data := connection.recv(RECEIVE_SIZE):
                for request in reader.feed(data):
                    reply = answer(CALLS, self.simulation, request)
                    if request.method == "add_traffic_manager_running" and reply == success(True):
                        managers.add(request.arguments[0][1])
                    elif request.method == "destroy_traffic_manager":
                        managers.discard(*request.arguments[:1])
                    connection.sendall(encode_response(request.number, reply))
        except MalformedMessageError as error:
            _log.warning("closed a connection: %s", error)
        except OSError:
            pass  # the client has gone
        finally:
            self._connections.discard(connection)
            connection.close()
            for port in managers:  # a killed client takes its traffic manager with it
                self.simulation.traffic_managers.pop(port, None)

    def _run_free(self) -> None:
        """Step at the pace of the wall clock while no client ticks."""
        due = time.monotonic()
        while not self._closed.is_set():
            with self.simulation.lock:
                pace = self.simulation.step_length
                if not self.simulation.synchronous:
                    self._advance_or_tell()
            due = max(due + pace, time.monotonic() + 0.005)
            self._closed.wait(due - time.monotonic())

    def _advance_or_tell(self) -> None:
        """Make a step; one that fails is told in the log and the clock goes on."""
        try:
            advance(self.simulation)
        except Exception:  # noqa: BLE001 - the clock must not stop for anybody
            _log.exception("a step failed")


@contextlib.contextmanager
def running(
    map_name: str, *, host: str, port: int, quality: str, seed: int, relay: Relay | None = None
) -> Iterator[Server]:
    """A server that answers until the block ends."""
    server = Server(map_name, host=host, port=port, quality=quality, seed=seed, relay=relay)
    server.start()
    try:
        yield server
    finally:
        server.close()


def _listen(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Listen on `port` and the next one; port 0 looks for a free pair."""
    if not 0 <= port < LAST_PORT:
        raise WhiteoutError(f"there is no pair of ports from {port} on; choose --port between 1 and {LAST_PORT - 1}")
    for _ in range(PORT_TRIES if port == 0 else 1):
        first = _bind(host, port, wanted=port)
        try:
            return first, _bind(host, first.getsockname()[1] + 1, wanted=port)
        except WhiteoutError:
            first.close()
            if port != 0:
                raise
    raise WhiteoutError(f"found no free pair of ports on {host}; close other servers or give one with --port")


def _bind(host: str, port: int, wanted: int) -> socket.socket:
    try:
        return socket.create_server((host, min(port, LAST_PORT)), backlog=128)
    except OSError as error:
        others = f"ports {wanted} and {wanted + 1} must be free" if wanted else "a pair of free ports is needed"
        raise WhiteoutError(
            f"port {port} on {host} cannot be used ({error.strerror}): {others}; "
            f"stop the other server or choose another one with --port"
        ) from error
