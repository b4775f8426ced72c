"""Pictures: which views a frame needs, rendered once each in a thread of their own, and encoded as CARLA sends them."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int32, UInt8
from numpy import ndarray

from scenarios.instant import ActorState, Instant, Pose, View
from scenarios.maps.world_map import WorldMap
from scenarios.server.actors import Actor, Sensor, TrafficLight, Vehicle, Walker
from scenarios.server.geometry import Vector, rotation, unrotate
from scenarios.server.snapshots import sensor_header
from scenarios.server.vehicles import forward_speed, shown_lights
from scenarios.server.wire import CallError
from scenarios.server.world import World
from scenarios.weather import Weather

IMAGE_TYPES = {
    "sensor.camera.depth": 1,
    "sensor.camera.rgb": 13,
    "sensor.camera.semantic_segmentation": 14,
    "sensor.camera.instance_segmentation": 15,
    "sensor.camera.glare": 14,
}
"""CARLA's sensor type ids; the glare mask travels as a semantic picture, which every client can read."""

DEPTH_RANGE = 1000.0
"""What CARLA's depth encoding ends at [m]."""

_NOT_OPTICS = frozenset(
    {"sensor_tick", "role_name", "ros_name", "counterfactual", "image_size_x", "image_size_y", "fov"}
)

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """One picture to take: all that it depends on, so that the world may move on meanwhile.

    Attributes:
        sensor: the camera's id.
        stream: where the picture goes.
        kind: the camera's blueprint.
        counterfactual: "none", "no_glare" or "no_sun".
        header: the sensor header of its message.
        view: what it sees.
    """

    sensor: int
    stream: int
    kind: str
    counterfactual: str
    header: bytes
    view: View


Message = tuple[int, bytes]
"""A stream's number and what is sent on it."""


class Cameras:
    """The renderer and its thread. It is built when the first camera appears; without cameras it costs nothing."""

    def __init__(self, world_map: WorldMap, *, quality: str, seed: int) -> None:
        self.seed = seed
        self._map = world_map
        self._quality = quality
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer")
        self._renderer: Future[Any] | None = None
        self._newest: dict[int, Any] = {}
        self._under_way: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether `take_later` has not finished."""
        return self._under_way is not None and not self._under_way.done()

    def prepare(self) -> None:
        """Begin to build the scene, so that the first picture need not wait for it."""
        if self._renderer is None:
            self._renderer = self._thread.submit(_build, self._map, self._quality, self.seed)

    def change_map(self, world_map: WorldMap) -> None:
        """Another map: the next camera builds another scene."""
        self._newest.clear()
        if world_map.opendrive != self._map.opendrive:
            self._renderer = None
        self._map = world_map

    def close(self) -> None:
        """End the thread; a picture that is being rendered is finished first."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def take(self, instant: Instant, orders: Sequence[Order]) -> list[Message]:
        """Render and wait for it.

        Raises:
            CallError: the renderer failed; the server lives on.
        """
        self.prepare()
        return self._do(lambda: self._render(instant, orders)) if orders else []

    def take_later(self, instant: Instant, orders: Sequence[Order], send: Callable[[int, bytes], None]) -> None:
        """Render while the world moves on, then send."""

        def work() -> None:
            try:
                for stream, message in self._render(instant, orders):
                    send(stream, message)
            except Exception:  # noqa: BLE001 - nobody waits for it; the clock runs on
                _log.exception("the renderer failed")

        if orders:
            self.prepare()
            self._under_way = self._thread.submit(work)

    def surface(self, points: Float[ndarray, "n 3"], weather: Weather) -> Float[ndarray, "n"]:
        """Snow cover, 0 to 1, at points in CARLA's axes [m]."""
        self.prepare()
        cover = self._do(lambda: self._scene().surface(points, weather))
        return np.asarray(cover, dtype=np.float64)

    def visibility(self, sensor: int) -> list[dict[str, Any]]:
        """Whom the newest picture of a camera shows.

        Raises:
            CallError: the camera has sent no picture yet.
        """
        if sensor not in self._newest:
            raise CallError(f"camera {sensor} has no picture yet; listen to it and tick once")
        shot = self._newest[sensor]
        return self._do(lambda: [_visible(one) for one in shot.visibility()])

    def forget(self, sensors: Sequence[int]) -> None:
        """These cameras are gone."""
        for sensor in sensors:
            self._newest.pop(sensor, None)

    def _do(self, work: Callable[[], T]) -> T:
        """Work in the renderer's thread: Mitsuba keeps its state by thread."""
        try:
            return self._thread.submit(work).result()
        except CallError:
            raise
        except Exception as error:
            _log.exception("the renderer failed")
            raise CallError(f"the picture could not be rendered: {type(error).__name__}: {error}") from error

    def _scene(self) -> Any:
        if self._renderer is None:
            raise CallError("the renderer is not there")
        return self._renderer.result()

    def _render(self, instant: Instant, orders: Sequence[Order]) -> list[Message]:
        """Cameras that stand at the same place and see the same share one shot."""
        shots: dict[Any, Any] = {}
        messages = []
        for order, view in zip(orders, shared_views(orders), strict=True):
            key = _hashable(view)
            if key not in shots:
                shots[key] = self._scene().shoot(instant, view)
            shot = self._newest[order.sensor] = shots[key]
            size = struct.pack("<IIf", view.width, view.height, view.fov)
            messages.append((order.stream, order.header + size + picture(order, shot).tobytes()))
        return messages


