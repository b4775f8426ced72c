"""The bytes: requests in pieces, junk, unknown calls, streams and their slow listeners."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from scenarios.server import streams as streams_module
from scenarios.server.launch import ServerProcess, start_server
from scenarios.server.streams import FREE_RUN_BACKLOG, WORLD_STREAM, Streams, token
from scenarios.server.wire import MESSAGE_LIMIT, MalformedMessageError, Request, RequestReader


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with start_server("country_road", quality="preview") as process:
        yield process


def connected(server: ServerProcess) -> socket.socket:
    return socket.create_connection((server.host, server.port), 10.0)


def ask(connection: socket.socket, method: str, *arguments: Any) -> Any:
    connection.sendall(msgpack.packb([0, 7, method, [[False], *arguments]]))
    unpacker = msgpack.Unpacker(raw=False)
    while True:
        unpacker.feed(connection.recv(1 << 16))
        for kind, number, error, result in unpacker:
            assert (kind, number, error) == (1, 7, None)
            return result


def test_requests_are_read_from_any_pieces() -> None:
    data = msgpack.packb([0, 1, "version", [[False]]]) + msgpack.packb([0, 2, "tick_cue", [[False], 5]])
    whole = list(RequestReader().feed(data))
    assert whole == [Request(1, "version", []), Request(2, "tick_cue", [5])]
    reader = RequestReader()
    assert [one for byte in data for one in reader.feed(bytes([byte]))] == whole


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        msgpack.packb([0, 1, "version"]),
        msgpack.packb({"a": 1}),
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        b"\x91" * 5000,  # arrays within arrays
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        list(RequestReader().feed(data))


def test_a_message_without_end_is_cut_off() -> None:
    reader = RequestReader()
    list(reader.feed(b"\xdb\xff\xff\xff\xff"))  # a string of four thousand million bytes
    for _ in range(MESSAGE_LIMIT // 2**22 - 1):
        list(reader.feed(bytes(2**22)))
    with pytest.raises(MalformedMessageError):
        list(reader.feed(bytes(2**23)))


def test_junk_closes_its_own_connection_only(server: ServerProcess) -> None:
    with connected(server) as good, connected(server) as bad:
        bad.sendall(b"\xdd\xff\xff\xff\xff")
        bad.settimeout(10.0)
        assert bad.recv(100) == b""
        assert ask(good, "version") == [[1, "0.9.16"]]
    assert "closed a connection" in server.log.read_text()


def test_refusals_are_sentences_in_carlas_form(server: ServerProcess) -> None:
    with connected(server) as connection:
        good, (sentence,) = ask(connection, "make_coffee")[0]
        assert good == 0
        assert "make_coffee" in sentence
        good, (sentence,) = ask(connection, "destroy_actor", 12345)[0]
        assert (good, "12345" in sentence) == (0, True)
        failed, (sentence,) = ask(connection, "load_new_episode", "Atlantis", True, 65535)[0]
        assert (failed, "Atlantis" in sentence) == (True, True)
        failed, (sentence,) = ask(connection, "set_actor_transform", "x")[0]
        assert (failed, "set_actor_transform" in sentence) == (True, True)
        assert ask(connection, "set_actor_simulate_physics", 12345, True) == [[False]]
        assert ask(connection, "get_actor_bounding_box", 12345)[0][0] == 1
        answers = ask(connection, "apply_batch", [[[99, [1]]], [[1, []]], [[2, "x"]], 5], False)
        assert [one[0][0] for one in answers] == [0, 0, 0, 0]


def test_numbers_that_are_not_finite_are_refused(server: ServerProcess) -> None:
    with connected(server) as connection:
        spot = [[0.0, 0.0, 50.0], [0.0, 0.0, 0.0]]
        record = ask(connection, "spawn_actor", [0, "vehicle.audi.tt", []], spot)[0][1]
        nan = float("nan")
        control = [0.5, 0.0, nan, False, False, False, 0]
        assert "finite" in ask(connection, "apply_control_to_vehicle", record[0], control)[0][1][0]
        assert "finite" in ask(connection, "set_actor_location", record[0], [nan, 0.0, 0.0])[0][1][0]
        assert "finite" in ask(connection, "set_weather_parameters", [nan] * 14)[0][1][0]
        assert ask(connection, "destroy_actor", record[0]) == [[1, True]]


def test_numbers_too_large_for_the_clients_are_refused_and_the_clock_runs_on(server: ServerProcess) -> None:
    with connected(server) as connection:
        spot = [[0.0, 0.0, 50.0], [0.0, 0.0, 0.0]]
        record = ask(connection, "spawn_actor", [0, "vehicle.audi.tt", []], spot)[0][1]
        assert "beyond" in ask(connection, "set_actor_target_velocity", record[0], [1e38, 0.0, 0.0])[0][1][0]
        assert "five" in ask(connection, "apply_ackermann_control_to_vehicle", record[0], [1.0])[0][1][0]
        assert ask(connection, "destroy_actor", record[0]) == [[1, True]]
        before = ask(connection, "tick_cue")[0][1]
        assert ask(connection, "tick_cue")[0][1] > before


def test_a_failing_command_after_a_spawn_takes_the_spawn_not_back(server: ServerProcess) -> None:
    with connected(server) as connection:
        spot = [[0.0, 0.0, 60.0], [0.0, 0.0, 0.0]]
        drive = [[2, [0, [0.5, 0.0, 0.0, False, False, False, 0]]]]
        order = [[0, [[0, "static.prop.trafficcone01", []], spot, [False], 0, "", [drive]]]]
        ((good, id_),) = ask(connection, "apply_batch", [order], False)[0]
        assert good == 1
        assert ask(connection, "destroy_actor", id_) == [[1, True]]


def test_weather_is_brought_into_range_and_the_default_is_the_first_again(server: ServerProcess) -> None:
    with connected(server) as connection:
        first = ask(connection, "get_weather_parameters")[0][1]
        ask(connection, "set_weather_parameters", [150.0, -5.0, *first[2:5], 200.0, -3.0, *first[7:]])
        changed = ask(connection, "get_weather_parameters")[0][1]
        assert (changed[0], changed[1], changed[5], changed[6]) == (100.0, 0.0, 90.0, 0.0)
        ask(connection, "set_weather_parameters", [-1.0] * 10 + [1.0, 0.03, 0.03, 0.0])
        assert ask(connection, "get_weather_parameters")[0][1] == first


def test_tokens_leave_the_host_to_the_client() -> None:
    stream, port, protocol, family, address = struct.unpack("<IHBB16s", token(7, 2001))
    assert (stream, port, protocol, family, address) == (7, 2001, 1, 0, bytes(16))


def connect(streams: Streams, stream: int) -> socket.socket:
    """Ask for a stream as a client does; when the server takes note of it is the server's affair."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=streams.serve, args=(theirs,), daemon=True).start()
    ours.sendall(struct.pack("<I", stream))
    return ours


