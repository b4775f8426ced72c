"""KITTI object detection: `image_2/NAME.png`, `label_2/NAME.txt`, `calib/NAME.txt`.

Format: readme of the object development kit (http://www.cvlibs.net/datasets/kitti/eval_object.php; Geiger et al.
2012). One object a line: class, truncation 0 to 1, occlusion 0 to 3, alpha, left top right bottom [px], height width
length [m], x y z of the middle of its floor [m], rotation_y [rad]. Camera axes are x right, y down, z forward of the
rectified camera 0; `P2` projects them into the left colour camera's picture.

World axes of a KITTI drive: those of camera 0 turned upright (x forward, y left, z up), with the street at z = 0
where the camera is `CAMERA_HEIGHT` high, as in KITTI's description of its car.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.box import Box, Cuboid
from perception.camera import FORWARD, Camera
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report
from perception.formats.labels import checked_corners, item, read_text
from perception.formats.pictures import SUFFIXES, Names, Picture, read_picture

CLASSES: Mapping[str, str] = {
    "Car": "car",
    "Truck": "truck",
    "Pedestrian": "pedestrian",
    "Cyclist": "bicycle",
    "Van": "car",
    "Person_sitting": "pedestrian",
}
"""Our class of each of KITTI's; a cyclist's box has the rider in it."""

NAMES: Mapping[str, str] = {"car": "Car", "truck": "Truck", "pedestrian": "Pedestrian", "bicycle": "Cyclist"}
"""KITTI's class of each of ours; it has none for buses and motorcycles."""

VISIBLE: Mapping[float, float] = {0: 1.0, 1: 0.6, 2: 0.3}
"""Visible share that stands for fully visible, partly and largely occluded; 3 is unknown and counts as visible."""

CAMERA_HEIGHT = 1.65
"""Height of the cameras above the street [m]."""

UNKNOWN = ("-1", "-1", "-1", "-1000", "-1000", "-1000", "-10")
"""Size, place and rotation where there is none, as the readme has them for DontCare."""

DONT_CARE = ("DontCare", "-1", "-1", "-10")
"""Class, truncation, occlusion and alpha of a region where nobody labelled the objects one by one."""

COLUMNS = 15


def _root(source: Path) -> Path:
    """The folder with `label_2` and `image_2`: `source` or its `training`."""
    return source if (source / "image_2").is_dir() else source / "training"