def order_of(sensor: Sensor, world: World) -> Order:
    """The picture that a camera is to take now."""
    header = sensor_header(IMAGE_TYPES[sensor.blueprint], world, sensor.pose)
    counterfactual = sensor.attributes.get("counterfactual", "none")
    return Order(sensor.id, sensor.stream, sensor.blueprint, counterfactual, header, view_of(sensor, world))


def instant_of(world: World, seed: int) -> Instant:
    """The world as the renderer sees it."""
    return Instant(
        frame=world.steps,
        time=world.elapsed,
        weather=world.weather,
        actors=tuple(_drawn(actor) for actor in world.actors.values() if _is_drawn(actor)),
        seed=seed,
    )


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
    )


def shared_views(orders: Sequence[Order]) -> list[View]:
    """Let label cameras look through the lens and exposure of a colour camera at the same place, where there is one."""
    colour: dict[Any, View] = {}
    for order in orders:
        if order.kind == "sensor.camera.rgb":
            colour.setdefault(_place(order.view), order.view)
    return [
        order.view if order.kind == "sensor.camera.rgb" else colour.get(_place(order.view), order.view)
        for order in orders
    ]


def picture(order: Order, shot: Any) -> UInt8[ndarray, "height width 4"]:
    """A camera's picture in CARLA's BGRA bytes."""
    match order.kind:
        case "sensor.camera.rgb":
            without = order.counterfactual.removeprefix("no_")
            return bgra(shot.rgb() if without == "none" else shot.rgb_without(without))
        case "sensor.camera.depth":
            return encode_depth(shot.depth())
        case "sensor.camera.semantic_segmentation":
            return encode_labels(shot.semantic())
        case "sensor.camera.instance_segmentation":
            return encode_labels(shot.semantic(), shot.instance())
        case _:
            return encode_labels(shot.glare())


def bgra(rgb: UInt8[ndarray, "height width 3"]) -> UInt8[ndarray, "height width 4"]:
    """Red, green, blue as blue, green, red, opaque."""
    out = np.full((*rgb.shape[:2], 4), 255, dtype=np.uint8)
    out[..., :3] = rgb[..., ::-1]
    return out


def encode_depth(depth: Float[ndarray, "height width"]) -> UInt8[ndarray, "height width 4"]:
    """CARLA's depth: metres = 1000 (R + 256 G + 65536 B) / (2^24 - 1); sky and beyond are 1000 m."""
    share = np.clip(
        np.nan_to_num(depth.astype(np.float64), nan=DEPTH_RANGE, posinf=DEPTH_RANGE) / DEPTH_RANGE, 0.0, 1.0
    )
    number = np.rint(share * (2**24 - 1)).astype(np.uint32)
    rgb = np.stack([number & 255, (number >> 8) & 255, number >> 16], axis=-1).astype(np.uint8)
    return bgra(rgb)


def encode_labels(
    tags: UInt8[ndarray, "height width"], ids: Int32[ndarray, "height width"] | None = None
) -> UInt8[ndarray, "height width 4"]:
    """CARLA's segmentation: the class in R, the low byte of the instance id in G, the high byte in B."""
    rgb = np.zeros((*tags.shape, 3), dtype=np.uint8)
    rgb[..., 0] = tags
    if ids is not None:
        rgb[..., 1] = ids & 255
        rgb[..., 2] = (ids >> 8) & 255
    return bgra(rgb)


def _build(world_map: WorldMap, quality: str, seed: int) -> Any:
    from scenarios.render.renderer import Renderer

    _log.info("building the scene of %s (%s)", world_map.name, quality)
    return Renderer(world_map, quality=quality, seed=seed)


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


def _place(view: View) -> tuple[Any, ...]:
    lens = tuple(item for item in view.attributes.items() if item[0].startswith("lens_") and "flare" not in item[0])
    return (view.pose, view.width, view.height, view.fov, view.hidden, lens)


def _hashable(view: View) -> tuple[Any, ...]:
    return (*_place(view), tuple(view.attributes.items()))


def _visible(one: Any) -> dict[str, Any]:
    return {
        "actor_id": int(one.actor_id),
        "visible_px": int(one.visible_px),
        "silhouette_px": int(one.silhouette_px),
        "xyxy": [float(value) for value in one.xyxy],
        "truncated": bool(one.truncated),
    }
