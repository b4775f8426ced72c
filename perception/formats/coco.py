"""COCO object detection: `annotations/instances.json` (or any *.json) with pictures in `images/`.

Format: https://cocodataset.org/#format-data. A box is left, top, width, height [px] from the picture's corner;
`iscrowd` marks regions of several objects. Classes are COCO's 80 of which six are ours; a file may name ours as well.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from perception.box import CLASSES, Box
from perception.errors import WhiteoutError
from perception.formats.item import Item, Options, Report, store
from perception.formats.labels import checked_corners, is_number, item, read_json, records, text
from perception.formats.pictures import Names, Picture, inside, read_picture
from perception.labels import LEAST_VISIBLE

COCO_IDS: Mapping[str, tuple[int, str]] = {
    "pedestrian": (1, "person"),
    "bicycle": (2, "bicycle"),
    "car": (3, "car"),
    "motorcycle": (4, "motorcycle"),
    "bus": (6, "bus"),
    "truck": (8, "truck"),
}
"""Our classes with COCO's own category ids and names."""

LABELS: Mapping[str, str] = {name: label for label, (_, name) in COCO_IDS.items()} | {name: name for name in CLASSES}

TRUE_AREA = 1e-3
"""An `area` that differs from the box's by more than this share is a segmentation's."""

Record = dict[str, object]


def is_coco(path: Path) -> bool:
    """Whether a JSON file looks like COCO's."""
    content = path.read_bytes() if path.suffix == ".json" else b""
    return all(key in content for key in (b'"images"', b'"annotations"', b'"categories"'))


def label_files(source: Path) -> list[Path]:
    """The COCO files that `source` names: itself, or those in a folder and its `annotations/`."""
    if source.is_file():
        return [source]
    return [path for path in sorted([*source.glob("*.json"), *source.glob("annotations/*.json")]) if is_coco(path)]


def read(source: Path, report: Report, options: Options) -> Iterator[Item]:
    """Items of a COCO file, or of a folder that holds exactly one."""
    files = label_files(source)
    if len(files) != 1:
        found = f"{len(files)} COCO files ({', '.join(path.name for path in files)})" if files else "no COCO file"
        raise WhiteoutError(f"{source}: holds {found}; name the one JSON file to read.")
    file = files[0]
    content = read_json(file)
    if not isinstance(content, dict):
        raise WhiteoutError(f"{file}: must be an object with images, annotations and categories; correct it.")
    labels = _labels(file, content, report)
    images = _unique_images(file, records(content.get("images"), f"{file}: field images"), report)
    boxes = _annotations_by_image(file, content, {image["id"] for image in images}, report)
    names = Names()
    for image in images:
        found_item = report.attempt(_item, file, image, boxes[image["id"]], labels, names, report, options)
        if found_item is not None:
            yield found_item


def _labels(file: Path, content: Record, report: Report) -> dict[object, str | None]:
    """Our class for each category id, None where we have none."""
    labels: dict[object, str | None] = {}
    for index, category in enumerate(records(content.get("categories"), f"{file}: field categories")):
        where = f"{file}: field categories.{index}"
        name = report.attempt(text, category, "name", where)
        number = category.get("id")
        if not isinstance(number, (int, str)):
            report.left_out.append(f"{where}.id is {number!r}; give it a number.")
        elif name is not None and number in labels:
            report.left_out.append(f"{where}.id is {number!r} for the second time; give each category its own.")
        elif name is not None:
            labels[number] = LABELS.get(name.lower())
    return labels


