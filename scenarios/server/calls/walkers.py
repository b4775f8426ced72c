"""Calls that walk pedestrians."""

from __future__ import annotations

from typing import Any

from scenarios.server.actors import Walker
from scenarios.server.calls.actors import find
from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.records import decode_pose, decode_vector
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError


def find_walker(simulation: Simulation, id_: int) -> Walker:
    """The walker with that id.

    Raises:
        CallError: there is none, or it is something else.
    """
    actor = find(simulation, id_)
    if not isinstance(actor, Walker):
        raise CallError(f"actor {id_} is a {actor.blueprint}, not a walker")
    return actor


@call(returns=False)
def apply_control_to_walker(simulation: Simulation, id_: int, control: list[Any]) -> None:
    """Set direction, speed [m/s] and jump."""
    walker = find_walker(simulation, id_)
    direction, speed, jump = control[:3]
    if not finite([float(speed)]):
        raise CallError(f"the speed of walker {id_} is not finite")
    walker.direction = decode_vector(direction)
    walker.speed = max(0.0, float(speed))
    walker.jump = bool(jump)


def apply_walker_state(simulation: Simulation, id_: int, transform: Any, speed: float) -> None:
    """Put a walker somewhere, as walking by the client's navigation does."""
    walker = find_walker(simulation, id_)
    walker.pose = decode_pose(transform)
    walker.speed = max(0.0, float(speed))
    walker.ground = None


@call()
def get_bones_transform(simulation: Simulation, id_: int) -> list[Any]:
    """Walkers have no bones that clients could move."""
    find_walker(simulation, id_)
    return [[]]