def is_kitti(source: Path) -> bool:
    """Whether a folder holds KITTI's."""
    return (_root(source) / "image_2").is_dir() and (_root(source) / "label_2").is_dir()


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items of a folder, sorted by name; a picture without a label file has no boxes told and is left out."""
    root = _root(source)
    paths = sorted(path for path in root.glob("image_2/*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise WhiteoutError(f"{source}: holds no picture in image_2; name the folder of image_2 and label_2.")
    names = Names()
    for path in paths:
        found = report.attempt(_item, root, path, names, report, options)
        if found is not None:
            yield found


def _item(root: Path, path: Path, names: Names, report: Report, options: Options) -> Item:
    picture = read_picture(path)
    report.dropped.update([picture.dropped] if picture.dropped else [])
    labels = root / "label_2" / f"{path.stem}.txt"
    rows = read_text(labels).splitlines()
    calibration = root / "calib" / f"{path.stem}.txt"
    camera = _camera(calibration, picture, report) if calibration.is_file() else None
    found = [
        report.attempt(_box, row.split(), f"{labels}: line {number}", picture, camera, report)
        for number, row in enumerate(rows, 1)
        if row.strip()
    ]
    boxes = [box for box in found if box is not None]
    return item(names.take(path.name), f"{path.name}", picture, boxes=boxes, camera=camera, fov=options.fov)


def _camera(path: Path, picture: Picture, report: Report) -> Camera:
    """The left colour camera, from `P2` = K [I | K^-1 p]."""
    matrices: dict[str, list[str]] = {}
    for row in read_text(path).splitlines():
        key, _, values = row.partition(":")
        matrices[key.strip()] = values.split()
    numbers = _floats(matrices.get("P2", ()), f"{path}: P2")
    if len(numbers) != 12:
        raise WhiteoutError(f"{path}: P2 must be 12 numbers; restore the calibration or remove the file.")
    report.dropped.update("calibrations of other sensors" for key in matrices if key not in ("", "P2", "R0_rect"))
    projection = np.array(numbers).reshape(3, 4)
    intrinsics = projection[:, :3]
    if not np.allclose(intrinsics[2], (0, 0, 1)) or not abs(np.linalg.det(intrinsics)) > 0:
        raise WhiteoutError(f"{path}: P2 is no projection of a rectified camera; restore the calibration.")
    pose = np.eye(4)
    pose[:3, :3] = FORWARD
    pose[:3, 3] = (0.0, 0.0, CAMERA_HEIGHT) - FORWARD @ np.linalg.solve(intrinsics, projection[:, 3])
    height, width = picture.image.shape[:2]
    return Camera(width, height, intrinsics, pose)


def _floats(words: Sequence[str], where: str) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise WhiteoutError(f"{where} holds a word that is no number ({error}); correct it.") from error
    if not all(math.isfinite(number) for number in numbers):
        raise WhiteoutError(f"{where} holds NaN or infinity; correct it.")
    return numbers


def _box(words: Sequence[str], where: str, picture: Picture, camera: Camera | None, report: Report) -> Box | None:
    if len(words) not in (COLUMNS, COLUMNS + 1):
        raise WhiteoutError(f"{where} has {len(words)} columns, not {COLUMNS}; correct it.")
    if words[0] not in CLASSES:
        report.dropped["boxes of DontCare" if words[0] == "DontCare" else "boxes of other classes"] += 1
        return None
    truncation, occlusion, _, *rest = _floats(words[1:], where)
    size = (picture.image.shape[1], picture.image.shape[0])
    corners = checked_corners(rest[:4], size, where)
    solid = min(rest[4:7]) > 0
    lost = {
        "names of finer classes": NAMES[CLASSES[words[0]]] != words[0],
        "unknown occlusions": occlusion not in VISIBLE,
        "cuboids": solid and camera is None,
        "scores": len(words) > COLUMNS,
    }
    report.dropped.update(kind for kind, true in lost.items() if true)
    cuboid = _cuboid(rest[4:11]) if solid and camera is not None else None
    distance = math.nan
    if cuboid is not None and camera is not None:
        distance = float(np.linalg.norm(np.array(cuboid.center) - camera.position))
    return Box(
        CLASSES[words[0]],
        corners,
        visible=VISIBLE.get(occlusion, 1.0),
        truncated=truncation > 0,
        truncation=truncation if 0 <= truncation <= 1 else None,
        distance=distance,
        cuboid=cuboid,
    )


def _cuboid(numbers: Sequence[float]) -> Cuboid:
    """From height, width, length, the middle of the floor and rotation_y in camera axes."""
    height, width, length, x, y, z, turn = numbers
    forward, left, up = (FORWARD @ np.array([x, y - height / 2, z])).tolist()
    return Cuboid((forward, left, up + CAMERA_HEIGHT), (length, width, height), _wrapped(-turn - math.pi / 2))


def _wrapped(angle: float) -> float:
    """The same angle from -pi to pi [rad]."""
    return math.remainder(angle, 2 * math.pi)


class KittiWriter:
    """Writes `image_2`, `label_2` and, where the camera is known, `calib` with `P2` and a unit `R0_rect`."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options
        self._folder = folder
        self._report = report
        for name in ("image_2", "label_2"):
            (folder / name).mkdir()

    def add(self, item: Item) -> None:
        """Add one picture with its boxes, in the axes of a level camera at the picture camera's place."""
        name, camera = item.frame.name, item.frame.camera
        self._count(item)
        (self._folder / "image_2" / f"{name}{item.suffix}").write_bytes(item.encoded)
        rows = [self._row(box, camera) for box in item.frame.boxes if self._has_class(box)]
        (self._folder / "label_2" / f"{name}.txt").write_text("".join(rows), encoding="utf-8")
        if "intrinsics" not in camera.unknown:
            (self._folder / "calib").mkdir(exist_ok=True)
            (self._folder / "calib" / f"{name}.txt").write_text(_calibration(camera), encoding="utf-8")

    def _count(self, item: Item) -> None:
        """Count what is held only in part."""
        camera, boxes = item.frame.camera, item.frame.boxes
        level = np.allclose(camera.camera_to_world[2, :3], FORWARD[2], atol=1e-3)
        lost = {
            "exact visible shares": sum(box.visible not in VISIBLE.values() for box in boxes),
            "exact truncations": sum(box.truncated and box.truncation is None for box in boxes),
            "poses": int("pose" not in camera.unknown and not _as_in_kitti(camera)),
            "tilts against cuboids": 0 if level else sum(box.cuboid is not None for box in boxes),
            "cuboids": sum(box.cuboid is not None for box in boxes) if camera.unknown else 0,
        }
        self._report.dropped.update({kind: count for kind, count in lost.items() if count})

    def _has_class(self, box: Box) -> bool:
        if box.label not in NAMES:
            self._report.dropped[f"boxes of {box.label}"] += 1
        return box.label in NAMES

    def _row(self, box: Box, camera: Camera) -> str:
        truncation = box.truncation if box.truncation is not None else float(box.truncated)
        occlusion = min(VISIBLE, key=lambda level: abs(VISIBLE[level] - box.visible))
        alpha = "-10"
        solid: tuple[str, ...] = UNKNOWN
        if box.cuboid is not None and not camera.unknown:
            numbers = _in_camera(box.cuboid, camera)
            alpha = f"{_wrapped(numbers[6] - math.atan2(numbers[3], numbers[5])):.2f}"
            solid = tuple(_short(number) for number in numbers)
        left, top, right, bottom = (_short(value) for value in box.xyxy)
        head = (NAMES[box.label], _short(truncation), str(occlusion), alpha)
        if box.crowd:
            head, solid = DONT_CARE, UNKNOWN
        return " ".join((*head, left, top, right, bottom, *solid)) + "\n"

    def finish(self) -> None:
        """Nothing is left to do."""


