"""Calls about the server, its clock, its settings and its streams."""

from __future__ import annotations

from typing import Any

from scenarios.server.calls.registry import call
from scenarios.server.geometry import finite
from scenarios.server.simulation import PATIENCE, Simulation, apply_settings, tick
from scenarios.server.streams import WORLD_STREAM
from scenarios.server.wire import CallError, from_optional

VERSION = "0.9.16"

LONGEST_STEP = 1.0
"""Of a fixed time step [s]."""


@call(anytime=True)
def version(simulation: Simulation) -> str:  # noqa: ARG001 - every call takes the simulation
    """CARLA's version that this server speaks."""
    return VERSION


@call()
def get_episode_info(simulation: Simulation) -> list[Any]:
    """The episode's number and the token of its stream of states."""
    return [simulation.world.episode, [simulation.streams.token(WORLD_STREAM)]]


@call(anytime=True)
def get_sensor_token(simulation: Simulation, stream: int) -> list[bytes]:
    """Where to listen to a stream. The client connects next, so the next tick waits for it.

    While the scene of the first camera is being built the answer takes its time, since nothing can be seen yet and
    clients are patient with each call anew.
    """
    if stream != WORLD_STREAM:
        simulation.cameras.wait_until_built(PATIENCE)
    simulation.streams.expect(stream)
    return [simulation.streams.token(stream)]


@call(anytime=True)
def get_episode_settings(simulation: Simulation) -> list[Any]:
    """CARLA's EpisodeSettings; the traffic manager asks all the time, so no lock is taken."""
    return simulation.settings


@call()
def set_episode_settings(simulation: Simulation, settings: list[Any]) -> int:
    """Take new settings; returns the newest frame."""
    fixed = from_optional(settings[2])
    if fixed is not None and not (finite([fixed]) and 0 <= fixed <= LONGEST_STEP):
        raise CallError(f"fixed_delta_seconds is {fixed}; it must be between 0 and {LONGEST_STEP} s")
    return apply_settings(simulation, list(settings[:11]))


@call(anytime=True)
def tick_cue(simulation: Simulation) -> int:
    """Make a step and return its frame; the step takes the lock by itself."""
    return tick(simulation)


@call()
def get_required_files(simulation: Simulation, folder: str) -> list[str]:  # noqa: ARG001
    """Files that a client should fetch: there is no navigation mesh and no traffic manager cache."""
    return []


@call()
def request_file(simulation: Simulation, name: str) -> bytes:  # noqa: ARG001
    """A file that `get_required_files` named; it names none."""
    raise CallError(f"there is no file {name!r}")


@call()
def is_sensor_enabled_for_ros(simulation: Simulation, stream: int) -> bool:  # noqa: ARG001
    """There is no ROS bridge."""
    return False
