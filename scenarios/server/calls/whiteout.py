"""Calls of our own, beside CARLA's: snow, surfaces, and what a picture shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError
from scenarios.weather import ROAD_STATE_FIELDS, ROAD_STATE_RANGES


@call(anytime=True)
def whiteout_version(simulation: Simulation) -> str:  # noqa: ARG001 - every call takes the simulation
    """Version of these calls."""
    return "1"


@call()
def whiteout_get_road_state(simulation: Simulation) -> dict[str, float]:
    """Snow, dirt and temperature by name."""
    return simulation.world.weather.snow()


@call()
def whiteout_set_road_state(simulation: Simulation, state: dict[str, float]) -> dict[str, float]:
    """Set some of snow, dirt and temperature; returns all."""
    for name, value in state.items():
        if name not in ROAD_STATE_FIELDS:
            raise CallError(f"the road state has no field {name!r}; the fields are {', '.join(ROAD_STATE_FIELDS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not finite([value]):
            raise CallError(f"the road state's {name} must be a number, not {value!r}")
        low, high = ROAD_STATE_RANGES[name]
        if not low <= value <= high:
            raise CallError(f"the road state's {name} must lie between {low:g} and {high:g}, not {value}")
    simulation.world.weather = simulation.world.weather.with_values(**state)
    return simulation.world.weather.snow()


@call()
def whiteout_surface(simulation: Simulation, points: list[list[float]]) -> list[float]:
    """Snow cover, 0 to 1, at points in CARLA's axes [m]."""
    places = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    if not np.isfinite(places).all():
        raise CallError("a point has a coordinate that is not finite")
    return [float(value) for value in simulation.cameras.surface(places, simulation.world.weather)]


@call()
def whiteout_visibility(simulation: Simulation, sensor: int) -> list[dict[str, Any]]:
    """Whom the newest picture of a camera shows, and how much of each."""
    return simulation.cameras.visibility(sensor)
