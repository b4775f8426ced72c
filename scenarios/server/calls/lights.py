"""Calls about traffic lights."""

from __future__ import annotations

from typing import Any

from scenarios.server import traffic_lights
from scenarios.server.actors import TrafficLight
from scenarios.server.calls.actors import find
from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError


def find_light(simulation: Simulation, id_: int) -> TrafficLight:
    """The traffic light with that id.

    Raises:
        CallError: there is none, or it is something else.
    """
    actor = find(simulation, id_)
    if not isinstance(actor, TrafficLight):
        raise CallError(f"actor {id_} is a {actor.blueprint}, not a traffic light")
    return actor


@call(returns=False)
def set_traffic_light_state(simulation: Simulation, id_: int, state: int) -> None:
    """Switch one light; its cycle goes on from there."""
    light = find_light(simulation, id_)
    light.state, light.elapsed = int(state), 0.0


@call(returns=False)
def set_traffic_light_green_time(simulation: Simulation, id_: int, seconds: float) -> None:
    """How long it stays green [s]."""
    find_light(simulation, id_).green = _seconds(seconds)


@call(returns=False)
def set_traffic_light_yellow_time(simulation: Simulation, id_: int, seconds: float) -> None:
    """How long it stays yellow [s]."""
    find_light(simulation, id_).yellow = _seconds(seconds)


@call(returns=False)
def set_traffic_light_red_time(simulation: Simulation, id_: int, seconds: float) -> None:
    """How long all stay red after its turn [s]."""
    find_light(simulation, id_).red = _seconds(seconds)


@call(returns=False)
def freeze_traffic_light(simulation: Simulation, id_: int, frozen: bool) -> None:
    """Stop the cycle that a light belongs to."""
    find_light(simulation, id_).frozen = frozen


@call(returns=False)
def freeze_all_traffic_lights(simulation: Simulation, frozen: bool) -> None:
    """Stop all cycles."""
    for light in simulation.world.of_type(TrafficLight):
        light.frozen = frozen


@call(returns=False)
def reset_traffic_light_group(simulation: Simulation, id_: int) -> None:
    """Begin a junction's cycle anew."""
    group = find_light(simulation, id_).group
    traffic_lights.reset(light for light in simulation.world.of_type(TrafficLight) if light.group == group)


@call(returns=False)
def reset_all_traffic_lights(simulation: Simulation) -> None:
    """Begin all cycles anew."""
    traffic_lights.reset(simulation.world.of_type(TrafficLight))


@call()
def get_group_traffic_lights(simulation: Simulation, id_: int) -> list[int]:
    """The lights of the same junction."""
    group = find_light(simulation, id_).group
    return [light.id for light in simulation.world.of_type(TrafficLight) if light.group == group]


@call()
def get_light_boxes(simulation: Simulation, id_: int) -> list[Any]:
    """The light's head."""
    pose = find_light(simulation, id_).pose
    return [[[pose.x, pose.y, pose.z], [0.2, 0.2, 0.5], [pose.pitch, pose.yaw, pose.roll], id_]]


def _seconds(value: float) -> float:
    if not finite([value]) or value < 0:
        raise CallError(f"a traffic light's time must be 0 s or more, not {value}")
    return float(value)