def _unique_images(file: Path, images: list[Record], report: Report) -> list[Record]:
    """Images whose id is theirs alone; of others nobody can tell whose the annotations are."""
    places: dict[object, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        places[str(image.get("id"))].append(index)
    kept = []
    for indices in places.values():
        first = images[indices[0]]
        if len(indices) > 1:
            fields = " and ".join(f"images.{index}" for index in indices)
            report.left_out.append(f"{file}: fields {fields} share the id {first.get('id')!r}; give each its own.")
        elif not isinstance(first.get("id"), (int, str)):
            report.left_out.append(f"{file}: field images.{indices[0]}.id is {first.get('id')!r}; give it a number.")
        else:
            kept.append(first)
    return kept


def _annotations_by_image(
    file: Path, content: Record, known: set[object], report: Report
) -> dict[object, list[tuple[str, Record]]]:
    """Annotations with the names of their fields, by image id; those of a repeated id or no image are left out."""
    found: dict[object, list[tuple[str, Record]]] = defaultdict(list)
    ids: set[object] = set()
    for index, entry in enumerate(records(content.get("annotations"), f"{file}: field annotations")):
        where = f"{file}: field annotations.{index}"
        number, image = entry.get("id"), entry.get("image_id")
        if not isinstance(image, (int, str)) or image not in known:
            report.left_out.append(f"{where}.image_id is {image!r}, which no usable image has; correct or remove it.")
        elif number is not None and str(number) in ids:
            report.left_out.append(f"{where}.id is {number!r} for the second time; give each annotation its own.")
        else:
            ids.add(str(number))
            found[image].append((where, entry))
    return found


def _item(
    file: Path,
    image: Record,
    annotations: list[tuple[str, Record]],
    labels: Mapping[object, str | None],
    names: Names,
    report: Report,
    options: Options,
) -> Item:
    where = f"{file}: image {image['id']!r}"
    path = text(image, "file_name", where)
    picture = read_picture(_find(file, path, f"{where}.file_name"))
    height, width = picture.image.shape[:2]
    if (image.get("width", width), image.get("height", height)) != (width, height):
        said = f"{image.get('width')} x {image.get('height')}"
        raise WhiteoutError(f"{where}: width and height say {said} but {path} has {width} x {height} px; correct them.")
    report.dropped.update([picture.dropped] if picture.dropped else [])
    found = [report.attempt(_box, place, entry, labels, picture, report) for place, entry in annotations]
    known = {key: value for key, value in image.items() if key not in ("file_name", "width", "height")}
    boxes = [box for box in found if box is not None]
    return item(names.take(path), path, picture, boxes=boxes, fov=options.fov, facts={"coco": known})


def _find(file: Path, name: str, where: str) -> Path:
    """The picture `name`: beside the file, in `images/` beside it, or in `images/` beside `annotations/`."""
    root = file.parent.parent if file.parent.name == "annotations" else file.parent
    places = [inside(folder, name, where) for folder in (root / "images", root, file.parent)]
    return next((place for place in places if place.is_file()), places[0])


def _box(
    where: str, entry: Record, labels: Mapping[object, str | None], picture: Picture, report: Report
) -> Box | None:
    category = entry.get("category_id")
    if not isinstance(category, (int, str)) or category not in labels:
        raise WhiteoutError(f"{where}.category_id is {category!r}, which categories lacks; correct it.")
    label = labels[category]
    if label is None:
        report.dropped["boxes of other classes"] += 1
        return None
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(is_number(value) for value in bbox):
        raise WhiteoutError(f"{where}.bbox is {bbox!r}, not left, top, width and height; correct or remove it.")
    left, top, width, height = (float(value) for value in bbox)
    size = (picture.image.shape[1], picture.image.shape[0])
    corners = checked_corners((left, top, left + width, top + height), size, f"{where}.bbox")
    report.dropped.update(kind for kind in ("segmentation", "keypoints") if entry.get(kind))
    area = entry.get("area")
    if is_number(area) and abs(area - width * height) > TRUE_AREA * width * height:
        report.dropped["areas of segmentations"] += 1
    return Box(label, corners, crowd=entry.get("iscrowd") == 1)


class CocoWriter:
    """Writes `images/` and `annotations/instances.json`."""

    def __init__(self, folder: Path, options: Options, report: Report) -> None:
        del options, report
        self._folder = folder
        self._images: list[Record] = []
        self._annotations: list[Record] = []
        self._ids: set[int] = set()
        self._last = 0

    def add(self, item: Item) -> None:
        """Add one picture with its boxes."""
        height, width = item.frame.image.shape[:2]
        source = item.frame.meta.get("coco")
        known = dict(source) if isinstance(source, dict) else {}
        number = known.pop("id", None)
        if not isinstance(number, int) or number in self._ids:
            number = self._last + 1
        self._ids.add(number)
        self._last = max(self._last, number)
        file = store(item, self._folder / "images")
        self._images.append({**known, "id": number, "file_name": file, "width": width, "height": height})
        self._annotations += [self._annotation(box, number, place) for place, box in enumerate(item.frame.boxes, 1)]

    def _annotation(self, box: Box, image: int, place: int) -> Record:
        left, top, right, bottom = box.xyxy
        return {
            "id": len(self._annotations) + place,
            "image_id": image,
            "category_id": COCO_IDS[box.label][0],
            "bbox": [left, top, right - left, bottom - top],
            "area": (right - left) * (bottom - top),
            "iscrowd": int(box.crowd or box.visible < LEAST_VISIBLE),
        }

    def finish(self) -> None:
        """Write the JSON file."""
        categories = [{"id": number, "name": name} for number, name in COCO_IDS.values()]
        content = {"images": self._images, "annotations": self._annotations, "categories": categories}
        path = self._folder / "annotations" / "instances.json"
        path.parent.mkdir()
        path.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
