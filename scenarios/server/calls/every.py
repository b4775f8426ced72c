"""All calls of the server by name."""

from __future__ import annotations

from scenarios.server.calls import (
    actors,
    batches,
    debug,
    episode,
    lights,
    map,  # noqa: A004 - CARLA's noun
    traffic_manager,
    vehicles,
    walkers,
    weather,
    whiteout,
)
from scenarios.server.calls.registry import Call, table

CALLS: dict[str, Call] = table(
    episode, map, actors, vehicles, walkers, lights, weather, traffic_manager, debug, whiteout, batches
)
