"""The simulated world: its clock, its actors, its weather, and what one step does to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from scenarios.instant import ActorState, Pose
from scenarios.maps.world_map import WorldMap
from scenarios.server import collisions, traffic_lights
from scenarios.server.actors import Actor, TrafficLight, Vehicle, Walker
from scenarios.server.collisions import Collision
from scenarios.server.geometry import compose, overlap
from scenarios.server.physics import DRY_TIRE_FRICTION, road_grip
from scenarios.server.roads import Roads
from scenarios.server.vehicles import step_vehicle
from scenarios.server.walkers import step_walker
from scenarios.weather import Weather

FREE_RUN_STEP = 0.05
"""Of the clock when no fixed step is set [s]."""

FRAMES_OF_AN_EPISODE = 100_000
"""A synchronous run in a vacant world begins at a multiple of it, so that its frame numbers repeat."""

ActorType = TypeVar("ActorType", bound=Actor)


@dataclass(frozen=True)
class Remembered:
    """A step that is over, for what is measured between two.

    Attributes:
        step: its number.
        actors: everybody that a picture could show.
        cameras: poses of the cameras by id.
    """

    step: int
    actors: tuple[ActorState, ...]
    cameras: Mapping[int, Pose]


@dataclass
class World:
    """One episode. Everything a state or a picture depends on is in here and nowhere else.

    Attributes:
        map: the OpenDRIVE map.
        roads: what it says of the ground.
        episode: number of the episode.
        frame: of the newest state; grows for ever, over all episodes.
        elapsed: simulated time since the episode began [s].
        delta: length of the newest step [s].
        steps: since the episode, or its synchronous run, began.
        weather: CARLA's numbers and the snow.
        actors: by id, in the order of their spawning.
        collisions: of the newest step.
        map_changed: whether no state of this episode has been sent yet.
        first_id: the lowest id of what clients spawn.
        unclaimed: whether nobody has taken the clock since the first of the present clients came.
        remembered: the newest step that was over, where somebody measures flow.
    """

    map: WorldMap
    roads: Roads
    episode: int = 1
    frame: int = 1
    elapsed: float = 0.0
    delta: float = FREE_RUN_STEP
    steps: int = 0
    weather: Weather = field(default_factory=Weather)
    actors: dict[int, Actor] = field(default_factory=dict)
    collisions: list[Collision] = field(default_factory=list)
    map_changed: bool = False
    next_id: int = 1
    first_id: int = 1
    unclaimed: bool = True
    spectator: int = 0
    remembered: Remembered | None = None

    @property
    def vacant(self) -> bool:
        """Whether nothing that a client spawned is left."""
        return all(id_ < self.first_id for id_ in self.actors)

    def of_type(self, kind: type[ActorType]) -> Iterator[ActorType]:
        """All actors of one class, in order of their ids."""
        return (actor for actor in self.actors.values() if isinstance(actor, kind))

    def add(self, actor: Actor) -> Actor:
        """Put a new actor into the world; its id must be the next one."""
        self.actors[actor.id] = actor
        self.next_id = max(self.next_id, actor.id + 1)
        return actor

    def remove(self, id_: int) -> list[int]:
        """Take an actor and all that it carries out of the world; return their ids."""
        carried = [actor.id for actor in self.actors.values() if actor.parent == id_]
        gone = [id_]
        for child in carried:
            gone += self.remove(child)
        self.actors.pop(id_, None)
        return gone


def new_world(world_map: WorldMap, episode: int = 1, frame: int = 1) -> World:
    """A world with what its map brings along: the spectator and the traffic lights."""
    carla_map: Any = world_map.carla_map()
    world = World(world_map, Roads(carla_map, world_map.opendrive), episode, frame)
    start = world.roads.spawn_points()[0]
    spectator = world.add(
        Actor(world.next_id, "spectator", Pose(start.x, start.y, start.z + 20.0, -20.0, start.yaw, 0.0))
    )
    world.spectator = spectator.id
    for pole, signal in enumerate(traffic_lights.read_signals(carla_map, world_map.opendrive)):
        light = TrafficLight(
            world.next_id,
            "traffic.traffic_light",
            signal.pose,
            box=traffic_lights.stop_box(signal),
            tags=bytes([7]),
            sign=signal.id,
            group=signal.group,
            phase=signal.phase,
            stops=signal.stops,
            pole=pole,
        )
        world.add(light)
    traffic_lights.reset(world.of_type(TrafficLight))
    world.first_id = world.next_id
    return world


def begin_synchronous(world: World) -> None:
    """Set the clock of a vacant world to its start, so that every synchronous run begins alike.

    Until then the clock ran free, by the wall clock; frame numbers jump to the next round one because clients ignore
    states that are not newer than the last.
    """
    world.unclaimed = False
    if not world.vacant:
        return
    world.frame = (world.frame // FRAMES_OF_AN_EPISODE + 1) * FRAMES_OF_AN_EPISODE
    world.elapsed = 0.0
    world.steps = 0
    world.remembered = None
    traffic_lights.reset(world.of_type(TrafficLight))


def offer(world: World) -> None:
    """Let the next client find a vacant world as the first one did: ids count from the start, the clock is nobody's.

    Only for when no client is left, for each remembers for ever what an id stood for.
    """
    if world.vacant:
        world.next_id = world.first_id
        world.unclaimed = True


def step(world: World, delta: float) -> None:
    """Let `delta` seconds pass."""
    world.frame += 1
    world.steps += 1
    world.elapsed += delta
    world.delta = delta
    lights = list(world.of_type(TrafficLight))
    traffic_lights.switch(lights, delta)
    grip = road_grip(world.weather)
    vehicles = list(world.of_type(Vehicle))
    triggers = [actor for actor in world.actors.values() if actor.blueprint == "static.trigger.friction"]
    for vehicle in vehicles:
        step_vehicle(vehicle, delta, grip * _slipperiness(vehicle, triggers), world.roads)
    for walker in world.of_type(Walker):
        step_walker(walker, delta, world.roads)
    world.collisions = collisions.collide(world.actors.values())
    traffic_lights.find_lights(vehicles, lights)
    follow_parents(world)


def _slipperiness(vehicle: Vehicle, triggers: list[Actor]) -> float:
    """What the friction triggers in which a vehicle stands make of its tyres: 1 for none."""
    around = [one for one in triggers if overlap(one.footprint, vehicle.footprint)]
    return min((float(one.attributes["friction"]) / DRY_TIRE_FRICTION for one in around), default=1.0)


def follow_parents(world: World) -> None:
    """Bring what is attached to where its parent is now."""
    for actor in world.actors.values():
        parent = world.actors.get(actor.parent)
        if parent is not None:
            actor.pose = compose(parent.pose, actor.mount)
            actor.velocity = parent.velocity
            actor.angular_velocity = parent.angular_velocity
            actor.acceleration = parent.acceleration
