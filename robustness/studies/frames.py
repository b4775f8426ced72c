"""Pictures of street scenes as public models read them, taken in parallel processes and kept.

Each picture is a small JSON file of counts and a JPEG, under the hash of the code that decides it: what is there is not
computed again, and what other code drew is not mixed in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from rich.progress import track

from robustness.provenance import code_version
from robustness.studies.public_models import Found, TwinLiteNet, YoloxNano
from robustness.studies.reading import Target, count_invented, count_lanes, count_objects, false_boxes
from robustness.studies.street import Scene, scenes
from scenarios.lane_truth import lanes_in_view
from scenarios.maps.world_map import load_map
from scenarios.weather import preset

KINDS = {"car": "vehicle", "van": "vehicle", "truck": "vehicle", "bus": "vehicle", "pedestrian": "person"}
"""Kinds of actors to what a detector calls them; riders of two-wheelers are neither."""
BANDS: dict[str, tuple[str, float, float]] = {
    "vehicle-20": ("vehicle", 0.0, 20.0),
    "vehicle-40": ("vehicle", 0.0, 40.0),
    "person-20": ("person", 0.0, 20.0),
}
"""What is counted: kind, nearest and farthest distance [m]."""
MOSTLY_VISIBLE = 0.7
PORTION = 8
"""Pictures that a process takes before it asks for more work."""


@dataclass(frozen=True)
class Order:
    """Pictures `first` to `last` (exclusive) of a map in a weather, such as "rain@3", in a render quality."""

    map_file: str
    weather: str
    first: int
    last: int
    quality: str = "physical"

    def place(self, out: Path) -> Path:
        """The folder of the pictures."""
        return out / code_version("drive")[:12] / self.quality / Path(self.map_file).stem / self.weather


def read_all(orders: Sequence[Order], models: Path, out: Path, workers: int) -> dict[tuple[str, str], list[Any]]:
    """The readings of every order, by map and weather; missing ones are taken by `workers` processes."""
    portions = [
        Order(o.map_file, o.weather, k, min(k + PORTION, o.last), o.quality)
        for o in orders
        for k in range(o.first, o.last, PORTION)
    ]
    missing = [p for p in portions if not all(_file(p, n, out).exists() for n in range(p.first, p.last))]
    missing.sort(key=lambda p: p.map_file)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        done = as_completed([pool.submit(read_portion, portion, models, out) for portion in missing])
        for future in track(done, "pictures", total=len(missing)):
            future.result()
    found: dict[tuple[str, str], list[Any]] = {}
    for o in orders:
        rows = [json.loads(_file(o, n, out).read_text(encoding="utf-8")) for n in range(o.first, o.last)]
        found.setdefault((Path(o.map_file).stem, o.weather), []).extend(rows)
    return found


def read_portion(order: Order, models: Path, out: Path) -> None:
    """Take an order's pictures and let the models read them."""
    lines, objects = _models(models)
    renderer, world_map = _renderer(order.map_file, order.quality)
    for number, scene in enumerate(scenes(world_map, preset("clear"), order.last, seed=0)):
        file = _file(order, number, out)
        if number < order.first or file.exists():
            continue
        weather = preset(order.weather, scene.place.transform.rotation.yaw)
        seen = scene.in_weather(weather)
        shot = renderer.shoot(seen.instant, seen.view)
        rgb = shot.rgb()
        depth, semantic = shot.depth(), shot.semantic()
        lanes = lanes_in_view(world_map.carla_map(), shot.camera, depth, semantic)
        drawn, found = lines.lane_pixels(rgb), objects.objects(rgb)
        targets = _targets(seen, shot)
        row = {
            "lanes": asdict(count_lanes(drawn, semantic, depth, lanes)),
            "invented": count_invented(drawn, semantic, depth, lanes),
            "objects": {n: asdict(count_objects(found, targets, *b, MOSTLY_VISIBLE)) for n, b in BANDS.items()},
            "false": false_boxes(found, targets),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(
            str(file.with_suffix(".jpg")), _annotated(rgb, drawn, found)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]
        )
        file.write_text(json.dumps(row), encoding="utf-8")


def _file(order: Order, number: int, out: Path) -> Path:
    return order.place(out) / f"{number:04d}.json"


@lru_cache(maxsize=1)
def _models(folder: Path) -> tuple[TwinLiteNet, YoloxNano]:
    return TwinLiteNet(folder), YoloxNano(folder)


@lru_cache(maxsize=1)
def _renderer(map_file: str, quality: str) -> tuple[Any, Any]:
    from scenarios.render.renderer import Renderer

    world_map = load_map(map_file)
    return Renderer(world_map, quality=quality, threads=1), world_map


def _targets(scene: Scene, shot: Any) -> list[Target]:
    instance = shot.instance()
    eye = scene.view.pose
    targets = []
    for one in shot.visibility():
        if one.actor_id not in scene.kinds:
            continue
        rows, columns = np.nonzero(instance == one.actor_id)
        if not len(rows):
            continue
        pose = next(a.pose for a in scene.instant.actors if a.id == one.actor_id)
        box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
        away = float(np.linalg.norm([pose.x - eye.x, pose.y - eye.y, pose.z - eye.z]))
        share = one.visible_px / max(one.silhouette_px, 1)
        share = 0.0 if one.truncated else share
        targets.append(Target(KINDS.get(scene.kinds[one.actor_id], "rider"), box, share, away))
    return targets


def _annotated(
    rgb: UInt8[ndarray, "height width 3"], drawn: ndarray, found: Sequence[Found]
) -> UInt8[ndarray, "height width 3"]:
    """The picture with what the models see: lane pixels in red, boxes of vehicles green and of people blue."""
    canvas = rgb.copy()
    canvas[drawn] = canvas[drawn] // 3 + np.array([170, 0, 0], np.uint8)
    for one in found:
        left, top, right, bottom = (round(v) for v in one.xyxy)
        cv2.rectangle(canvas, (left, top), (right, bottom), (0, 220, 0) if one.kind == "vehicle" else (0, 120, 255), 1)
    return canvas
