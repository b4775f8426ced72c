"""The client of this project's own calls, beside CARLA's on the same port: snow, surfaces, what a picture shows."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.errors import WhiteoutError

TIMEOUT = 60.0
"""How long an answer may take [s]; the first picture builds the scene."""


class Extension:
    """Our calls to a server that may be ours or a real CARLA's.

    Args:
        host, port: as for `carla.Client`.
        timeout: how long an answer may take [s].

    A connection is made when it is first needed. Use it in a `with` block, or `close` it.
    """

    def __init__(self, host: str, port: int, timeout: float = TIMEOUT) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout
        self._connection: socket.socket | None = None
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def __enter__(self) -> Extension:  # noqa: PYI034 - beartype reads no Self in methods
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def available(self) -> bool:
        """Whether the server is ours; False for a real CARLA.

        Raises:
            WhiteoutError: nothing answers at all.
        """
        with self._lock:
            reply = self._exchange("whiteout_version", [])
        return reply[2] is None and isinstance(reply[3], list) and reply[3][0][0] == 1

    def set_road_state(self, state: Mapping[str, float]) -> dict[str, float]:
        """Set some of what lies on the road, by the names in `weather.ROAD_STATE_RANGES`; returns all."""
        return dict(self._call("whiteout_set_road_state", {name: float(value) for name, value in state.items()}))

    def get_road_state(self) -> dict[str, float]:
        """Snow, dirt and temperature by name."""
        return dict(self._call("whiteout_get_road_state"))

    def surface(self, points: Float[ndarray, "n 3"] | Sequence[Sequence[float]]) -> Float[ndarray, "n"]:
        """Snow cover, 0 bare to 1 white, at points in CARLA's axes [m]."""
        places = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        return np.asarray(self._call("whiteout_surface", places.tolist()), dtype=np.float64)

    def visibility(self, sensor_id: int) -> list[dict[str, Any]]:
        """Whom a camera's newest picture shows.

        Returns:
            For each actor in view: `actor_id`, `visible_px`, `silhouette_px`, `xyxy` [px], `amodal` [px],
            `truncation`, `truncated`; see `scenarios.render.labels.Visibility`.
        """
        return list(self._call("whiteout_visibility", int(sensor_id)))

    def _call(self, method: str, *arguments: Any) -> Any:
        with self._lock:
            _, _, error, result = self._exchange(method, list(arguments))
        if error is not None or not isinstance(result, list):
            raise WhiteoutError(f"the server at {self.host}:{self.port} does not know {method}: it is not whiteout's")
        good, value = result[0]
        if not good:
            raise WhiteoutError(f"{method} at {self.host}:{self.port}: {value[0]}")
        return value

    def _exchange(self, method: str, arguments: list[Any]) -> Any:
        """Send one request and read its reply: msgpack-rpc's `[1, number, error, result]`."""
        number = next(self._numbers)
        try:
            connection = self._connect()
            connection.sendall(msgpack.packb([0, number, method, [[False], *arguments]]))
            return self._read(connection, number)
        except OSError as error:
            self.close()
            raise WhiteoutError(
                f"the CARLA server at {self.host}:{self.port} does not answer ({error}); "
                "start one with 'whiteout serve'"
            ) from error

    def _connect(self) -> socket.socket:
        if self._connection is None:
            self._connection = socket.create_connection((self.host, self.port), self.timeout)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        return self._connection

    def _read(self, connection: socket.socket, number: int) -> Any:
        while True:
            for message in self._unpacker:
                if message[1] == number:
                    return message
            data = connection.recv(1 << 18)
            if not data:
                raise ConnectionResetError("it hung up")
            self._unpacker.feed(data)
