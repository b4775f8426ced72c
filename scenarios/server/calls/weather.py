"""CARLA's weather calls; what they do not know (snow, temperature) stays as it is."""

from __future__ import annotations

from dataclasses import replace

from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError
from scenarios.weather import CARLA_FIELDS, Weather

_UNSET = 10
"""How many numbers of `WeatherParameters.Default` are -1."""


@call()
def get_weather_parameters(simulation: Simulation) -> list[float]:
    """CARLA's fourteen numbers."""
    return simulation.world.weather.carla_values()


@call(returns=False)
def set_weather_parameters(simulation: Simulation, values: list[float]) -> None:
    """Set CARLA's fourteen numbers, each brought into its range.

    `WeatherParameters.Default`, a row of -1, stands for the map's own weather.
    """
    numbers = [float(value) for value in values]
    if not finite(numbers):
        raise CallError("the weather has a number that is not finite")
    if numbers[:_UNSET] == [-1.0] * _UNSET:
        numbers = Weather().carla_values()
    named = dict(zip(CARLA_FIELDS, numbers, strict=True))
    simulation.world.weather = replace(simulation.world.weather, **named).clamped()


@call()
def get_imui_gravity(simulation: Simulation) -> float:  # noqa: ARG001 - every call takes the simulation
    """What inertial sensors take for gravity [m/s^2]."""
    return 9.81
