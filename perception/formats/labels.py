"""Labels of unknown origin: boxes and lines are checked one by one; what they mean to us, and what is lost."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy import ndarray

from perception.box import Box
from perception.camera import Camera
from perception.drive_writer import json_facts
from perception.errors import WhiteoutError
from perception.formats.item import Item
from perception.formats.pictures import Picture
from perception.frame import Frame
from perception.lane import Lane

Corners = tuple[float, float, float, float]

FARTHEST = 1e6
"""Distance from the picture's corner up to which a point is believed [px]."""


def is_number(value: object) -> TypeGuard[float | int]:
    """Whether a value from JSON is a number that fits a float; NaN and infinity are."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, float)


def numbers(values: object, where: str) -> list[float | int]:
    """A list of numbers; what is something else is a `WhiteoutError` of the field `where`."""
    if not isinstance(values, list) or not all(is_number(value) for value in values):
        raise WhiteoutError(f"{where} is no list of numbers; correct it.")
    return values


def checked_corners(corners: Sequence[float | int], size: tuple[int, int], where: str) -> Corners:
    """Left, top, right, bottom [px] of a box in a picture of `size`; `where` names file and field."""
    try:
        left, top, right, bottom = (float(value) for value in corners)
    except (TypeError, ValueError) as error:
        raise WhiteoutError(f"{where} is {corners!r}, not four numbers; correct or remove this box.") from error
    if not all(math.isfinite(value) for value in (left, top, right, bottom)):
        raise WhiteoutError(f"{where} holds NaN or infinity; correct or remove this box.")
    if right <= left or bottom <= top:
        raise WhiteoutError(f"{where} is inverted or empty: right and bottom must lie beyond left and top; correct it.")
    if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
        raise WhiteoutError(
            f"{where} lies outside the picture of {size[0]} x {size[1]} px; correct or remove this box."
        )
    return left, top, right, bottom


def line(points: Iterable[Sequence[float | int]], where: str, kind: str = "other", color: str = "unknown") -> Lane:
    """A line through `points` [px], turned so that it begins nearest to the camera; nothing is known in metres."""
    try:
        pixels = np.array([(float(x), float(y)) for x, y in points], dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise WhiteoutError(f"{where} is no list of x and y; correct or remove this line.") from error
    if not (np.abs(pixels) < FARTHEST).all():
        raise WhiteoutError(f"{where} holds NaN, infinity or a place beyond {FARTHEST:.0f} px; correct or remove it.")
    different = len(np.unique(pixels, axis=0))
    if different < 2:
        raise WhiteoutError(f"{where} has {different} point(s) and a line needs two; correct or remove it.")
    if pixels[0, 1] < pixels[-1, 1]:
        pixels = pixels[::-1].copy()
    count = len(pixels)
    return Lane(pixels, np.full((count, 3), math.nan), np.ones(count, dtype=np.bool_), kind, color)


def with_slots(lanes: Sequence[Lane], size: tuple[int, int]) -> tuple[Lane, ...]:
    """Number lines outwards from the middle of the picture's lower edge, to which each is prolonged.

    This is a reading of the picture, right for a camera that looks along a lane; the source does not tell.
    """
    places = [_foot(lane.pixels, float(size[1])) for lane in lanes]
    order = sorted(range(len(places)), key=places.__getitem__)
    left = [index for index in reversed(order) if places[index] < size[0] / 2]
    right = [index for index in order if places[index] >= size[0] / 2]
    slots = {index: -rank for rank, index in enumerate(left, 1)} | {index: rank for rank, index in enumerate(right, 1)}
    return tuple(replace(lane, slot=slots[index]) for index, lane in enumerate(lanes))


def _foot(pixels: ndarray, bottom: float) -> float:
    """Where a line, prolonged along its nearest two points of different height, meets the row `bottom` [px]."""
    near = pixels[0]
    other = next((point for point in pixels[1:] if near[1] - point[1] > 1e-9), None)
    if other is None:
        return float(near[0])
    return float(near[0] + (near[0] - other[0]) / (near[1] - other[1]) * (bottom - near[1]))


def item(
    name: str,
    file: str,
    picture: Picture,
    *,
    boxes: Sequence[Box] = (),
    lanes: Sequence[Lane] = (),
    camera: Camera | None = None,
    fov: float | None = None,
    time: float = 0.0,
    facts: Mapping[str, object] | None = None,
) -> Item:
    """An item from a source's picture `file` and labels; without a camera a guess stands in.

    Facts that JSON cannot hold, such as NaN, are a `WhiteoutError`.
    """
    height, width = picture.image.shape[:2]
    view = camera or Camera.guess(width, height, fov)
    meta = json_facts({"file": file, **(facts or {})}, f"picture {file}: what the source tells of it")
    frame = Frame(name, picture.image, view, tuple(boxes), tuple(lanes), time=time, meta=meta)
    return Item(frame, picture.encoded, picture.suffix)


def contents(frame: Frame, own: str = "") -> Counter[str]:
    """How much of each kind a frame holds; its facts without those of the format `own`."""
    boxes, lanes, camera = frame.boxes, frame.lanes, frame.camera
    counts = {
        "boxes": len(boxes),
        "visible shares": sum(box.visible < 1 for box in boxes),
        "truncations": sum(box.truncated or box.truncation is not None for box in boxes),
        "amodal boxes": sum(box.amodal is not None for box in boxes),
        "cuboids": sum(box.cuboid is not None for box in boxes),
        "distances": sum(math.isfinite(box.distance) for box in boxes),
        "instance numbers": sum(box.instance != 0 for box in boxes),
        "crowds": sum(box.crowd for box in boxes),
        "lines": len(lanes),
        "lines in metres": sum(bool(np.isfinite(lane.metres).any()) for lane in lanes),
        "kinds and colours of lines": sum(lane.kind != "other" or lane.color != "unknown" for lane in lanes),
        "slots of lines": sum(lane.slot != 0 for lane in lanes),
        "states of points": sum(bool(lane.states) or not lane.visible.all() for lane in lanes),
        "times": int(frame.time != 0),
        "intrinsics": int("intrinsics" not in camera.unknown),
        "poses": int("pose" not in camera.unknown),
        "lenses and shutters": int(camera.lens != "pinhole" or camera.shutter is not None),
        "facts": sum(key not in ("file", own) for key in frame.meta),
    }
    masks = Counter(f"masks of {kind}" for kind in frame.masks)
    return Counter({kind: count for kind, count in counts.items() if count}) + masks


def read_text(path: Path) -> str:
    """A text file, or a `WhiteoutError` that says why not."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WhiteoutError(f"{path}: cannot be read ({error.strerror}); restore it.") from error
    except UnicodeDecodeError as error:
        raise WhiteoutError(f"{path}: is not UTF-8 text ({error.reason}); restore it.") from error


def read_json(path: Path) -> object:
    """A JSON file, or a `WhiteoutError` that names the line."""
    return parse_json(read_text(path), f"{path}:")


def parse_json(content: str, where: str) -> object:
    """What a JSON text holds, or a `WhiteoutError`."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:  # broken; or a number of too many digits, or lists in lists in lists
        raise WhiteoutError(f"{where} is no JSON ({error}); restore it.") from error


def parse_object(content: str, where: str) -> dict[str, object]:
    """The JSON object in a text, or a `WhiteoutError`."""
    entry = parse_json(content, where)
    if not isinstance(entry, dict):
        raise WhiteoutError(f"{where} is no JSON object; restore it.")
    return entry


def records(value: object, where: str) -> list[dict[str, object]]:
    """A list of JSON objects; what is something else is a `WhiteoutError` of the field `where`."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise WhiteoutError(f"{where} must be a list of objects; correct it.")
    return value


def text(record: dict[str, object], key: str, where: str) -> str:
    """A record's field that must be text."""
    value = record.get(key)
    if not isinstance(value, str) or not value:
        raise WhiteoutError(f"{where}.{key} is {value!r}, not a text; correct it.")
    return value
