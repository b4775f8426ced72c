"""A running server with the right map on it: one of our own, started for the purpose, or any CARLA server."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import carla

from perception.errors import WhiteoutError
from scenarios.extension import Extension
from scenarios.maps.world_map import BUNDLED, WorldMap
from scenarios.server.launch import ALONE, Place, ServerProcess, start_server

OURS = "whiteout"
"""`Connection.description` of a server of ours."""

TIMEOUT = 300.0
"""How long one call may take [s of wall clock]; the first picture of a map builds its scene."""

GREETING_TIMEOUT = 20.0
"""How long a server may take to answer at all [s]."""

PULSE = 3.0
"""How often a server that somebody else started is asked whether it lives [s]."""


@dataclass(frozen=True)
class Connection:
    """A server that is ready to play.

    Attributes:
        client: CARLA's client.
        extension: our calls beside CARLA's, or None where the server does not know them.
        description: what kind of server it is.
        check: raises a `WhiteoutError` if the server is known to have died.
    """

    client: carla.Client
    extension: Extension | None
    description: str
    check: Callable[[], None]


@contextmanager
def connect(
    world_map: WorldMap,
    *,
    address: str | None = None,
    server: ServerProcess | None = None,
    quality: str,
    place: Place = ALONE,
) -> Iterator[Connection]:
    """A server with a fresh `world_map` on it, until the block is left.

    Args:
        world_map: the map to load.
        address: HOST:PORT of a server of the user's; it is left running.
        server: a server of ours to share; it is left running. With neither, one is started and ended.
        quality: one of `QUALITY_NAMES`, for a server that is started.
        place: of a server that is started among others.

    Raises:
        WhiteoutError: the address is wrong, nobody answers, or the server fails while the block runs.
    """
    with ExitStack() as stack:
        fresh = address is None and server is None
        if address is not None:
            host, port = parse_address(address)
            check = _pulse(host, port)
        else:
            name = world_map.name if world_map.name in BUNDLED else str(world_map.path)
            process = server or stack.enter_context(start_server(name, quality=quality, seed=0, place=place))
            host, port, check = process.host, process.port, process.check
        try:
            client = _greeted(host, port)
            extension = stack.enter_context(Extension(host, port, TIMEOUT))
            ours = extension.available()
            if not fresh:
                _load(client, world_map)
            kind = OURS if ours else f"CARLA {client.get_server_version()}"
            yield Connection(client, extension if ours else None, kind, check)
        except RuntimeError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise WhiteoutError(
                f"the CARLA server at {host}:{port} failed ({reason}); check that it is still running, then play again"
            ) from error


def parse_address(address: str) -> tuple[str, int]:
    """Host and port from "HOST:PORT"; a `WhiteoutError` if it is anything else."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise WhiteoutError(f"--carla {address!r} is no server address; write it as HOST:PORT, such as 127.0.0.1:2000")
    return host, int(port)


def _pulse(host: str, port: int) -> Callable[[], None]:
    """A check of a server that somebody else started: whether it still lets clients in, asked every few seconds."""
    asked = time.monotonic()

    def check() -> None:
        nonlocal asked
        if time.monotonic() - asked < PULSE:
            return
        asked = time.monotonic()
        try:
            socket.create_connection((host, port), GREETING_TIMEOUT).close()
        except OSError as error:
            raise WhiteoutError(
                f"the CARLA server at {host}:{port} is gone ({error}); start it again, then play again"
            ) from error

    return check


def _greeted(host: str, port: int) -> carla.Client:
    """A client whose server has answered once; one that nobody listens for is told at once."""
    try:
        socket.create_connection((host, port), GREETING_TIMEOUT).close()
    except OSError as error:
        raise WhiteoutError(
            f"no CARLA server answers at {host}:{port} ({error}); start one there, or leave --carla away"
        ) from error
    client = carla.Client(host, port)
    client.set_timeout(GREETING_TIMEOUT)
    client.get_server_version()
    client.set_timeout(TIMEOUT)
    return client


def _load(client: carla.Client, world_map: WorldMap) -> None:
    """Load a map by name where the server has it, else from its OpenDRIVE text."""
    names = {path.rpartition("/")[2]: path for path in client.get_available_maps()}
    if world_map.name in names:
        client.load_world(names[world_map.name])
    else:
        client.generate_opendrive_world(world_map.opendrive)
