"""From an RPC's name to the function that answers it, and from what that function does to CARLA's answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from perception.errors import WhiteoutError
from scenarios.server.simulation import Simulation
from scenarios.server.wire import VOID, CallError, Request, failed_void, failure, success

Function = Callable[..., Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """One RPC.

    Attributes:
        function: takes the simulation and the call's arguments.
        returns: whether the client expects a value (else CARLA's void).
        bare: whether the value travels without CARLA's `Response` around it.
        anytime: whether it neither reads nor changes what the lock protects.
    """

    function: Function
    returns: bool = True
    bare: bool = False
    anytime: bool = False


def call(*, returns: bool = True, bare: bool = False, anytime: bool = False) -> Callable[[Function], Function]:
    """Mark a function as the answer to the RPC of the same name."""

    def mark(function: Function) -> Function:
        function.__dict__["rpc"] = Call(function, returns, bare, anytime)
        return function

    return mark


def table(*modules: ModuleType) -> dict[str, Call]:
    """Every marked function of some modules by name."""
    return {
        name: value.rpc
        for module in modules
        for name, value in vars(module).items()
        if callable(value) and isinstance(getattr(value, "rpc", None), Call)
    }


def answer(calls: dict[str, Call], simulation: Simulation, request: Request) -> Any:
    """Do what a client asks, and say how it went in CARLA's form; a call that fails never harms the server."""
    known = calls.get(request.method)
    if known is None:
        _log.warning("unknown call %s%s", request.method, str(request.arguments)[:200])
        return failure(f"this server does not know the call {request.method!r}")
    try:
        if known.anytime:
            value = known.function(simulation, *request.arguments)
        else:
            with simulation.lock:
                value = known.function(simulation, *request.arguments)
    except (CallError, WhiteoutError) as error:
        return _refusal(known, f"{error}")
    except Exception as error:  # noqa: BLE001 - whatever one client sends, the others' server lives on
        _log.exception("call %s%s failed", request.method, str(request.arguments)[:200])
        return _refusal(known, f"{request.method}: {type(error).__name__}: {error}")
    if known.bare:
        return value
    return success(value) if known.returns else VOID


def _refusal(known: Call, sentence: str) -> Any:
    return failure(sentence) if known.returns else failed_void(sentence)
