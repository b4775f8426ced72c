"""The stage on which a scenario plays: a synchronous world, seeded chance, the ego vehicle and everything spawned."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import carla

from perception.errors import WhiteoutError
from scenarios.driver import Driver
from scenarios.extension import Extension
from scenarios.route import Route
from scenarios.stretches import Stretches
from scenarios.weather import Weather

STEP = 0.05
"""Simulated time of one tick [s]."""

SUN_SPREAD = 8.0
"""A low sun stands within so many degrees of straight ahead [deg]."""

SPAWN_CLEARANCE = 0.1
"""Height above the road at which vehicles are put down [m]."""

WALKER_HEIGHT = 1.0
"""Height of a walker's origin above the ground when spawned [m]."""


@dataclass(frozen=True)
class Light:
    """The weather asked for, and whether the sun is to stand ahead of the ego vehicle."""

    weather: Weather
    sun_ahead: bool


class Stage:
    """What a scenario works with; a context manager that restores the server and removes its actors, also after errors.

    Attributes:
        world: CARLA's world, in synchronous mode while the stage is open.
        map: its map.
        random: the scenario's only source of chance.
        stretch: "train" or "test", see `Stretches`.
        actors: everything spawned, in order; a thing's number in a drive is its place here, from 1.
        attached: the ego vehicle's sensors.
        ego: the vehicle that carries the camera.
        weather: what holds now.
        ticks: ticks played so far.
    """

    def __init__(
        self, client: carla.Client, light: Light, extension: Extension | None = None, *, seed: int, stretch: str
    ) -> None:
        self.world: carla.World = client.get_world()
        self.map: carla.Map = self.world.get_map()
        self.stretches = Stretches(self.map)
        self.stretch = stretch
        self.random = random.Random(f"{seed}:scenario")
        self.actors: list[carla.Actor] = []
        self.attached: list[carla.Sensor] = []
        self.weather = light.weather
        self.ticks = 0
        self._ego: carla.Vehicle | None = None
        self._light = light
        self._sun_random = random.Random(f"{seed}:sun")
        self._client = client
        self._extension = extension
        self._settings = self.world.get_settings()
        self._weather_before = self.world.get_weather()
        self._road_before = None if extension is None else extension.get_road_state()

    def __enter__(self) -> Stage:  # noqa: PYI034 - beartype reads Self only in classes decorated with it
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = STEP
        self.world.apply_settings(settings)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            commands = [carla.command.DestroyActor(actor.id) for actor in reversed(self.actors + self.attached)]
            self._client.apply_batch_sync(commands, False)
            self.world.set_weather(self._weather_before)
            if self._extension is not None and self._road_before is not None:
                self._extension.set_road_state(self._road_before)
            self.world.apply_settings(self._settings)
        except (RuntimeError, WhiteoutError):
            if kind is None:
                raise
        self.actors.clear()
        self.attached.clear()

    @property
    def ego(self) -> carla.Vehicle:
        """The vehicle that carries the camera."""
        if self._ego is None:
            raise WhiteoutError("the scenario yields before it has placed its ego vehicle; call stage.place_ego first")
        return self._ego

    @property
    def time(self) -> float:
        """Simulated time since the stage was opened [s]."""
        return self.ticks * STEP

    def tick(self) -> int:
        """Play one tick; the server's frame number."""
        frame: int = self.world.tick()
        self.ticks += 1
        return frame

    def start(self, length: float, bend: float = 360.0, *, junctions: bool = True) -> Route:
        """A route of `length` metres, drawn from the stage's stretch, that turns less than `bend` degrees."""
        return self.stretches.draw(self.random, self.stretch, length, bend, junctions=junctions)

    def spawn(self, blueprint: str, pose: carla.Transform, **attributes: str) -> Any:
        """Spawn an actor; it is removed when the stage closes."""
        recipe = self.world.get_blueprint_library().find(blueprint)
        for name, value in attributes.items():
            recipe.set_attribute(name, value)
        actor = self.world.spawn_actor(recipe, pose)
        self.actors.append(actor)
        return actor

    def paint(self, blueprint: str) -> dict[str, str]:
        """A colour drawn from those that CARLA recommends for a vehicle, as an attribute; empty if it has none."""
        recipe = self.world.get_blueprint_library().find(blueprint)
        if not recipe.has_attribute("color"):
            return {}
        return {"color": self.random.choice(recipe.get_attribute("color").recommended_values)}

    def vehicle(self, blueprint: str, route: Route, station: float, offset: float = 0.0, speed: float = 0.0) -> Driver:
        """A vehicle on a route with a driver, rolling at `speed` [m/s]."""
        pose = route.at(station, offset, SPAWN_CLEARANCE)
        actor = self.spawn(blueprint, pose, **self.paint(blueprint))
        heading = math.radians(pose.rotation.yaw)
        actor.set_target_velocity(carla.Vector3D(speed * math.cos(heading), speed * math.sin(heading), 0.0))
        return Driver(actor, route, station, STEP)

    def place_ego(self, route: Route, station: float = 0.0, speed: float = 0.0) -> Driver:
        """The ego vehicle on a route; a low sun is turned to stand ahead of it."""
        driver = self.vehicle("vehicle.tesla.model3", route, station, 0.0, speed)
        self._ego = driver.vehicle
        self.light(route.at(station + 30.0).rotation.yaw)
        return driver

    def walker(self, blueprint: str, pose: carla.Transform) -> carla.Walker:
        """A pedestrian; `pose` is on the ground."""
        pose.location.z += WALKER_HEIGHT
        return self.spawn(blueprint, pose)

    def blueprints(self, pattern: str, kinds: Sequence[str] = ()) -> list[str]:
        """Blueprint ids that match `pattern`, of the given `base_type`s if any are named, sorted."""
        found = self.world.get_blueprint_library().filter(pattern)
        return sorted(b.id for b in found if not kinds or b.get_attribute("base_type").as_str() in kinds)

    def light(self, heading: float) -> None:
        """Set the weather; a sun that is to stand ahead stands about ahead of `heading` [deg, CARLA's yaw]."""
        weather = self._light.weather
        if self._light.sun_ahead:
            spread = self._sun_random.uniform(-SUN_SPREAD, SUN_SPREAD)
            weather = weather.with_values(sun_azimuth_angle=(heading + spread) % 360.0)
        self.weather = weather
        self.world.set_weather(carla.WeatherParameters(*weather.carla_values()))
        if self._extension is not None:
            self._extension.set_road_state(weather.snow())

    def numbers(self) -> dict[int, int]:
        """Actor id to the actor's number in the drive."""
        return {actor.id: index for index, actor in enumerate(self.actors, start=1)}

    def clock(self) -> Iterator[float]:
        """Simulated time [s] for ever; a scenario yields once for each value."""
        begin = self.ticks
        while True:
            yield (self.ticks - begin) * STEP
