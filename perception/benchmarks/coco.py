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
from perception.formats.labels import read_json, records

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
    known = {image.get("id") for image in records(content["images"], f"{truth}: field images")}
    for index, result in enumerate(results):
        bbox, score = result.get("bbox"), result.get("score")
        fine = isinstance(bbox, list) and len(bbox) == 4 and all(isinstance(value, (int, float)) for value in bbox)
        if not fine or not isinstance(score, (int, float)) or not math.isfinite(score):
            raise WhiteoutError(f"{found}: {index} needs bbox of four numbers and a finite score; correct it.")
        if result.get("image_id") not in known:
            raise WhiteoutError(f"{found}: {index}.image_id is {result.get('image_id')!r}, which {truth} lacks.")
    return figures(content, results)


def score_tally(tally: CocoTally) -> dict[str, float]:
    """Figures of what was collected."""
    return figures(*tally.as_coco())


def figures(truth: Mapping[str, object], results: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """COCO's figures; NaN where there is no object to find."""
    annotations = truth["annotations"]
    if not annotations:
        return dict.fromkeys(FIGURES, math.nan)
    copied = json.loads(json.dumps(truth))
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(copied)
        if not results:
            counted = any(entry.get("iscrowd", 0) == 0 for entry in copied["annotations"])
            return dict.fromkeys(FIGURES, 0.0 if counted else math.nan)
        found = known.loadRes([dict(result) for result in results])
        evaluation = COCOeval_faster(known, found, iouType="bbox", print_function=str)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = [float(value) for value in evaluation.stats[: len(FIGURES)]]
    return {name: math.nan if value < 0 else value for name, value in zip(FIGURES, values, strict=True)}
