"""`apply_batch`: many commands in one call, each with an answer of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from scenarios.server.calls import actors, lights, vehicles, walkers
from scenarios.server.calls.registry import call
from scenarios.server.simulation import Simulation, tick
from scenarios.server.wire import CallError, failure, success

SPAWN, CONSOLE = 0, 20

_log = logging.getLogger(__name__)

Command = Callable[..., Any]


def _set_lights(simulation: Simulation, id_: int, flags: int) -> None:
    vehicles.set_vehicle_light_state(simulation, id_, [flags])


COMMANDS: dict[int, Command] = {
    1: actors.destroy_actor,
    2: vehicles.apply_control_to_vehicle,
    3: vehicles.apply_ackermann_control_to_vehicle,
    4: walkers.apply_control_to_walker,
    5: vehicles.apply_physics_control,
    6: actors.set_actor_transform,
    7: walkers.apply_walker_state,
    8: actors.set_actor_target_velocity,
    9: actors.set_actor_target_angular_velocity,
    10: actors.add_actor_impulse,
    11: actors.add_actor_force,
    12: actors.add_actor_angular_impulse,
    13: actors.add_actor_torque,
    14: actors.set_actor_simulate_physics,
    15: actors.set_actor_enable_gravity,
    16: actors.set_actor_autopilot,
    17: vehicles.show_vehicle_debug_telemetry,
    18: _set_lights,
    19: actors.set_actor_location,
    21: lights.set_traffic_light_state,
}
"""CARLA's command numbers, save spawning and the console."""


@call(bare=True, anytime=True)
def apply_batch(simulation: Simulation, commands: list[Any], do_tick: bool) -> list[Any]:
    """Carry out commands in order; exactly one answer each, or the client dies.

    A step that fails afterwards takes no answer back: the next tick tells it.
    """
    with simulation.lock:
        answers = [_answer(simulation, command) for command in commands]
    if do_tick:
        try:
            tick(simulation)
        except Exception as error:  # noqa: BLE001 - told by the next tick
            _log.exception("the step after a batch failed")
            simulation.late_failure = error
    return answers


def _answer(simulation: Simulation, command: Any) -> list[Any]:
    try:
        return success(_carry_out(simulation, command))
    except CallError as error:
        return failure(str(error))
    except Exception as error:  # noqa: BLE001 - a missing answer would kill the client
        _log.warning("command %s failed", str(command)[:200], exc_info=True)
        return failure(f"command not understood: {type(error).__name__}: {error}")


def _carry_out(simulation: Simulation, command: Any) -> int:
    """Returns the id of the actor concerned."""
    kind, body = command[0]
    if kind == SPAWN:
        return _spawn(simulation, body)
    if kind == CONSOLE:
        raise CallError("this server has no console")
    if kind not in COMMANDS:
        raise CallError(f"this server does not know the batch command {kind}")
    COMMANDS[kind](simulation, *body)
    return int(body[0])


def _spawn(simulation: Simulation, body: list[Any]) -> int:
    """Spawn, then do what is to be done with the new actor; as in CARLA, the answer is about the spawning alone."""
    description, transform, parent, attachment, socket, after = body
    if parent[0]:
        record = actors.spawn_actor_with_parent(simulation, description, transform, parent[1], attachment, socket)
    else:
        record = actors.spawn_actor(simulation, description, transform)
    id_ = int(record[0])
    for command in after:
        (kind, then) = command[0]
        if kind != SPAWN:
            then = [id_ if then[0] == 0 else then[0], *then[1:]]
        elif then[2][0] and then[2][1] == 0:
            then = [*then[:2], [True, id_], *then[3:]]
        answer = _answer(simulation, [[kind, then]])
        if answer != success(answer[0][1]):
            _log.warning("a command after the spawning of actor %d failed: %s", id_, answer[0][1])
    return id_
