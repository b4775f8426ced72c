"""COCO's figures: by hand, against pycocotools on the same files, and against our own tally."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from perception.benchmarks.coco import FIGURES, score_files, score_tally
from perception.box_metrics import CocoTally
from perception.errors import WhiteoutError
from perception.metrics import evaluate
from robustness.cli import main
from tests.perception.formats.samples import write_json
from tests.perception.test_metrics import random_case


def files(folder: Path, seed: int, pictures: int = 40) -> tuple[Path, Path]:
    """Boxes of all three sizes, crowds, and detections that are right, off, doubled and false."""
    rng = np.random.default_rng(seed)
    images = [{"id": 10 * number + 10, "width": 640, "height": 480} for number in range(pictures)]
    truths: list[dict[str, object]] = []
    found: list[dict[str, object]] = []
    for image in images:
        for _ in range(rng.integers(0, 8)):
            side = np.exp(rng.uniform(np.log(8), np.log(250), 2))
            bbox = [*rng.uniform(0, (400, 240)), *side]
            label, crowd = int(rng.choice([1, 3, 8])), int(rng.random() < 0.1)
            area = float(side.prod() * rng.uniform(0.5, 1))
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": image["id"],
                    "category_id": label,
                    "bbox": bbox,
                    "area": area,
                    "iscrowd": crowd,
                }
            )
            for _ in range(rng.integers(0, 3)):
                moved = (np.array(bbox) + rng.normal(0, 0.06, 4) * [*side, *side]).tolist()
                guess = label if rng.random() < 0.85 else 3
                found.append(
                    {"image_id": image["id"], "category_id": guess, "bbox": moved, "score": float(rng.random())}
                )
    categories = [{"id": number, "name": str(number)} for number in (1, 3, 8)]
    truth = write_json(folder / "truth.json", {"images": images, "annotations": truths, "categories": categories})
    return truth, write_json(folder / "found.json", found)


def by_pycocotools(truth: Path, found: Path) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(str(truth))
        evaluation = COCOeval(known, known.loadRes(str(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


@pytest.mark.parametrize("seed", range(3))
def test_all_twelve_figures_are_those_of_pycocotools(tmp_path: Path, seed: int) -> None:
    truth, found = files(tmp_path, seed)
    ours = score_files(truth, found)
    assert list(ours) == list(FIGURES)
    assert 0.1 < ours["AP"] < ours["AP50"] < 0.9
    assert list(ours.values()) == pytest.approx(by_pycocotools(truth, found), abs=1e-9)


def test_our_table_agrees_with_pycocotools_on_our_frames(tmp_path: Path) -> None:
    """`whiteout evaluate` averages over classes what pycocotools averages at once: the same where all classes occur."""
    cases = [random_case(seed) for seed in range(60)]
    tally = CocoTally()
    for one, answer in cases:
        tally.add(one, answer)
    truth, found = tally.as_coco()
    paths = write_json(tmp_path / "truth.json", truth), write_json(tmp_path / "found.json", found)
    metrics = evaluate([one for one, _ in cases], [answer for _, answer in cases])
    reference = by_pycocotools(*paths)
    assert metrics.map == pytest.approx(reference[0])
    assert metrics.ap50 == pytest.approx(reference[1])
    known = [math.nan if value < 0 else value for value in reference]
    np.testing.assert_allclose(list(score_tally(tally).values()), known)


def test_by_hand(tmp_path: Path) -> None:
    """One of two objects found exactly, of 50 x 40 px (medium): precision 1 up to recall 0.5, then nothing."""
    boxes = [[10, 10, 50, 40], [100, 10, 50, 40]]
    truths = [
        {"id": number, "image_id": 1, "category_id": 1, "bbox": bbox, "area": 2000, "iscrowd": 0}
        for number, bbox in enumerate(boxes, 1)
    ]
    content = {
        "images": [{"id": 1, "width": 320, "height": 192}],
        "annotations": truths,
        "categories": [{"id": 1, "name": "car"}],
    }
    truth = write_json(tmp_path / "truth.json", content)
    found = write_json(tmp_path / "found.json", [{"image_id": 1, "category_id": 1, "bbox": boxes[0], "score": 0.9}])
    figures = score_files(truth, found)
    assert figures["AP"] == figures["AP50"] == figures["APm"] == pytest.approx(51 / 101)
    assert figures["AR100"] == pytest.approx(0.5)
    assert math.isnan(figures["APs"])
    nothing = score_files(truth, write_json(tmp_path / "none.json", []))
    assert nothing["AP"] == nothing["APm"] == 0.0
    assert math.isnan(nothing["APs"])


def test_the_command_prints_and_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, found = files(tmp_path, 0)
    line = ["evaluate", str(truth), "--metric", "coco", "--predictions", str(found), "--json", str(tmp_path / "x.json")]
    assert main(line) == 0
    assert "AP50" in capsys.readouterr().out
    written = json.loads((tmp_path / "x.json").read_text())["metrics"]
    assert written["AP"] == pytest.approx(by_pycocotools(truth, found)[0], abs=1e-9)
    assert main(["evaluate", str(truth), "--predictions", str(found)]) == 2
    assert "needs --metric" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": math.nan}, "0 needs bbox of four numbers and a finite score"),
        ({"bbox": [1, 2]}, "0 needs bbox of four numbers"),
        ({"bbox": [1, 2, 3, math.inf]}, "0 needs bbox of four numbers"),
        ({"image_id": 7}, "0.image_id is 7"),
        ({"image_id": "10"}, "0.image_id is '10'"),
        ({"category_id": [1]}, r"0.category_id is \[1\]"),
    ],
)
def test_wrong_results_are_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    truth, found = files(tmp_path, 0, pictures=3)
    content = json.loads(found.read_text())
    content[0].update(change)
    write_json(found, content)
    with pytest.raises(WhiteoutError, match=words):
        score_files(truth, found)
    labels = json.loads(truth.read_text())
    labels["annotations"][1]["id"] = 1
    with pytest.raises(WhiteoutError, match=r"annotations\.1\.id is 1, missing or there twice"):
        score_files(write_json(tmp_path / "twice.json", labels), found)
    labels["annotations"][1]["id"] = 2
    del labels["annotations"][0]["area"]
    with pytest.raises(WhiteoutError, match=r"annotations\.0 needs bbox of four numbers and a finite area"):
        score_files(write_json(tmp_path / "lacking.json", labels), found)