def _in_camera(cuboid: Cuboid, camera: Camera) -> tuple[float, ...]:
    """KITTI's seven numbers in the axes of camera 0, which has the picture camera's rotation.

    Its place is the world's origin at `CAMERA_HEIGHT` for a camera that is placed as KITTI's is, else the camera's own.
    """
    rotation = camera.camera_to_world[:3, :3]
    length, width, height = cuboid.size
    x, y, z = (rotation.T @ (np.array(cuboid.center) - _origin(camera))).tolist()
    heading = rotation.T @ np.array([math.cos(cuboid.yaw), math.sin(cuboid.yaw), 0.0])
    turn = math.atan2(-heading[2], heading[0])
    return height, width, length, x, y + height / 2, z, turn


def _as_in_kitti(camera: Camera) -> bool:
    """Whether a camera is placed as this module's reader places KITTI's."""
    beside = camera.position - (0.0, 0.0, CAMERA_HEIGHT)
    return bool(np.allclose(camera.camera_to_world[:3, :3], FORWARD) and np.linalg.norm(beside) < 1)


def _origin(camera: Camera) -> Float[ndarray, "3"]:
    """Where camera 0 is in the world [m]."""
    return np.array([0.0, 0.0, CAMERA_HEIGHT]) if _as_in_kitti(camera) else camera.position


def _calibration(camera: Camera) -> str:
    offset = camera.camera_to_world[:3, :3].T @ (_origin(camera) - camera.position)
    projection = camera.intrinsics @ np.column_stack([np.eye(3), offset])
    rows = {"P2": projection.ravel().tolist(), "R0_rect": np.eye(3).ravel().tolist()}
    return "".join(f"{key}: {' '.join(f'{value:.12e}' for value in values)}\n" for key, values in rows.items())


def _short(number: float) -> str:
    """A number to six places without trailing zeros."""
    return f"{number:.6f}".rstrip("0").rstrip(".")
