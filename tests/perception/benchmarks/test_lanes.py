"""TuSimple's and CULane's figures by hand, on files and on frames."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from perception.benchmarks import culane, tusimple
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.metrics import Counts
from perception.prediction import LanePrediction, Prediction
from robustness.cli import main
from tests.perception.scenes import frame

ROWS = list(range(160, 720, 10))
UPRIGHT = [600.0] * len(ROWS)


def moved(line: list[float], by: float) -> list[float]:
    return [x + by for x in line]


@pytest.mark.parametrize(
    ("found", "truth", "figures"),
    [
        ([UPRIGHT], [UPRIGHT], (1, 0, 0)),
        ([moved(UPRIGHT, 19.9)], [UPRIGHT], (1, 0, 0)),
        ([moved(UPRIGHT, 20)], [UPRIGHT], (0, 1, 1)),
        ([], [UPRIGHT], (0, 0, 1)),
        ([UPRIGHT], [], (0, 1, 0)),
        ([], [], (0, 0, 0)),
        ([UPRIGHT, moved(UPRIGHT, 300)], [UPRIGHT], (1, 0.5, 0)),
        ([UPRIGHT] * 4, [UPRIGHT], (0, 0, 1)),
        ([[*UPRIGHT[:50], *[-2.0] * 6]], [UPRIGHT], (50 / 56, 0, 0)),
        ([[*UPRIGHT[:40], *[-2.0] * 16]], [UPRIGHT], (40 / 56, 1, 1)),
        ([[-2.0] * 28 + UPRIGHT[28:]], [[-2.0] * 28 + UPRIGHT[28:]], (1, 0, 0)),
        ([moved(UPRIGHT, 100 * n) for n in range(4)], [moved(UPRIGHT, 100 * n) for n in range(5)], (1, 0, 0)),
        ([moved(UPRIGHT, 100 * n) for n in range(3)], [moved(UPRIGHT, 100 * n) for n in range(5)], (0.75, 0, 0.25)),
    ],
)
def test_tusimple_by_hand(
    found: list[list[float]], truth: list[list[float]], figures: tuple[float, float, float]
) -> None:
    assert tusimple.score_picture(found, truth, ROWS) == pytest.approx(figures)


def test_tusimple_allows_more_for_slanted_lines_and_no_slow_ones() -> None:
    """At 45 degrees 20 px become 20 / cos 45 degrees = 28.3 px."""
    slanted = [float(row) for row in ROWS]
    assert tusimple.score_picture([moved(slanted, 28.2)], [slanted], ROWS) == (1, 0, 0)
    assert tusimple.score_picture([moved(slanted, 28.4)], [slanted], ROWS) == (0, 1, 1)
    assert tusimple.score_picture([slanted], [slanted], ROWS, run_time=201.0) == (0, 0, 1)


def tusimple_files(folder: Path) -> tuple[Path, Path]:
    labels = [{"raw_file": name, "lanes": [UPRIGHT], "h_samples": ROWS} for name in ("a.jpg", "b.jpg")]
    answers = [
        {"raw_file": "b.jpg", "lanes": [], "run_time": 10},
        {"raw_file": "a.jpg", "lanes": [UPRIGHT, moved(UPRIGHT, 99)], "run_time": 10},
    ]
    for name, rows in (("truth", labels), ("found", answers)):
        (folder / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "truth.json", folder / "found.json"


def test_tusimple_on_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, found = tusimple_files(tmp_path)
    assert tusimple.score_files(truth, found) == {"Accuracy": 0.5, "FP": 0.25, "FN": 0.5}
    assert main(["evaluate", str(truth), "--metric", "tusimple", "--predictions", str(found)]) == 0
    assert "Accuracy" in capsys.readouterr().out
    found.write_text(found.read_text().splitlines()[0])
    with pytest.raises(WhiteoutError, match=r"raw_file 'a\.jpg' is not in both files"):
        tusimple.score_files(truth, found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run_time": None}, "a number as run_time"),
        ({"lanes": [[1.0, 2.0]]}, "a finite place for each of 56 rows"),
        ({"lanes": [["a"] * 56]}, r"lanes\.0 is no list of numbers"),
        ({"lanes": 5}, "lanes is no list of lines"),
        ({"raw_file": ["a.jpg"]}, "raw_file is .*, not a text"),
    ],
)
def test_wrong_tusimple_answers_are_one_sentence(tmp_path: Path, change: dict[str, object], words: str) -> None:
    truth, found = tusimple_files(tmp_path)
    rows = [json.loads(row) for row in found.read_text().splitlines()]
    found.write_text("".join(json.dumps({**row, **(change if row["lanes"] else {})}) + "\n" for row in rows))
    with pytest.raises(WhiteoutError, match=words):
        tusimple.score_files(truth, found)


def test_tusimple_counts_no_line_that_its_rows_do_not_meet() -> None:
    """A line beside the picture's right edge, and one above the first row (192 px high: row 42.7)."""
    held = frame(1)
    beside = np.array([[330.0, 190.0], [340.0, 60.0]])
    above = np.array([[100.0, 40.0], [110.0, 20.0]])
    answers = tuple(LanePrediction(pixels, 0.9) for pixels in (*(lane.pixels for lane in held.lanes), beside, above))
    tally = tusimple.Tally()
    tally.add(held, Prediction((), answers))
    assert tusimple.score_tally(tally) == {"Accuracy": 1.0, "FP": 0.0, "FN": 0.0}


