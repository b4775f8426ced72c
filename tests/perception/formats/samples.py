"""Tiny samples of other people's formats, written as their descriptions say."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (320, 192)
"""Width and height of a sample picture [px]."""


def picture(path: Path, seed: int = 0, size: tuple[int, int] = SIZE, **options: object) -> bytes:
    """A smooth picture that differs by seed; returns the file's bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[: size[1], : size[0]]
    image = np.stack([rows + seed, columns + seed, rows + columns], -1) % 256
    data = io.BytesIO()
    kind = "PNG" if path.suffix == ".png" else "JPEG"
    Image.fromarray(image.astype(np.uint8)).save(data, kind, **options)
    path.write_bytes(data.getvalue())
    return data.getvalue()


def write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def coco(root: Path) -> dict[str, list[dict[str, object]]]:
    """Two pictures, one in a subfolder; a car, a person, a crowd, and a kite that we have no class for."""
    picture(root / "images/a.jpg", 1)
    picture(root / "images/sub/b.png", 2)
    content: dict[str, list[dict[str, object]]] = {
        "images": [
            {"id": 139, "file_name": "a.jpg", "width": 320, "height": 192, "license": 3},
            {"id": 285, "file_name": "sub/b.png", "width": 320, "height": 192},
        ],
        "annotations": [
            {"id": 1, "image_id": 139, "category_id": 3, "bbox": [10.5, 20.25, 100, 50], "area": 5000.0, "iscrowd": 0},
            {"id": 2, "image_id": 139, "category_id": 1, "bbox": [0, 0, 2, 3], "area": 6.0, "iscrowd": 0},
            {"id": 5, "image_id": 285, "category_id": 1, "bbox": [50, 60, 100, 80], "area": 8000.0, "iscrowd": 1},
            {"id": 6, "image_id": 285, "category_id": 38, "bbox": [50, 60, 10, 8], "area": 80.0, "iscrowd": 0},
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}, {"id": 38, "name": "kite"}],
    }
    write_json(root / "annotations/instances.json", content)
    return content


def tusimple(root: Path) -> list[dict[str, object]]:
    """Two pictures of 1280 x 720 scaled to a quarter; an ego lane and an absent line."""
    rows = list(range(60, 180, 10))
    entries: list[dict[str, object]] = []
    for seed in (1, 2):
        file = f"clips/0313-1/{seed}/20.jpg"
        picture(root / file, seed)
        left = [-2, -2, *[140 - 10 * step for step in range(9)], -2]
        right = [-2, *[170.5 + 9 * step for step in range(11)]]
        entries.append({"lanes": [left, right, [-2] * len(rows)], "h_samples": rows, "raw_file": file})
    (root / "label_data_0313.json").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return entries


CULANE_LINES = "-16.5 190 40.25 150 80.5 100\n120.125 190 140.0 110\n300.0 170 220.5 120 200.0 99.5\n"
"""Ego-left-left, ego-left and ego-right-right, from the lower edge upwards."""


def culane(root: Path, *, listed: bool = True) -> None:
    """Two pictures, the second without lines."""
    for name, lines in (("00000", CULANE_LINES), ("00030", "")):
        picture(root / f"driver_23_30frame/05151640_0419.MP4/{name}.jpg", int(name))
        (root / f"driver_23_30frame/05151640_0419.MP4/{name}.lines.txt").write_text(lines)
    if listed:
        (root / "list").mkdir()
        rows = [
            f"/driver_23_30frame/05151640_0419.MP4/{name}.jpg /laneseg_label_w16/05151640_0419.MP4/{name}.png {flags}\n"
            for name, flags in (("00000", "1 1 0 1"), ("00030", "0 0 0 0"))
        ]
        (root / "list/train_gt.txt").write_text("".join(rows))


KITTI_LABELS = """Car 0.00 0 1.55 61.75 80.00 120.50 110.25 1.57 1.73 4.15 -5.60 1.60 20.50 1.30
Pedestrian 0.30 1 -0.20 0.00 60.00 30.00 150.00 1.89 0.48 1.20 1.84 1.47 8.41 0.01
Van 0.00 3 -10 200.00 80.00 230.00 100.00 -1 -1 -1 -1000 -1000 -1000 -10
Tram 0.00 0 -10 200.00 80.00 230.00 100.00 -1 -1 -1 -1000 -1000 -1000 -10
DontCare -1 -1 -10 5.00 170.00 20.00 180.00 -1 -1 -1 -1000 -1000 -1000 -10
"""


def kitti(root: Path) -> None:
    """One picture with KITTI's calibration scaled to it."""
    picture(root / "training/image_2/000008.png", 8)
    (root / "training/label_2").mkdir()
    (root / "training/label_2/000008.txt").write_text(KITTI_LABELS)
    (root / "training/calib").mkdir()
    p2 = "1.803e+02 0 1.575e+02 1.146e+01 0 1.803e+02 9.0e+01 -5.4e-02 0 0 1 2.7e-03"
    (root / "training/calib/000008.txt").write_text(f"P0: {p2}\nP2: {p2}\nTr_velo_to_cam: 1 0 0 0 0 1 0 0 0 0 1 0\n")


def bdd100k(root: Path) -> None:
    """Boxes and lines of one picture in two files, and a picture with boxes alone."""
    picture(root / "images/100k/train/b1c66a42-6f7d68ca.jpg", 3)
    picture(root / "images/100k/train/b1c81faa-3df17267.jpg", 4)
    car = {"occluded": True, "truncated": False, "trafficLightColor": "none"}
    corner = {"x1": 10.5, "y1": 20.0, "x2": 109.5, "y2": 69.0}
    boxes = [
        {"id": "7", "category": "car", "attributes": car, "box2d": corner},
        {"id": "8", "category": "traffic sign", "attributes": {}, "box2d": corner},
        {"id": "9", "category": "pedestrian", "attributes": {"truncated": True}, "box2d": {**corner, "x1": 0.0}},
    ]
    head = {
        "name": "b1c66a42-6f7d68ca.jpg",
        "attributes": {"weather": "snowy", "timeofday": "night"},
        "timestamp": 10000,
    }
    second = {"name": "b1c81faa-3df17267.jpg", "attributes": {"weather": "clear"}, "labels": [boxes[0]]}
    write_json(root / "labels/det_train.json", [{**head, "labels": boxes}, second])
    paint = {"laneDirection": "parallel", "laneStyle": "dashed"}
    lanes = [
        _bdd_line("single white", paint, [[120.5, 190.0], [140.0, 110.25]], "LL"),
        _bdd_line(
            "double yellow", {**paint, "laneStyle": "solid"}, [[20, 190], [60, 160], [90, 130], [100, 100]], "LCCL"
        ),
        _bdd_line("single white", {**paint, "laneDirection": "vertical"}, [[20, 150], [90, 150]], "LL"),
        _bdd_line("road curb", paint, [[300, 190], [200, 100]], "LL"),
    ]
    write_json(root / "labels/lane_train.json", [{**head, "labels": lanes}])


def _bdd_line(category: str, attributes: dict[str, str], vertices: list[list[float]], types: str) -> dict[str, object]:
    poly = {"vertices": vertices, "types": types, "closed": False}
    return {"id": "1", "category": category, "attributes": attributes, "poly2d": [poly]}
