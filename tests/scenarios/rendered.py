"""A straight, flat road to look at, with one renderer for all tests of a run."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from scenarios.instant import ActorState, Instant, Pose, View
from scenarios.maps.world_map import WorldMap
from scenarios.render.renderer import Renderer
from scenarios.render.shot import Shot
from scenarios.weather import Weather, preset
from tests.scenarios.roads import straight_road

EYE = 1.5
"""Height of the camera over the road [m]."""
LANE = 1.75
"""CARLA's y of the middle of the lane that runs along +x."""


def straight_map(length: float = 300.0) -> WorldMap:
    return WorldMap("straight", straight_road(length), Path("straight.xodr"))


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    """Quick to render: one path a pixel."""
    return Renderer(straight_map(), quality="preview", seed=3)


def view(width: int = 128, height: int = 80, **changes: object) -> View:
    """A camera 30 m down the road, in the right lane, looking along it."""
    pose = Pose(x=30.0, y=LANE, z=EYE)
    return replace(View(pose, width, height, 80.0), **changes)  # type: ignore[arg-type]


def car(actor_id: int = 7, x: float = 42.0, y: float = LANE) -> ActorState:
    return ActorState(actor_id, "vehicle.tesla.model3", Pose(x=x, y=y), {"color": "180,20,20"})


def look(weather: Weather | str, *actors: ActorState, frame: int = 1, at: View | None = None) -> Shot:
    """A shot down the road; a low sun stands straight ahead."""
    chosen = preset(weather, 0.0) if isinstance(weather, str) else weather
    return renderer().shoot(Instant(frame, frame * 0.05, chosen, actors), at or view())
