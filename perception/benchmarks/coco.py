"""COCO's twelve figures (https://cocodataset.org/#detection-eval), computed by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from faster_coco_eval import COCO, COCOeval_faster

from perception.box_metrics import CocoTally
from perception.errors import WhiteoutError
from perception.formats.labels import is_number, read_json, records

FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
"""In the order of COCO's summary; s, m and l are areas up to 32 x 32, up to 96 x 96, and larger [px]."""

Tally = CocoTally
"""Collects frames and predictions; what `perception.labels.is_scored` leaves out is a crowd."""


def score_files(truth: Path, found: Path) -> dict[str, float]:
    """Figures of a result file (a list of image_id, category_id, bbox, score) against an annotation file."""
    content = read_json(truth)
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= content.keys():
        raise WhiteoutError(f"{truth}: must have images, annotations and categories; name a COCO annotation file.")
    results = records(read_json(found), f"{found}: the list of results")
    parts = {key: records(content[key], f"{truth}: field {key}") for key in ("images", "categories", "annotations")}
    ids = {key: _ids(entries, f"{truth}: {key}") for key, entries in parts.items()}
    for index, entry in enumerate(parts["annotations"]):
        where = f"{truth}: annotations.{index}"
        _check(entry, where, "area", ids["images"])
        _check_known(entry, "category_id", ids["categories"], where)
    for index, result in enumerate(results):
        _check(result, f"{found}: {index}", "score", ids["images"])
    return figures(content, results)


def _ids(entries: Sequence[Mapping[str, object]], where: str) -> set[object]:
    """The ids of a list; one that is missing or there twice is a `WhiteoutError`."""
    ids: set[object] = set()
    for index, entry in enumerate(entries):
        number = entry.get("id")
        if not isinstance(number, (int, float, str)) or number in ids:
            raise WhiteoutError(f"{where}.{index}.id is {number!r}, missing or there twice; give each its own number.")
        ids.add(number)
    return ids


def _check_known(entry: Mapping[str, object], key: str, known: set[object], where: str) -> None:
    value = entry.get(key)
    if not isinstance(value, (int, float, str)) or value not in known:
        raise WhiteoutError(f"{where}.{key} is {value!r}, which the annotation file lacks; correct it.")


def _check(entry: Mapping[str, object], where: str, number: str, images: set[object]) -> None:
    """Refuse a box without its numbers, or of no picture; results of other categories count nowhere, as with COCO."""
    bbox = entry.get("bbox")
    values = [*bbox, entry.get(number)] if isinstance(bbox, list) else []
    if len(values) != 5 or not all(is_number(value) and math.isfinite(value) for value in values):
        raise WhiteoutError(f"{where} needs bbox of four numbers and a finite {number}; correct it.")
    _check_known(entry, "image_id", images, where)
    if not isinstance(entry.get("category_id"), (int, float, str)):
        raise WhiteoutError(f"{where}.category_id is {entry.get('category_id')!r}, no number; correct it.")


def score_tally(tally: CocoTally) -> dict[str, float]:
    """Figures of what was collected."""
    return figures(*tally.as_coco())


def figures(truth: Mapping[str, object], results: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """COCO's figures; NaN where there is no object to find."""
    copied = json.loads(json.dumps(truth))
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(copied)
        found = known.loadRes([dict(result) for result in results]) if results else COCO({**copied, "annotations": []})
        evaluation = COCOeval_faster(known, found, iouType="bbox", print_function=str)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = [float(value) for value in evaluation.stats[: len(FIGURES)]]
    return {name: math.nan if value < 0 else value for name, value in zip(FIGURES, values, strict=True)}
