"""BDD100K in Scalabel's format: a JSON list of frames (`det_20`, `lane`), with pictures below `images/`.

Format: https://doc.bdd100k.com/format.html. A `box2d` counts its last row and column: width is x2 - x1 + 1. Lines are
`poly2d` with a letter per vertex: L is a point of the line, two C between them control a cubic Bezier curve. A line has
`laneDirection` (parallel or vertical to the driving), `laneStyle` and a category such as "single white".
"""

from __future__ import annotations

import filecmp
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from perception.box import Box
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report, store
from perception.formats.labels import checked_corners, is_number, item, line, read_json, records, text, with_slots
from perception.formats.pictures import Names, Picture, inside, pictures_in, read_picture
from perception.lane import Lane

CLASSES: Mapping[str, str] = {
    "car": "car",
    "truck": "truck",
    "bus": "bus",
    "motorcycle": "motorcycle",
    "bicycle": "bicycle",
    "pedestrian": "pedestrian",
    "motor": "motorcycle",
    "bike": "bicycle",
    "person": "pedestrian",
}
"""Our class of each of BDD100K's; the last three are the names of its first release."""

PAINT: Mapping[tuple[str, str], tuple[str, str]] = {
    (f"{count} {color}", style): (kinds[style], color if color != "other" else "unknown")
    for count, kinds in (
        ("single", {"solid": "solid", "dashed": "broken"}),
        ("double", {"solid": "solid_solid", "dashed": "other"}),
    )
    for color in ("white", "yellow", "other")
    for style in ("solid", "dashed")
}
"""OpenDRIVE's type and colour of each category and style; it has no name for two dashed lines side by side."""

NAMES: Mapping[tuple[str, str], tuple[str, str]] = {ours: theirs for theirs, ours in reversed(list(PAINT.items()))}

OCCLUDED = 0.6
"""Visible share that stands for an occluded object."""

CURVE_POINTS = 8
"""Points that a Bezier curve is sampled at."""

Record = dict[str, object]


def is_bdd100k(path: Path) -> bool:
    """Whether a JSON file begins like a list of Scalabel's frames."""
    if path.suffix != ".json":
        return False
    with path.open("rb") as stream:
        start = stream.read(4096)
    other = b'"raw_file"' in start or b'"annotations"' in start
    return b'"name"' in start and (b'"labels"' in start or b'"attributes"' in start) and not other


def label_files(source: Path) -> list[Path]:
    """The label files that `source` names: itself, or those in its folder and `labels/`."""
    if source.is_file():
        return [source]
    paths = sorted([*source.glob("*.json"), *source.glob("labels/**/*.json")])
    return [path for path in paths if is_bdd100k(path)]


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items of one label file, or of all in a folder; boxes and lines of one picture in two files come together."""
    files = label_files(source)
    if not files:
        raise WhiteoutError(f"{source}: holds no label file of BDD100K's; name one, such as det_train.json.")
    frames: dict[str, list[tuple[str, Record]]] = {}
    for file in files:
        content = read_json(file)
        entries = content.get("frames") if isinstance(content, dict) else content
        here: set[str] = set()
        for index, entry in enumerate(records(entries, f"{file}: the list of frames")):
            where = f"{file}: {index}"
            name = report.attempt(_new_name, entry, where, here)
            if name is not None:
                frames.setdefault(name, []).append((where, entry))
    root = source.parent if source.is_file() else source
    pictures = _pictures(root)
    names = Names()
    for name, parts in frames.items():
        found = report.attempt(_item, root, name, parts, pictures, names, report, options)
        if found is not None:
            yield found


def _new_name(entry: Record, where: str, seen: set[str]) -> str:
    name = text(entry, "name", where)
    if name in seen:
        raise WhiteoutError(f"{where}.name is {name!r} for the second time; remove one of them.")
    seen.add(name)
    return name


def _pictures(root: Path) -> dict[str, list[Path]]:
    """Pictures by path below `images/`, and by file name alone: BDD100K's labels tell no folder."""
    folders = (folder for up in (root, root.parent, root.parent.parent) if (folder := up / "images").is_dir())
    folder = next(folders, root)
    found: dict[str, list[Path]] = defaultdict(list)
    for path in pictures_in(folder):
        for name in {path.name, path.relative_to(folder).as_posix()}:
            found[name].append(path)
    return found


