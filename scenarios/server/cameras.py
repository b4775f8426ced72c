"""What cameras see after a step, ordered from the renderer's process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.instant import ActorState, Before, Instant, Pose, View
from scenarios.lens_attributes import carried
from scenarios.maps.world_map import WorldMap
from scenarios.server.actors import Actor, Sensor, TrafficLight, Vehicle, Walker
from scenarios.server.geometry import Vector, rotation, unrotate
from scenarios.server.pictures import Message, Order
from scenarios.server.relay import Relay
from scenarios.server.render_process import RenderProcess
from scenarios.server.snapshots import sensor_header
from scenarios.server.vehicles import forward_speed, shown_lights
from scenarios.server.wire import CallError
from scenarios.server.world import Remembered, World
from scenarios.weather import Weather

IMAGE_TYPES = {
    "sensor.camera.depth": 1,
    "sensor.camera.normals": 2,
    "sensor.camera.optical_flow": 8,
    "sensor.camera.rgb": 13,
    "sensor.camera.semantic_segmentation": 14,
    "sensor.camera.instance_segmentation": 15,
    "sensor.camera.glare": 14,
    "sensor.camera.glare_ratio": 14,
}
"""CARLA's sensor type ids; our own pictures of the glare travel as semantic ones, which every client can read."""

FLOW = "sensor.camera.optical_flow"

_NOT_OPTICS = frozenset(
    {"sensor_tick", "role_name", "ros_name", "counterfactual", "image_size_x", "image_size_y", "fov"}
)

_log = logging.getLogger(__name__)


class Cameras:
    """The renderer's process and the thread that talks to it. Without cameras there is none."""

    def __init__(self, world_map: WorldMap, *, quality: str, seed: int, relay: Relay | None = None) -> None:
        """`relay` is this server's place among those that share a camera's pictures, if it has one."""
        self.seed = seed
        self._relay = relay
        self._map = world_map
        self._quality = quality
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cameras")
        self._process: RenderProcess | None = None
        self._built: Future[None] | None = None
        self._under_way: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether `take_later` has not finished."""
        return self._under_way is not None and not self._under_way.done()

    def prepare(self) -> None:
        """Begin to build the scene, so that the first picture need not wait for it."""
        if self._process is not None and self._process.dead:
            self._process.close()
            self._process = None
        if self._process is None:
            self._process = RenderProcess(self._map, quality=self._quality, seed=self.seed, relay=self._relay)
            self._built = self._thread.submit(self._process.wait_until_built)

    def wait_until_built(self, timeout: float) -> None:
        """Give a scene that is being built some time [s]."""
        if self._built is not None:
            wait([self._built], timeout)

    def change_map(self, world_map: WorldMap) -> None:
        """Another map: the next camera builds another scene."""
        if self._process is not None and world_map.opendrive != self._map.opendrive:
            self._process.close()
            self._process = None
        elif self._process is not None and not self._process.dead:
            self._thread.submit(self._process.ask, "forget all")
        self._map = world_map

    def close(self) -> None:
        """End the renderer."""
        if self._process is not None:
            self._process.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def take(self, instant: Instant, orders: Sequence[Order]) -> list[Message]:
        """Render and wait for it.

        Raises:
            CallError: the renderer failed; the server lives on.
        """
        if not orders:
            return []
        messages: list[Message] = self._ask("render", instant, list(orders))
        return messages

    def take_later(self, instant: Instant, orders: Sequence[Order], send: Callable[[int, bytes], None]) -> None:
        """Render while the world moves on, then send."""
        self.prepare()
        process = self._process

        def work() -> None:
            try:
                for stream, message in process.ask("render", instant, list(orders)) if process else ():
                    send(stream, message)
            except CallError as error:
                _log.warning("%s", error)

        if orders:
            self._under_way = self._thread.submit(work)

    def surface(self, points: Float[ndarray, "n 3"], weather: Weather) -> Float[ndarray, "n"]:
        """Snow cover, 0 to 1, at points in CARLA's axes [m]."""
        return np.asarray(self._ask("surface", points, weather), dtype=np.float64)

    def visibility(self, sensor: int) -> list[dict[str, Any]]:
        """Whom the newest picture of a camera shows.

        Raises:
            CallError: the camera has sent no picture yet.
        """
        found: list[dict[str, Any]] | None = self._ask("visibility", sensor) if self._process is not None else None
        if found is None:
            raise CallError(f"camera {sensor} has no picture yet; listen to it and tick once")
        return found

    def forget(self, sensors: Sequence[int]) -> None:
        """These cameras are gone."""
        if self._process is not None and not self._process.dead:
            self._thread.submit(self._process.ask, "forget", list(sensors))

    def _ask(self, what: str, *arguments: Any) -> Any:
        self.prepare()
        if self._process is None:
            raise CallError("the renderer could not be started")
        return self._thread.submit(self._process.ask, what, *arguments).result()


