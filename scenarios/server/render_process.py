"""The renderer in a process of its own: building a scene keeps an interpreter busy, and clients wait for nobody.

It also means that a renderer that dies takes no server with it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from perception.allocator import settle
from perception.errors import WhiteoutError
from scenarios.instant import Instant, Pose, View
from scenarios.maps.world_map import WorldMap
from scenarios.server.pictures import render, visible
from scenarios.server.relay import Relay
from scenarios.server.wire import CallError
from scenarios.weather import Weather

_log = logging.getLogger(__name__)


class RenderProcess:
    """The server's end. `ask` one thing at a time."""

    def __init__(self, world_map: WorldMap, *, quality: str, seed: int, relay: Relay | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        plain = replace(world_map)  # without the carla.Map that the original may have cached
        self._process = context.Process(
            target=work, args=(theirs, plain, quality, seed, relay), name="renderer", daemon=True
        )
        _log.info("building the scene of %s (%s)", world_map.name, quality)
        self._process.start()
        theirs.close()
        self._built = False

    def wait_until_built(self) -> None:
        """Return when the scene is built, or the process has died over it."""
        with contextlib.suppress(OSError, EOFError):
            if not self._built:
                self._pipe.recv()
                self._built = True

    @property
    def dead(self) -> bool:
        """Whether it can be asked no more."""
        return not self._process.is_alive()

    def ask(self, what: str, *arguments: Any) -> Any:
        """Let it do something and return the result.

        Raises:
            CallError: it failed or died.
        """
        self.wait_until_built()
        try:
            self._pipe.send((what, arguments))
            good, result = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise CallError(
                "the renderer died; the server's log may say why, and the next tick starts another"
            ) from error
        if not good:
            raise CallError(f"the renderer failed: {result}")
        return result

    def close(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def work(pipe: Connection, world_map: WorldMap, quality: str, seed: int, relay: Relay | None) -> None:
    """The renderer's end: build the scene, then do what is asked until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's business
    threading.Thread(target=_end_with_server, name="parent", daemon=True).start()
    newest: dict[int, Any] = {}
    renderer = _build(world_map, quality, seed)
    try:
        pipe.send("built")
        while True:
            what, arguments = pipe.recv()
            pipe.send(_answer(renderer, newest, relay, what, arguments))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _end_with_server() -> None:
    """Leave at once when the server is gone, also in the middle of a scene or a picture."""
    server = multiprocessing.parent_process()
    if server is not None:
        multiprocessing.connection.wait([server.sentinel])
        os._exit(1)


def _build(world_map: WorldMap, quality: str, seed: int) -> Any:
    """The renderer, warmed up, or the sentence that says why there is none."""
    try:
        from scenarios.render.renderer import Renderer

        renderer = Renderer(world_map, quality=quality, seed=seed)
        first = renderer.shoot(Instant(0, 0.0, Weather()), View(Pose(), 64, 48, 90.0))
        first.rgb()  # compiles what every later picture needs
        settle()
    except WhiteoutError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - told to whoever asks
        return f"{type(error).__name__}: {error}"
    return renderer


def _answer(
    renderer: Any, newest: dict[int, Any], relay: Relay | None, what: str, arguments: tuple[Any, ...]
) -> tuple[bool, Any]:
    if isinstance(renderer, str):
        return False, renderer
    try:
        return True, _do(renderer, newest, relay, what, arguments)
    except Exception as error:  # noqa: BLE001 - one picture that fails leaves the next to be tried
        return False, f"{type(error).__name__}: {error}"


def _do(renderer: Any, newest: dict[int, Any], relay: Relay | None, what: str, arguments: tuple[Any, ...]) -> Any:
    match what:
        case "render":
            instant, orders = arguments
            return render(renderer, instant, orders, newest, relay)
        case "surface":
            return renderer.surface(*arguments)
        case "visibility":
            shot = newest.get(arguments[0])
            return None if shot is None else visible(shot)
        case "forget":
            for sensor in newest.keys() & arguments[0]:
                del newest[sensor]
        case "forget all":
            newest.clear()
    return None
