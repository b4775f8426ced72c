"""The one owner of all server state: the world, the streams, the cameras, and the lock for one call at a time."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios.maps.world_map import WorldMap
from scenarios.server import sensors
from scenarios.server.cameras import Cameras
from scenarios.server.snapshots import encode_state
from scenarios.server.streams import Streams
from scenarios.server.world import FREE_RUN_STEP, World, begin_synchronous, new_world, step

_log = logging.getLogger(__name__)

DEFAULT_SETTINGS: tuple[Any, ...] = (
    False, False, [False], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True,
)  # fmt: skip
"""CARLA's EpisodeSettings: synchronous, no rendering, fixed step, substepping (3), culling, ragdolls, streaming (3)."""


PATIENCE = 4.0
"""For how long an answer is kept back until pictures are there [s]; clients give up after 5 s by default."""


@dataclass
class Simulation:
    """What all connections share.

    Attributes:
        world: the present episode.
        streams: who listens to what.
        cameras: the renderer, once a camera has a listener.
        maps: maps that can be loaded, by name.
        lock: held while a call is answered or a step is made.
        settings: CARLA's EpisodeSettings.
        traffic_managers: host by port, of the clients that run one.
        uploads: folder for OpenDRIVE texts that clients send.
        stepper: the thread of the steps that clients ask for.
        late_failure: what went wrong in a step whose number had been answered already; the next tick tells it.
    """

    world: World
    streams: Streams
    cameras: Cameras
    uploads: Path
    maps: dict[str, WorldMap] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    settings: list[Any] = field(default_factory=lambda: list(DEFAULT_SETTINGS))
    traffic_managers: dict[int, str] = field(default_factory=dict)
    stepper: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="step"))
    late_failure: BaseException | None = None

    @property
    def synchronous(self) -> bool:
        """Whether the clock waits for a client's tick."""
        return bool(self.settings[0])

    @property
    def step_length(self) -> float:
        """Of the next step [s]."""
        fixed = self.settings[2]
        return float(fixed[1]) if fixed[0] and fixed[1] > 0 else FREE_RUN_STEP


def tick(simulation: Simulation) -> int:
    """Make a step for a client that waits, and return the frame's number.

    Clients wait 5 s by default for the answer and then as long again for the frame's state, while a first picture may
    take longer than 5 s. So the number is answered after `PATIENCE` even if the pictures are not finished; the state,
    which the client waits for next, still comes after them.

    Raises:
        CallError: the pictures could not be taken, in this step or after the answer to the one before.
    """
    failure, simulation.late_failure = simulation.late_failure, None
    if failure is not None:
        raise failure
    begun = threading.Event()

    def work() -> int:
        with simulation.lock:
            return advance(simulation, begun)

    step_under_way = simulation.stepper.submit(work)
    try:
        return step_under_way.result(timeout=PATIENCE)
    except TimeoutError:
        while not begun.wait(PATIENCE):
            if step_under_way.done():
                break
        if not begun.is_set():
            return step_under_way.result()
        step_under_way.add_done_callback(lambda done: _remember_failure(simulation, done.exception()))
        return simulation.world.frame


def _remember_failure(simulation: Simulation, error: BaseException | None) -> None:
    if error is not None:
        _log.error("the pictures of a step could not be taken: %s", error)
        simulation.late_failure = error


def advance(simulation: Simulation, begun: threading.Event | None = None) -> int:
    """Make one step: move the world, send what its sensors see, then its state; return the frame's number.

    `begun` is set when the number is known.
    """
    world = simulation.world
    lossless = simulation.synchronous
    if lossless:
        simulation.streams.wait_for_expected()
    step(world, simulation.step_length)
    if begun is not None:
        begun.set()
    try:
        for stream, message in sensors.measure(world, simulation.streams, simulation.cameras, lossless=lossless):
            simulation.streams.send(stream, message, lossless=lossless)
    finally:
        simulation.streams.publish_state(encode_state(world), lossless=lossless)
        world.map_changed = False
    return world.frame


def apply_settings(simulation: Simulation, settings: list[Any]) -> int:
    """Take CARLA's EpisodeSettings; return the newest frame."""
    was_synchronous = simulation.synchronous
    simulation.settings = settings
    if simulation.synchronous and (simulation.world.unclaimed or not was_synchronous):
        begin_synchronous(simulation.world)
        simulation.streams.publish_state(encode_state(simulation.world), lossless=True)
    return simulation.world.frame


def load_episode(simulation: Simulation, world_map: WorldMap, *, reset_settings: bool) -> None:
    """Begin a new episode on a map; everything that was spawned is gone."""
    old = simulation.world
    world = new_world(world_map, old.episode + 1, old.frame + 1)
    world.map_changed = True
    simulation.world = world
    simulation.cameras.change_map(world_map)
    if reset_settings:
        simulation.settings = list(DEFAULT_SETTINGS)
    elif simulation.synchronous:
        begin_synchronous(world)
    simulation.streams.begin_episode(encode_state(world))
