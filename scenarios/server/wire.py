"""CARLA's RPC channel: msgpack-rpc over TCP, and the shapes in which it wants its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgpack

MESSAGE_LIMIT = 64 * 1024 * 1024
"""The largest request that is read [bytes]; OpenDRIVE texts of whole cities are a twentieth of it."""

ITEMS_LIMIT = 65_536
"""The longest array or map that a request may announce: memory is taken when it is announced, not when it arrives."""

REQUEST = 0
RESPONSE = 1

VOID: list[Any] = [[False]]
"""The answer of a call that returns nothing."""


class CallError(Exception):
    """A call that cannot be done; its sentence becomes a `RuntimeError` in the client."""


class MalformedMessageError(Exception):
    """Bytes that are not a CARLA request; the connection is of no use any more."""


class Request(NamedTuple):
    """One call of a client: its number on this connection, the call's name, and its arguments."""

    number: int
    method: str
    arguments: list[Any]


def success(value: Any) -> list[Any]:
    """The answer `value` of a call that returns something (C++ `Response<T>`)."""
    return [[1, value]]


def failure(sentence: str) -> list[Any]:
    """The refusal of a call that would have returned something."""
    return [[0, [sentence]]]


def failed_void(sentence: str) -> list[Any]:
    """The refusal of a call that returns nothing (C++ `Response<void>`)."""
    return [[True, [sentence]]]


def optional(value: Any) -> list[Any]:
    """A C++ optional: `[False]` for None."""
    return [False] if value is None else [True, value]


def from_optional(value: Any) -> Any:
    """What a C++ optional holds, or None."""
    return value[1] if value[0] else None


def encode(value: Any) -> bytes:
    """`value` as msgpack; `bytes` stay bytes, as tokens and tags must."""
    return bytes(msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape"))


def encode_response(number: int, answer: Any) -> bytes:
    """The reply to the request of that number. The client loses the text of errors put anywhere but in `answer`."""
    return encode([RESPONSE, number, None, answer])


class RequestReader:
    """Cuts a TCP byte stream into requests; feed it what arrives and iterate."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            max_buffer_size=MESSAGE_LIMIT,
            max_array_len=ITEMS_LIMIT,
            max_map_len=ITEMS_LIMIT,
            max_ext_len=ITEMS_LIMIT,
        )

    def feed(self, data: bytes) -> Iterator[Request]:
        """The requests completed by `data`.

        Raises:
            MalformedMessageError: the bytes are not msgpack, not a request, or larger than is allowed.
        """
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                yield _request(message)
        except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
            raise MalformedMessageError(f"{type(error).__name__}: {error}") from error


def _request(message: Any) -> Request:
    match message:
        case [int(kind), int(number), str(method), [_, *arguments]] if kind == REQUEST:
            return Request(number, method, arguments)
    raise MalformedMessageError(f"not a CARLA request: {str(message)[:80]}")