def _find(root: Path, name: str, where: str, pictures: Mapping[str, list[Path]]) -> Path:
    """The picture of a frame; where several have its name, they must be copies."""
    path = inside(root, name, where)
    found = pictures.get(name) or pictures.get(path.name) or [path]
    for other in found[1:]:
        if not filecmp.cmp(found[0], other, shallow=False):
            raise WhiteoutError(f"{where} is {name!r}, and so are {found[0]} and {other}; move one out of the folder.")
    return found[0]


def _item(
    root: Path,
    name: str,
    parts: list[tuple[str, Record]],
    pictures: Mapping[str, list[Path]],
    names: Names,
    report: Report,
    options: Options,
) -> Item:
    picture = read_picture(_find(root, name, f"{parts[0][0]}.name", pictures))
    report.dropped.update([picture.dropped] if picture.dropped else [])
    boxes: list[Box] = []
    lanes: list[Lane] = []
    facts: Record = {}
    for where, entry in parts:
        attributes, stamp = entry.get("attributes"), entry.get("timestamp")
        facts |= {"attributes": attributes} if isinstance(attributes, dict) else {}
        facts |= {"timestamp": stamp} if isinstance(stamp, (int, float)) else {}
        for index, label in enumerate(records(entry.get("labels") or [], f"{where}.labels")):
            found = report.attempt(_label, label, f"{where}.labels.{index}", picture, report)
            boxes += [part for part in found or () if isinstance(part, Box)]
            lanes += [part for part in found or () if isinstance(part, Lane)]
    size = (picture.image.shape[1], picture.image.shape[0])
    lines = with_slots(lanes, size)
    return item(
        names.take(name),
        name,
        picture,
        boxes=boxes,
        lanes=lines,
        fov=options.fov,
        facts={"bdd100k": facts} if facts else {},
    )


def _label(label: Record, where: str, picture: Picture, report: Report) -> list[Box | Lane]:
    """The box or the lines of a label; none of what we have no class for."""
    category = text(label, "category", where)
    attributes = label.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    if label.get("poly2d"):
        return list(_lines(label, category, attributes, where, report))
    if "box2d" not in label or label["box2d"] is None:
        report.dropped["labels without box or line"] += 1
        return []
    if category not in CLASSES:
        report.dropped["boxes of other classes"] += 1
        return []
    corners = label["box2d"]
    if not isinstance(corners, dict) or not all(is_number(corners.get(key)) for key in BOX_KEYS):
        raise WhiteoutError(f"{where}.box2d must have the numbers x1, y1, x2 and y2; correct or remove it.")
    left, top, right, bottom = (corners[key] for key in BOX_KEYS)
    size = (picture.image.shape[1], picture.image.shape[0])
    xyxy = checked_corners((left, top, right + 1, bottom + 1), size, f"{where}.box2d")
    number = str(label.get("id", ""))
    lost = {"box3d": "box3d" in label, "names that are no number": bool(number) and not number.isdecimal()}
    report.dropped.update(kind for kind, true in lost.items() if true)
    return [
        Box(
            CLASSES[category],
            xyxy,
            visible=OCCLUDED if attributes.get("occluded") else 1.0,
            truncated=bool(attributes.get("truncated")),
            instance=int(number) if number.isdecimal() else 0,
            crowd=bool(attributes.get("crowd")),
        )
    ]


BOX_KEYS = ("x1", "y1", "x2", "y2")


def _lines(label: Record, category: str, attributes: Record, where: str, report: Report) -> Iterator[Lane]:
    style = str(attributes.get("laneStyle", "solid"))
    name = category
    if category == "lane":
        name = str(attributes.get("laneTypes") or attributes.get("laneType") or category)
    if attributes.get("laneDirection") == "vertical":
        report.dropped["markings across the road"] += 1
    elif (name, style) not in PAINT:
        report.dropped["curbs, crosswalks and areas"] += 1
    else:
        kind, color = PAINT[name, style]
        for index, poly in enumerate(records(label["poly2d"], f"{where}.poly2d")):
            yield line(_points(poly, f"{where}.poly2d.{index}", report), f"{where}.poly2d.{index}", kind, color)


