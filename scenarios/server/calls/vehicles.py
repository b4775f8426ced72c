"""Calls that drive vehicles and light their lights."""

from __future__ import annotations

from typing import Any

from scenarios.server.actors import Vehicle, VehicleControl
from scenarios.server.calls.actors import find
from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.physics import changed_physics
from scenarios.server.simulation import Simulation
from scenarios.server.vehicles import forward_speed
from scenarios.server.wire import CallError

ACKERMANN_SETTINGS = [0.15, 0.0, 0.25, 0.01, 0.0, 0.01]
"""CARLA's default gains; the server's own controller has no gains to set."""


def find_vehicle(simulation: Simulation, id_: int) -> Vehicle:
    """The vehicle with that id.

    Raises:
        CallError: there is none, or it is something else.
    """
    actor = find(simulation, id_)
    if not isinstance(actor, Vehicle):
        raise CallError(f"actor {id_} is a {actor.blueprint}, not a vehicle")
    return actor


@call(returns=False)
def apply_control_to_vehicle(simulation: Simulation, id_: int, control: list[Any]) -> None:
    """Set pedals and wheel; they stay so until the next control."""
    vehicle = find_vehicle(simulation, id_)
    throttle, steer, brake = (float(value) for value in control[:3])
    if not finite([throttle, steer, brake]):
        raise CallError(f"the control of vehicle {id_} has a number that is not finite")
    hand_brake, reverse, manual, gear = control[3:7]
    vehicle.control = VehicleControl(
        min(1.0, max(0.0, throttle)),
        min(1.0, max(-1.0, steer)),
        min(1.0, max(0.0, brake)),
        bool(hand_brake),
        bool(reverse),
        bool(manual),
        max(-1, min(9, int(gear))),
    )
    vehicle.ackermann = None


@call(returns=False)
def apply_ackermann_control_to_vehicle(simulation: Simulation, id_: int, control: list[Any]) -> None:
    """Set targets of steering [rad], its speed, speed [m/s], acceleration [m/s^2], jerk."""
    vehicle = find_vehicle(simulation, id_)
    values = [float(value) for value in control[:5]]
    if len(values) != 5 or not finite(values):
        raise CallError(f"the control of vehicle {id_} must be five finite numbers, not {values}")
    vehicle.ackermann = values


@call()
def get_ackermann_controller_settings(simulation: Simulation, id_: int) -> list[float]:
    """CARLA's default gains."""
    find_vehicle(simulation, id_)
    return ACKERMANN_SETTINGS


@call(returns=False)
def apply_ackermann_controller_settings(simulation: Simulation, id_: int, settings: list[float]) -> None:  # noqa: ARG001
    """The controller here has no gains; the call is accepted so that scripts run on."""
    find_vehicle(simulation, id_)


@call()
def get_physics_control(simulation: Simulation, id_: int) -> list[Any]:
    """CARLA's VehiclePhysicsControl."""
    vehicle = find_vehicle(simulation, id_)
    return list(vehicle.physics.wire(vehicle.pose))


@call(returns=False)
def apply_physics_control(simulation: Simulation, id_: int, control: list[Any]) -> None:
    """Change mass, drag, steering and tyres; engine curves and gears are kept but move nothing."""
    vehicle = find_vehicle(simulation, id_)
    vehicle.physics = changed_physics(vehicle.physics, control)


@call()
def get_vehicle_light_state(simulation: Simulation, id_: int) -> list[int]:
    """The lights that clients have set."""
    return [find_vehicle(simulation, id_).lights]


@call(returns=False)
def set_vehicle_light_state(simulation: Simulation, id_: int, lights: list[int]) -> None:
    """Set all lights."""
    find_vehicle(simulation, id_).lights = int(lights[0]) & 0xFFFFFFFF


@call()
def get_vehicle_light_states(simulation: Simulation) -> list[list[int]]:
    """The lights of every vehicle."""
    return [[vehicle.id, vehicle.lights] for vehicle in simulation.world.of_type(Vehicle)]


@call()
def get_telemetry_data(simulation: Simulation, id_: int) -> list[Any]:
    """Speed [m/s], controls, revolutions, gear, drag force [N]; tyre telemetry is not modelled, so no wheels."""
    vehicle = find_vehicle(simulation, id_)
    speed, control = forward_speed(vehicle), vehicle.control
    revolutions = 800.0 + 5000.0 * min(1.0, abs(speed) / max(1.0, 7.0 * max(1, vehicle.gear)))
    drag = 0.6 * vehicle.physics.drag * vehicle.physics.area * speed * speed
    return [speed, control.steer, control.throttle, control.brake, revolutions, vehicle.gear, drag, []]


@call()
def get_wheel_steer_angle(simulation: Simulation, id_: int, wheel: int) -> float:
    """How far a wheel is turned [deg]; 0 and 1 are the front wheels."""
    vehicle = find_vehicle(simulation, id_)
    return vehicle.steer_angle if wheel in {0, 1} else 0.0


@call(returns=False)
def show_vehicle_debug_telemetry(simulation: Simulation, id_: int, enabled: bool) -> None:  # noqa: ARG001
    """There is no screen to show it on."""
    find_vehicle(simulation, id_)


@call(returns=False)
def open_vehicle_door(simulation: Simulation, id_: int, door: int) -> None:  # noqa: ARG001
    """Bodies have no doors that open; accepted so that scripts run on."""
    find_vehicle(simulation, id_)


@call(returns=False)
def close_vehicle_door(simulation: Simulation, id_: int, door: int) -> None:  # noqa: ARG001
    """Bodies have no doors that open; accepted so that scripts run on."""
    find_vehicle(simulation, id_)
