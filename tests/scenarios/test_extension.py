"""Our own calls: against our server, against one that is not ours, and against nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import msgpack
import numpy as np
import pytest

from perception.errors import WhiteoutError
from scenarios.extension import Extension
from scenarios.server.launch import ServerProcess, start_server
from scenarios.weather import preset
from tests.scenarios.served import run


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with start_server("country_road", quality="preview") as process:
        yield process


@pytest.fixture
def extension(server: ServerProcess) -> Iterator[Extension]:
    with Extension(server.host, server.port) as ours:
        yield ours


def test_snow_is_set_and_outlives_carlas_weather(server: ServerProcess, extension: Extension) -> None:
    snow = preset("low-sun-snow").snow()
    assert extension.available()
    assert extension.set_road_state(snow) == snow
    run(server.port, "weather")
    assert extension.get_road_state() == snow
    assert extension.set_road_state({"snow_cover": 0.25}) == {**snow, "snow_cover": 0.25}


@pytest.mark.parametrize(
    ("state", "reason"), [({"snow_deep": 1.0}, "snow_deep"), ({"snow_banks": 4.0}, "between 0 and 3"),
                          ({"snow_cover": 1.5}, "between 0 and 1"),
                          ({"temperature": float("nan")}, "temperature")],
)  # fmt: skip
def test_bad_road_states_are_refused(extension: Extension, state: dict[str, float], reason: str) -> None:
    before = extension.get_road_state()
    with pytest.raises(WhiteoutError, match=reason):
        extension.set_road_state(state)
    assert extension.get_road_state() == before


def test_visibility_of_a_camera_without_a_picture_is_refused(extension: Extension) -> None:
    with pytest.raises(WhiteoutError, match="no picture yet"):
        extension.visibility(4711)


def test_surface_points_must_be_finite(extension: Extension) -> None:
    with pytest.raises(WhiteoutError, match="finite"):
        extension.surface(np.array([[0.0, np.nan, 0.0]]))


def test_a_server_that_is_not_ours_is_recognised() -> None:
    """A real CARLA answers unknown calls in msgpack-rpc's error slot."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            unpacker = msgpack.Unpacker(raw=False)
            with connection:
                while data := connection.recv(4096):
                    unpacker.feed(data)
                    for _, number, method, _ in unpacker:
                        sentence = f"rpclib: server could not find function '{method}' with argument count 1."
                        connection.sendall(msgpack.packb([1, number, sentence, None]))

        threading.Thread(target=answer, daemon=True).start()
        with Extension("127.0.0.1", listener.getsockname()[1]) as other:
            assert not other.available()
            with pytest.raises(WhiteoutError, match="not whiteout's"):
                other.get_road_state()


def test_nobody_there_is_told_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(WhiteoutError, match="whiteout serve"):
        Extension("127.0.0.1", port, timeout=2.0).available()
