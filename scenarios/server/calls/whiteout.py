"""Calls of our own, beside CARLA's: snow, surfaces, and what a picture shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError
from scenarios.weather import ROAD_STATE_FIELDS

_UNIT_FIELDS = frozenset({"snow_cover", "snow_packed", "snow_tracks"})


@call(anytime=True)
def whiteout_version(simulation: Simulation) -> str:  # noqa: ARG001 - every call takes the simulation
    """Version of these calls."""
    return "1"


@call()
def whiteout_get_road_state(simulation: Simulation) -> dict[str, float]:
    """Snow and temperature by name."""
    return simulation.world.weather.snow()


@call()
def whiteout_set_road_state(simulation: Simulation, state: dict[str, float]) -> dict[str, float]:
    """Set some of snow and temperature; returns all."""
    for name, value in state.items():
        if name not in ROAD_STATE_FIELDS:
            raise CallError(f"the road state has no field {name!r}; the fields are {', '.join(ROAD_STATE_FIELDS)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not finite([value]):
            raise CallError(f"the road state's {name} must be a number, not {value!r}")
        if name in _UNIT_FIELDS and not 0 <= value <= 1:
            raise CallError(f"the road state's {name} must lie between 0 and 1, not {value}")
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