def listen(streams: Streams, stream: int) -> socket.socket:
    """A subscription that the server has taken note of."""
    streams.expect(stream)
    ours = connect(streams, stream)
    streams.wait_for_expected()
    return ours


def receive(connection: socket.socket) -> bytes:
    (length,) = struct.unpack("<I", connection.recv(4, socket.MSG_WAITALL))
    return connection.recv(length, socket.MSG_WAITALL)


def test_a_slow_listener_misses_nothing_while_every_frame_counts() -> None:
    streams = Streams(1)
    slow, quick = listen(streams, 100), listen(streams, 100)
    frames = [bytes([number]) * 500_000 for number in range(40)]
    for frame in frames:
        streams.send(100, frame, lossless=True)
    assert [receive(quick) for _ in frames] == frames
    assert [receive(slow) for _ in frames] == frames
    streams.close()


def test_a_slow_listener_gets_the_newest_frames_while_the_clock_runs_free() -> None:
    streams = Streams(1)
    slow = listen(streams, 100)
    frames = [bytes([number]) * 2_000_000 for number in range(40)]
    for frame in frames:
        streams.send(100, frame, lossless=False)
    streams.send(100, b"end", lossless=True)
    got = []
    while (frame := receive(slow)) != b"end":
        got.append(frame)
    assert got[-1] == frames[-1]
    assert len(got) <= FREE_RUN_BACKLOG + 2
    streams.close()


def test_one_that_reads_nothing_is_waited_for_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "BACKLOG_LIMIT", 4_000_000)
    monkeypatch.setattr(streams_module, "STALL_LIMIT", 0.2)
    streams = Streams(1)
    stalled = listen(streams, 100)
    begun = time.monotonic()
    for _ in range(8):
        streams.send(100, bytes(1_000_000), lossless=True)
    assert time.monotonic() - begun > 0.2
    deadline = time.monotonic() + 30
    while streams.has_subscriber(100) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not streams.has_subscriber(100)
    while stalled.recv(1 << 20):
        continue
    streams.close()


def test_no_stream_gets_a_number_twice() -> None:
    streams = Streams(1)
    assert len({streams.new_stream() for _ in range(5)} | {WORLD_STREAM}) == 6


def test_the_tick_after_listen_waits_for_the_connection() -> None:
    streams = Streams(1)
    streams.expect(100)
    kept: list[socket.socket] = []
    threading.Timer(0.2, lambda: kept.append(connect(streams, 100))).start()
    begun = time.monotonic()
    streams.wait_for_expected()
    assert time.monotonic() - begun > 0.1
    assert streams.has_subscriber(100)
    streams.wait_for_expected()
    streams.close()


def test_those_who_leave_are_forgotten() -> None:
    streams = Streams(1)
    listen(streams, 100).close()
    deadline = time.monotonic() + 5
    while streams.has_subscriber(100) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not streams.has_subscriber(100)


def test_old_listeners_learn_of_a_new_episode_only_after_a_new_one_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "HOLD_TIME", 600.0)
    streams = Streams(1)
    old = listen(streams, WORLD_STREAM)
    streams.publish_state(b"first", lossless=True)
    streams.begin_episode(b"second")
    streams.publish_state(b"third", lossless=True)
    new = listen(streams, WORLD_STREAM)
    assert receive(new) == b"third"
    streams.publish_state(b"fourth", lossless=True)
    assert receive(new) == b"fourth"
    assert [receive(old), receive(old)] == [b"first", b"fourth"]
    streams.close()