def order_of(sensor: Sensor, world: World) -> Order:
    """The picture that a camera is to take now."""
    header = sensor_header(IMAGE_TYPES[sensor.blueprint], world, sensor.pose)
    return Order(
        sensor=sensor.id,
        stream=sensor.stream,
        kind=sensor.blueprint,
        counterfactual=sensor.attributes.get("counterfactual", "none"),
        header=header,
        view=view_of(sensor, world),
        before=_before(sensor, world) if sensor.blueprint == FLOW else None,
    )


def remember(world: World) -> None:
    """Keep how things are now for the flow of the next step, if there is a camera that measures it."""
    flows = [sensor for sensor in world.of_type(Sensor) if sensor.blueprint == FLOW]
    world.remembered = (
        Remembered(world.steps, drawn(world), {sensor.id: sensor.pose for sensor in flows}) if flows else None
    )


def _before(sensor: Sensor, world: World) -> Before | None:
    """Where a camera and all others were one step ago; None if that is not known."""
    past = world.remembered
    if past is None or past.step != world.steps - 1 or sensor.id not in past.cameras:
        return None
    return Before(past.cameras[sensor.id], past.actors)


def instant_of(world: World, seed: int) -> Instant:
    """The world as the renderer sees it."""
    return Instant(
        frame=world.steps,
        time=world.elapsed,
        weather=world.weather,
        actors=drawn(world),
        seed=seed,
    )


def drawn(world: World) -> tuple[ActorState, ...]:
    """Everybody that a picture can show, as they are now."""
    return tuple(_drawn(actor) for actor in world.actors.values() if _is_drawn(actor))


def view_of(sensor: Sensor, world: World) -> View:
    """What a camera sees; the vehicle that it sits in is not drawn."""
    attributes = sensor.attributes
    parent = world.actors.get(sensor.parent)
    inside = parent is not None and _contains(parent, sensor.pose)
    return View(
        pose=sensor.pose,
        width=int(attributes["image_size_x"]),
        height=int(attributes["image_size_y"]),
        fov=float(attributes["fov"]),
        attributes={name: value for name, value in sorted(attributes.items()) if name not in _NOT_OPTICS},
        hidden=frozenset({sensor.parent}) if inside else frozenset(),
        velocity=_velocity(sensor, parent),
        spin=(parent or sensor).angular_velocity,
    )


def _velocity(sensor: Sensor, parent: Actor | None) -> tuple[float, float, float]:
    """Of a camera that is fixed to its parent, CARLA's axes [m/s]; one on its own stands still."""
    if parent is None:
        return (0.0, 0.0, 0.0)
    arm = [getattr(sensor.pose, axis) - getattr(parent.pose, axis) for axis in "xyz"]
    x, y, z = carried(np.array(parent.velocity), np.array(parent.angular_velocity), np.array(arm))
    return float(x), float(y), float(z)


def _is_drawn(actor: Actor) -> bool:
    return isinstance(actor, (Vehicle, Walker, TrafficLight)) or actor.blueprint.startswith("static.prop.")


def _drawn(actor: Actor) -> ActorState:
    state = ActorState(actor.id, actor.blueprint, actor.pose, actor.attributes)
    if isinstance(actor, Vehicle):
        return replace(
            state,
            speed=forward_speed(actor),
            travelled=actor.travelled,
            steer=actor.steer_angle,
            lights=shown_lights(actor),
        )
    if isinstance(actor, Walker):
        return replace(state, speed=actor.velocity.length, travelled=actor.travelled)
    if isinstance(actor, TrafficLight):
        return replace(state, light_state=actor.state)
    return state


def _contains(actor: Actor, pose: Pose) -> bool:
    """Whether a camera is inside an actor's body."""
    local = unrotate(rotation(actor.pose), Vector(pose.x - actor.pose.x, pose.y - actor.pose.y, pose.z - actor.pose.z))
    box = actor.box
    return all(abs(a - b) <= c for a, b, c in zip(local, box.center, box.extent, strict=True))