def _points(poly: Record, where: str, report: Report) -> list[tuple[float, float]]:
    """The points of a line, its Bezier curves sampled."""
    vertices, types = poly.get("vertices"), str(poly.get("types") or "")
    if not isinstance(vertices, list) or not all(_is_point(vertex) for vertex in vertices):
        raise WhiteoutError(f"{where}.vertices is no list of x and y; correct or remove this line.")
    types = types or "L" * len(vertices)
    if len(types) != len(vertices) or not re.fullmatch("(L(CCL|L)*)?", types):
        raise WhiteoutError(
            f"{where}.types is {types!r}, not L or LCCL for its {len(vertices)} vertices; correct or remove this line."
        )
    points: list[tuple[float, float]] = []
    index = 0
    while index < len(vertices):
        if types[index] == "C":
            report.dropped["control points of curves"] += 2
            points += _curve(np.array(vertices[index - 1 : index + 3], dtype=np.float64))
            index += 2
        else:
            points.append((float(vertices[index][0]), float(vertices[index][1])))
            index += 1
    return points


def _is_point(vertex: object) -> bool:
    """Whether this is a list of two numbers."""
    return isinstance(vertex, list) and len(vertex) == 2 and all(is_number(value) for value in vertex)


def _curve(control: np.ndarray) -> list[tuple[float, float]]:
    """Points strictly inside a cubic Bezier curve of four control points."""
    t = np.linspace(0, 1, CURVE_POINTS + 2)[1:-1, None]
    curve = (1 - t) ** 3 * control[0] + 3 * (1 - t) ** 2 * t * control[1]
    curve = curve + 3 * (1 - t) * t**2 * control[2] + t**3 * control[3]
    return [(float(x), float(y)) for x, y in curve]


class Bdd100kWriter:
    """Writes `images/` and `labels/det.json` and `labels/lane.json`."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options
        self._folder = folder
        self._report = report
        self._boxes: list[Record] = []
        self._lanes: list[Record] = []

    def add(self, item: Item) -> None:
        """Add one picture with its boxes and lines."""
        facts = item.frame.meta.get("bdd100k")
        known = {**facts} if isinstance(facts, dict) else {}
        head = {"name": store(item, self._folder / "images"), **known}
        lanes = [self._lane(lane, number) for number, lane in enumerate(item.frame.lanes, 1)]
        lost = {
            "exact visible shares": sum(box.visible not in (1.0, OCCLUDED) for box in item.frame.boxes),
            "exact truncations": sum(box.truncation is not None for box in item.frame.boxes),
        }
        self._report.dropped.update({kind: count for kind, count in lost.items() if count})
        self._boxes.append({**head, "labels": [_box(box, i) for i, box in enumerate(item.frame.boxes, 1)]})
        self._lanes.append({**head, "labels": lanes})

    def _lane(self, lane: Lane, number: int) -> Record:
        told = (lane.kind, lane.color)
        if told not in NAMES:
            self._report.dropped["kinds and colours of lines"] += 1
        category, style = NAMES.get(told, ("single other", "solid"))
        vertices = lane.pixels.tolist()
        poly = {"vertices": vertices, "types": "L" * len(vertices), "closed": False}
        attributes = {"laneDirection": "parallel", "laneStyle": style}
        return {"id": str(number), "category": category, "attributes": attributes, "poly2d": [poly]}

    def finish(self) -> None:
        """Write the label files."""
        (self._folder / "labels").mkdir()
        for name, frames in (("det", self._boxes), ("lane", self._lanes)):
            content = json.dumps(frames, allow_nan=False) + "\n"
            (self._folder / "labels" / f"{name}.json").write_text(content, encoding="utf-8")


def _box(box: Box, number: int) -> Record:
    left, top, right, bottom = box.xyxy
    attributes = {"occluded": box.visible < 1, "truncated": box.truncated, "crowd": box.crowd}
    corners = {"x1": left, "y1": top, "x2": right - 1, "y2": bottom - 1}
    return {"id": str(box.instance or number), "category": box.label, "attributes": attributes, "box2d": corners}
