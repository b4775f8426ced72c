"""Pictures to order: what a camera wants, which shots that needs, and CARLA's bytes of it. Runs beside the renderer."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8, UInt16
from numpy import ndarray

from perception.mask_codes import encode_normals, encode_ratio
from scenarios.instant import Before, Instant, View
from scenarios.render.optics.exposure import Adaptation
from scenarios.server.relay import Relay

LENS = ("lens_", "whiteout_lens", "whiteout_rolling")
"""How attributes begin that decide where things are drawn."""
DEPTH_RANGE = 1000.0
"""What CARLA's depth encoding ends at [m]."""

FLOW_RANGE = 2.0
"""What CARLA's optical flow ends at, in half pictures."""

FLIP = np.array([1.0, -1.0, 1.0], np.float32)
"""The renderer's axes to CARLA's."""


@dataclass(frozen=True)
class Order:
    """One picture to take: all that it depends on, so that the world may move on meanwhile.

    Attributes:
        sensor: the camera's id.
        stream: where the picture goes.
        kind: the camera's blueprint.
        counterfactual: "none", or the name of a twin (see `scenarios.twins`).
        header: the sensor header of its message.
        view: what it sees.
        before: how things were one step ago, for optical flow.
    """

    sensor: int
    stream: int
    kind: str
    counterfactual: str
    header: bytes
    view: View
    before: Before | None = None


Message = tuple[int, bytes]
"""A stream's number and what is sent on it."""


def render(
    renderer: Any, instant: Instant, orders: Sequence[Order], newest: dict[int, Any], relay: Relay | None = None
) -> list[Message]:
    """Take the pictures; cameras that stand at the same place and see the same share one shot.

    `newest` knows each camera's shot before by the camera's id, and is told the new one. A colour camera goes on
    adapting from its own shot before, or with a `relay` from that of the renderer that took it; label cameras that
    share its shot have no say in that.
    """
    shots: dict[Any, Any] = {}
    messages = []
    views = [(_hashable(view), view) for view in shared_views(orders)]
    adapting: dict[Any, int] = {}
    for order, (key, _) in zip(orders, views, strict=True):
        if order.kind == "sensor.camera.rgb":
            adapting.setdefault(key, order.sensor)
    handed = cache(relay.receive) if relay is not None and adapting else None
    for order, (key, view) in zip(orders, views, strict=True):
        if key not in shots:
            sensor = adapting.get(key, order.sensor)
            shots[key] = renderer.shoot(instant, view, _earlier(sensor, newest, handed))
        newest[order.sensor] = shots[key]
        size = struct.pack("<IIf", view.width, view.height, view.fov)
        messages.append((order.stream, order.header + size + picture(order, shots[key]).tobytes()))
    if relay is not None and adapting:
        relay.send({sensor: shots[key].adaptation for key, sensor in adapting.items()})
    return messages


def _earlier(
    sensor: int, newest: Mapping[int, Any], handed: Callable[[], dict[int, Adaptation]] | None
) -> Callable[[], Adaptation | None]:
    """What tells, when it is asked, what a camera had adapted to before; None before its first picture."""
    if handed is not None:
        return lambda: handed().get(sensor)
    state = newest[sensor].adaptation if sensor in newest else None
    return lambda: state


def visible(shot: Any) -> list[dict[str, Any]]:
    """Whom a shot shows, in plain values."""
    return [_visible(one) for one in shot.visibility()]


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


def picture(order: Order, shot: Any) -> UInt8[ndarray, "height width 4"] | Float32[ndarray, "height width 2"]:
    """A camera's picture in CARLA's BGRA bytes; flow is two numbers a pixel."""
    if order.kind == "sensor.camera.rgb":
        return bgra(shot.rgb() if order.counterfactual == "none" else shot.twin(order.counterfactual))
    if order.kind == "sensor.camera.optical_flow":
        return encode_flow(shot.flow(order.before))
    return _CODES[order.kind](shot)


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


def encode_flow(flow: Float[ndarray, "height width 2"]) -> Float32[ndarray, "height width 2"]:
    """CARLA's optical flow: right and up, in half pictures, -2 to 2; what is not known is (2, 2), the range's end.

    CARLA sends Unreal's velocity buffer: where a point is now less where it was a frame ago, in clip space, whose
    width and height are 2 and whose y points up (CARLA's OpticalFlowCamera.cpp and PixelReader.h; the documentation's
    "[-2 * image_size, 2 * image_size]" is twice too large, see CARLA's issue 4795). So width / 2 and -height / 2 turn
    it into pixels.
    """
    height, width = flow.shape[:2]
    clip = flow * np.array([2 / width, -2 / height], np.float32)
    known = np.isfinite(clip).all(-1, keepdims=True)
    return np.asarray(np.clip(np.where(known, clip, FLOW_RANGE), -FLOW_RANGE, FLOW_RANGE), np.float32)


def encode_number(number: UInt16[ndarray, "height width"]) -> UInt8[ndarray, "height width 4"]:
    """A 16-bit number: the low byte in R, the high byte in G."""
    return bgra(np.stack([number & 255, number >> 8, np.zeros_like(number)], -1).astype(np.uint8))


_CODES: dict[str, Callable[[Any], UInt8[ndarray, "height width 4"]]] = {
    "sensor.camera.depth": lambda shot: encode_depth(shot.depth()),
    "sensor.camera.normals": lambda shot: bgra(encode_normals(shot.normals() * FLIP)),
    "sensor.camera.semantic_segmentation": lambda shot: encode_labels(shot.semantic()),
    "sensor.camera.instance_segmentation": lambda shot: encode_labels(shot.semantic(), shot.instance()),
    "sensor.camera.glare": lambda shot: encode_labels(shot.glare()),
    "sensor.camera.glare_ratio": lambda shot: encode_number(encode_ratio(shot.glare_ratio())),
}


def _place(view: View) -> tuple[Any, ...]:
    lens = tuple(item for item in view.attributes.items() if item[0].startswith(LENS) and "flare" not in item[0])
    return (view.pose, view.width, view.height, view.fov, view.hidden, view.velocity, view.spin, lens)


def _hashable(view: View) -> tuple[Any, ...]:
    return (*_place(view), tuple(view.attributes.items()))


def _visible(one: Any) -> dict[str, Any]:
    return {
        "actor_id": int(one.actor_id),
        "visible_px": int(one.visible_px),
        "silhouette_px": int(one.silhouette_px),
        "xyxy": [float(value) for value in one.xyxy],
        "amodal": [float(value) for value in one.amodal],
        "truncation": float(one.truncation),
        "truncated": bool(one.truncated),
    }