def upright(x: float) -> Float[ndarray, "n 2"]:
    return np.column_stack([np.full(20, x), np.linspace(590, 0, 20)])


@pytest.mark.parametrize(("off", "right"), [(0.0, True), (9.0, True), (11.0, False)])
def test_culane_overlap_by_hand(off: float, right: bool) -> None:
    """Bands about 30 px wide overlap with IoU (30 - d) / (30 + d): over 0.5 for d < 10."""
    counts = culane.score_picture([upright(800 + off)], [upright(800)])
    assert counts == (Counts(1, 0, 0) if right else Counts(0, 1, 1))


def test_culane_pairs_for_the_largest_total() -> None:
    """One prediction between two truths and one on the first: the best total gives each truth its own."""
    counts = culane.score_picture([upright(804), upright(795)], [upright(800), upright(812)])
    assert counts == Counts(2, 0, 0)
    assert culane.score_picture([], [upright(3)]) == Counts(0, 0, 1)
    assert culane.score_picture([upright(3)], []) == Counts(0, 1, 0)


def test_culane_splines_are_natural_and_pass_through_the_points() -> None:
    """Three points leave one unknown second derivative, in the middle, which has a closed form."""
    points = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0]])
    curve = culane.spline(points)
    np.testing.assert_allclose(curve[[0, 50, 100]], points, atol=1e-9)
    moment = 6 * (0 / 100 - 100 / 100) / (2 * (100 + 100))
    t = 50.0
    x = t * (1.0 - moment * 100 / 6) + moment / (6 * 100) * t**3
    assert curve[25, 0] == pytest.approx(x)
    np.testing.assert_array_equal(culane.spline(points[:2]), points[:2])


def test_culane_on_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines: dict[str, str] = {
        "truth/clip/0": "100 590 100 300 110 0\n500 590 500 0\n",
        "truth/clip/1": "700 590 700 0\n",
        "truth/clip/2": "",
        "found/clip/0": "101 590 101 300 111 0\n900 590 900 0\n",
        "found/clip/2": "300 590 300 0\n",
    }
    for name, text in lines.items():
        path = tmp_path / f"{name}.lines.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    figures = culane.score_files(tmp_path / "truth", tmp_path / "found")
    assert (figures["tp"], figures["fp"], figures["fn"]) == (1, 2, 2)
    assert figures["F1"] == pytest.approx(1 / 3)
    (tmp_path / "truth/list").mkdir()
    (tmp_path / "truth/list/test.txt").write_text("/clip/0.jpg\n/clip/1.jpg\n")
    listed = culane.score_files(tmp_path / "truth/list/test.txt", tmp_path / "found")
    assert (listed["tp"], listed["fp"], listed["fn"]) == (1, 1, 2)
    line = ["evaluate", str(tmp_path / "truth"), "--metric", "culane", "--predictions", str(tmp_path / "found")]
    assert main(line) == 0
    assert "F1" in capsys.readouterr().out


def test_perfect_answers_on_frames_score_one() -> None:
    frames = [frame(seed) for seed in range(3)]
    answers = [Prediction((), tuple(LanePrediction(lane.pixels, 0.9) for lane in one.lanes)) for one in frames]
    for benchmark in (tusimple, culane):
        tally = benchmark.Tally()
        for one, answer in zip(frames, answers, strict=True):
            tally.add(one, answer)
        figures = benchmark.score_tally(tally)
        assert next(iter(figures.values())) == 1.0
    assert all(math.isnan(value) for value in tusimple.score_tally(tusimple.Tally()).values())
    assert math.isnan(culane.score_tally(culane.Tally())["F1"])


def test_a_model_is_scored_by_a_benchmark(drive: Drive, capsys: pytest.CaptureFixture[str]) -> None:
    for metric, figure in (("coco", "AP50"), ("tusimple", "Accuracy"), ("culane", "F1")):
        assert main(["evaluate", str(drive.path), "--metric", metric, "--threads", "1"]) == 0
        assert figure in capsys.readouterr().out
