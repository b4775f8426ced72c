"""nuScenes: a folder with `v1.0-*/*.json` tables and `samples/CAM_*`, read with nuScenes' own development kit.

Format: https://www.nuscenes.org/nuscenes#data-format (Caesar et al. 2020). Annotations are cuboids in a world frame
with z up; `visibility` is one of four bands; a camera has intrinsics, a place on the car (`calibrated_sensor`) and
the car's pose (`ego_pose`). Boxes in the picture follow from the cuboids, as in the kit's
`export_2d_annotations_as_json`: loose where the object is rounder than its cuboid, and blind to what stands in front.

The kit is an extra (`pip install whiteout[nuscenes]`); writing needs none of it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from perception.box import Box, Cuboid
from perception.camera import FORWARD, Camera
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report
from perception.formats.labels import Corners, checked_corners, item
from perception.formats.pictures import Names, Picture, inside, read_picture
from perception.raster import encode_png

Tables = Any
"""The kit's `NuScenes`: an extra, and untyped."""

CLASSES: tuple[tuple[str, str], ...] = (
    ("vehicle.car", "car"),
    ("vehicle.truck", "truck"),
    ("vehicle.bus", "bus"),
    ("vehicle.motorcycle", "motorcycle"),
    ("vehicle.bicycle", "bicycle"),
    ("human.pedestrian", "pedestrian"),
)
"""Beginnings of nuScenes' categories and our classes."""

CATEGORIES: Mapping[str, str] = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "bus": "vehicle.bus.rigid",
    "motorcycle": "vehicle.motorcycle",
    "bicycle": "vehicle.bicycle",
    "pedestrian": "human.pedestrian.adult",
}
"""The category that each class is written as."""

VISIBLE: Mapping[str, tuple[str, float]] = {
    "1": ("v0-40", 0.2),
    "2": ("v40-60", 0.5),
    "3": ("v60-80", 0.7),
    "4": ("v80-100", 1.0),
}
"""nuScenes' bands of the visible share (over all six cameras), and the share that stands for each."""

NEAR = 0.1
"""Corners nearer to the camera's plane are left out when a box is drawn around a cuboid [m]."""

Record = dict[str, object]


def _versions(source: Path) -> list[Path]:
    return [path.parent for path in sorted(source.glob("v1.0-*/sample_data.json"))]


def is_nuscenes(source: Path) -> bool:
    """Whether a folder holds nuScenes' tables."""
    return bool(_versions(source))


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items for every camera picture of a key frame, in the order of time, then channel."""
    del options
    try:
        from nuscenes.nuscenes import NuScenes
    except ImportError as error:
        raise WhiteoutError(
            "nuScenes is read with its development kit, which is not installed; pip install 'whiteout[nuscenes]'."
        ) from error
    versions = _versions(source)
    if len(versions) != 1:
        found = ", ".join(path.name for path in versions) or "none"
        raise WhiteoutError(
            f"{source}: needs one folder of tables such as v1.0-mini (found: {found}); leave one there."
        )
    try:
        tables = NuScenes(version=versions[0].name, dataroot=str(source), verbose=False)
    except (AssertionError, KeyError, IndexError, OSError, ValueError) as error:
        raise WhiteoutError(f"{versions[0]}: the tables do not fit together ({error}); restore them.") from error
    instances = {record["token"]: number for number, record in enumerate(tables.instance, 1)}
    data = tables.sample_data
    pictures = [one for one in data if one["sensor_modality"] == "camera" and one["is_key_frame"]]
    others = len(data) - len(pictures)
    report.dropped.update({"lidar, radar and unlabelled pictures": others} if others else {})
    names = Names()
    for record in sorted(pictures, key=lambda one: (one["timestamp"], one["channel"])):
        found_item = report.attempt(_item, source, tables, record, instances, names, report)
        if found_item is not None:
            yield found_item


def _item(
    source: Path, tables: Tables, record: Record, instances: Mapping[str, int], names: Names, report: Report
) -> Item:
    try:
        return _whole_item(source, tables, record, instances, names, report)
    except KeyError as error:
        raise WhiteoutError(
            f"{source}: sample_data {record['token']} leads to {error}, which the tables lack; restore them."
        ) from error
    except (TypeError, ValueError) as error:
        raise WhiteoutError(
            f"{source}: sample_data {record['token']} leads to a row with a wrong value ({error}); restore the tables."
        ) from error


def _whole_item(
    source: Path, tables: Tables, record: Record, instances: Mapping[str, int], names: Names, report: Report
) -> Item:
    where = f"{source}: sample_data {record['token']}"
    file = str(record["filename"])
    picture = read_picture(inside(source, file, f"{where}.filename"))
    report.dropped.update([picture.dropped] if picture.dropped else [])
    camera = _camera(tables, record, picture, where)
    sample = tables.get("sample", record["sample_token"])
    boxes = []
    for token in sample["anns"]:
        box = report.attempt(_box, tables, token, camera, instances, report)
        boxes += [] if box is None else [box]
    scene = tables.get("scene", sample["scene_token"])["name"]
    facts = {"nuscenes": {"scene": scene, "channel": record["channel"], "sample": sample["token"]}}
    time = int(str(record["timestamp"])) / 1e6
    return item(names.take(file), file, picture, boxes=boxes, camera=camera, time=time, facts=facts)


def _camera(tables: Tables, record: Record, picture: Picture, where: str) -> Camera:
    sensor = tables.get("calibrated_sensor", record["calibrated_sensor_token"])
    car = tables.get("ego_pose", record["ego_pose_token"])
    intrinsics = np.array(sensor["camera_intrinsic"], dtype=np.float64)
    if intrinsics.shape != (3, 3) or not np.isfinite(intrinsics).all():
        raise WhiteoutError(f"{where}: camera_intrinsic of its sensor is no 3 x 3 matrix; restore the table.")
    poses = np.stack([_pose(car), _pose(sensor)])
    if not np.isfinite(poses).all():
        raise WhiteoutError(f"{where}: its ego_pose or calibrated_sensor holds NaN or infinity; restore the table.")
    height, width = picture.image.shape[:2]
    return Camera(width, height, intrinsics, poses[0] @ poses[1])


def _pose(record: Mapping[str, object]) -> np.ndarray:
    """4 x 4 matrix of a translation [m] and a quaternion w x y z."""
    w, x, y, z = np.array(record["rotation"], dtype=np.float64)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat((x, y, z, w)).as_matrix()
    pose[:3, 3] = np.array(record["translation"], dtype=np.float64)
    return pose


def _box(tables: Tables, token: str, camera: Camera, instances: Mapping[str, int], report: Report) -> Box | None:
    """The box of an annotation; None where it is not in this picture or no class of ours."""
    record = tables.get("sample_annotation", token)
    name = record["category_name"]
    label = next((ours for start, ours in CLASSES if name == start or name.startswith(f"{start}.")), None)
    where = f"sample_annotation {token}"
    numbers = np.array([*record["translation"], *record["size"], *record["rotation"]], dtype=np.float64)
    if not np.isfinite(numbers).all() or min(record["size"]) <= 0:
        raise WhiteoutError(f"{where}: translation, size or rotation is NaN, infinite or empty; correct or remove it.")
    solid = tables.get_box(token)
    width, length, height = (float(value) for value in solid.wlh)
    corners = _around(camera.to_camera(solid.corners().T), camera)
    if corners is None:
        return None
    if label is None:
        report.dropped["boxes of other classes"] += 1
        return None
    xyxy = checked_corners(corners, (camera.width, camera.height), where)
    center = (float(solid.center[0]), float(solid.center[1]), float(solid.center[2]))
    lost = {
        "attributes": bool(record["attribute_tokens"]),
        "names of finer classes": CATEGORIES[label] != name,
        "unknown visibilities": str(record["visibility_token"]) not in VISIBLE,
    }
    report.dropped.update(kind for kind, true in lost.items() if true)
    return Box(
        label,
        xyxy,
        visible=VISIBLE.get(str(record["visibility_token"]), ("", 1.0))[1],
        distance=float(np.linalg.norm(np.array(center) - camera.position)),
        instance=instances[record["instance_token"]],
        cuboid=Cuboid(center, (length, width, height), float(solid.orientation.yaw_pitch_roll[0])),
    )


def _around(local: np.ndarray, camera: Camera) -> Corners | None:
    """The box around the corners (8 x 3, camera axes [m]) before the camera, cut at the picture; None if empty."""
    from shapely.geometry import MultiPoint, box

    before = local[local[:, 2] > NEAR]
    if len(before) < 3:
        return None
    seen = MultiPoint(camera.draw(before)).convex_hull.intersection(box(0, 0, camera.width, camera.height))
    if seen.is_empty:
        return None
    left, top, right, bottom = (float(value) for value in seen.bounds)
    return (left, top, right, bottom) if left < right and top < bottom else None


class NuScenesWriter:
    """Writes `v1.0-whiteout/*.json` and `samples/CHANNEL/`; tokens are hashes of what they name."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options
        self._folder = folder
        self._report = report
        self._tables: dict[str, dict[str, Record]] = {name: {} for name in TABLES}
        self._annotations: dict[str, list[Record]] = {}

    def add(self, item: Item) -> None:
        """Add one picture; pictures of one `meta.nuscenes.sample` become cameras of one sample."""
        frame = item.frame
        told = frame.meta.get("nuscenes")
        facts = told if isinstance(told, dict) else {}
        channel, scene = str(facts.get("channel", "CAM_FRONT")), str(facts.get("scene", "scene-0001"))
        sample = str(facts.get("sample", _token("sample", frame.name)))
        if frame.camera.unknown:
            raise WhiteoutError(
                f"frame {frame.name}: nuScenes needs cameras with known pose and intrinsics; choose another --to."
            )
        place = self._folder / "samples"
        path = inside(place, f"{channel}/{Path(item.file).name}", f"frame {frame.name}: meta.nuscenes.channel")
        path = path.with_name(frame.name + item.suffix) if path.exists() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.encoded)
        token = self._picture(item, channel, sample, path.relative_to(self._folder).as_posix())
        time = self._tables["sample_data"][token]["timestamp"]
        self._put("sample", sample, timestamp=time, scene_token=_token("scene", scene), prev="", next="")
        self._put("scene", _token("scene", scene), name=scene, description="", log_token=LOG)
        if not isinstance(told, dict):
            self._report.dropped.update({"tight boxes": len(frame.boxes)} if frame.boxes else {})
        known = {str(one["instance_token"]) for one in self._annotations.get(sample, [])}
        for number, box in enumerate(frame.boxes, 1):
            self._box(box, scene, sample, f"{frame.name}/{number}", known)

    def _put(self, table: str, token: str, **values: object) -> str:
        self._tables[table].setdefault(token, {"token": token, **values})
        return token

    def _picture(self, item: Item, channel: str, sample: str, file: str) -> str:
        camera = item.frame.camera
        sensor = self._put("sensor", _token("sensor", channel), channel=channel, modality="camera")
        matrix = camera.intrinsics.tolist()
        turn = _quaternion(FORWARD)
        calibrated = self._put(
            "calibrated_sensor",
            _token("calibrated", channel, json.dumps(matrix)),
            sensor_token=sensor,
            translation=[0.0, 0.0, 0.0],
            rotation=turn,
            camera_intrinsic=matrix,
        )
        stamp = round(item.frame.time * 1e6)
        pose = camera.camera_to_world[:3, :3] @ FORWARD.T
        ego = self._put(
            "ego_pose",
            _token("ego", item.frame.name),
            timestamp=stamp,
            translation=camera.position.tolist(),
            rotation=_quaternion(pose),
        )
        return self._put(
            "sample_data",
            _token("data", item.frame.name),
            sample_token=sample,
            ego_pose_token=ego,
            calibrated_sensor_token=calibrated,
            timestamp=stamp,
            fileformat=item.suffix[1:],
            is_key_frame=True,
            height=camera.height,
            width=camera.width,
            filename=file,
            prev="",
            next="",
        )

    def _box(self, box: Box, scene: str, sample: str, name: str, known: set[str]) -> None:
        if box.cuboid is None:
            self._report.dropped["boxes without a cuboid"] += 1
            return
        band = min(VISIBLE, key=lambda level: abs(VISIBLE[level][1] - box.visible))
        self._report.dropped.update(["exact visible shares"] if VISIBLE[band][1] != box.visible else [])
        category = self._put("category", _token("category", box.label), name=CATEGORIES[box.label], description="")
        instance = _token("instance", scene, str(box.instance) if box.instance else name)
        if instance in known:
            return
        known.add(instance)
        length, width, height = box.cuboid.size
        self._put("instance", instance, category_token=category)
        record: Record = {
            "token": _token("annotation", sample, instance),
            "sample_token": sample,
            "instance_token": instance,
            "visibility_token": band,
            "attribute_tokens": [],
            "translation": list(box.cuboid.center),
            "size": [width, length, height],
            "rotation": [math.cos(box.cuboid.yaw / 2), 0.0, 0.0, math.sin(box.cuboid.yaw / 2)],
            "num_lidar_pts": 0,
            "num_radar_pts": 0,
            "prev": "",
            "next": "",
        }
        self._annotations.setdefault(sample, []).append(record)

    def finish(self) -> None:
        """Chain what follows in time, and write the tables."""
        tables = self._tables
        ordered = sorted(tables["sample"].values(), key=lambda one: int(str(one["timestamp"])))
        for scene in tables["scene"].values():
            own = [one for one in ordered if one["scene_token"] == scene["token"]]
            _chain(own)
            ends = {"first_sample_token": own[0]["token"], "last_sample_token": own[-1]["token"]}
            scene.update(nbr_samples=len(own), **ends)
        annotations = [one for sample in ordered for one in self._annotations.get(str(sample["token"]), [])]
        by_instance: dict[object, list[Record]] = defaultdict(list)
        for one in annotations:
            by_instance[one["instance_token"]].append(one)
        for token, instance in tables["instance"].items():
            own = by_instance[token]
            _chain(own)
            ends = {"first_annotation_token": own[0]["token"], "last_annotation_token": own[-1]["token"]}
            instance.update(nbr_annotations=len(own), **ends)
        self._write_tables(annotations)

    def _write_tables(self, annotations: list[Record]) -> None:
        folder = self._folder / "v1.0-whiteout"
        folder.mkdir()
        (self._folder / "maps").mkdir()
        (self._folder / BLANK_MAP).write_bytes(encode_png(np.zeros((1, 1), dtype=np.uint8)))
        rest: dict[str, list[Record]] = {
            "sample_annotation": annotations,
            "attribute": [],
            "visibility": [
                {"token": token, "level": level, "description": ""} for token, (level, _) in VISIBLE.items()
            ],
            "log": [{"token": LOG, "logfile": "", "vehicle": "", "date_captured": "", "location": ""}],
            "map": [{"token": _token("map"), "log_tokens": [LOG], "category": "", "filename": BLANK_MAP}],
        }
        for name, rows in {**{key: list(table.values()) for key, table in self._tables.items()}, **rest}.items():
            (folder / f"{name}.json").write_text(json.dumps(rows, allow_nan=False, indent=0) + "\n", encoding="utf-8")


TABLES = ("category", "instance", "sensor", "calibrated_sensor", "ego_pose", "scene", "sample", "sample_data")

BLANK_MAP = "maps/none.png"
"""The kit wants a map for each log; this one is one black pixel."""


def _token(*words: str) -> str:
    """NuScenes' 32 hexadecimal digits, the same for the same words."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]


LOG = _token("log")


def _quaternion(rotation: np.ndarray) -> list[float]:
    """Quaternion w x y z of a rotation matrix."""
    x, y, z, w = Rotation.from_matrix(rotation).as_quat().tolist()
    return [w, x, y, z]


def _chain(rows: list[Record]) -> None:
    """Set `prev` and `next` along a list."""
    for before, after in pairwise(rows):
        before["next"], after["prev"] = after["token"], before["token"]
