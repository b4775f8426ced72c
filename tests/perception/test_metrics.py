"""Metrics on hand-made cases with known answers, and against faster-coco-eval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from perception.box import Box
from perception.box_metrics import CocoTally, average_precision, match_boxes
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.lane import Lane
from perception.lane_metrics import CANVAS, draw
from perception.metrics import Counts, evaluate, pool, score_frame
from perception.prediction import Detection, LanePrediction, Prediction
from tests.perception.scenes import camera, frame, line

BLACK = np.zeros((192, 320, 3), dtype=np.uint8)


def scene(*labels: Box | Lane) -> Frame:
    boxes = tuple(label for label in labels if isinstance(label, Box))
    lanes = tuple(label for label in labels if isinstance(label, Lane))
    return Frame("a", BLACK, camera(), boxes, lanes)


def said(*answers: Detection | Float[ndarray, "n 2"]) -> Prediction:
    boxes = tuple(answer for answer in answers if isinstance(answer, Detection))
    lines = tuple(LanePrediction(answer, 0.9) for answer in answers if isinstance(answer, np.ndarray))
    return Prediction(boxes, lines)


def test_perfect_answers_score_one() -> None:
    frames = [frame(seed) for seed in range(6)]
    answers = [
        Prediction(
            tuple(Detection(box.label, box.xyxy, 0.9) for box in one.boxes),
            tuple(LanePrediction(lane.pixels, 0.9, lane.slot) for lane in one.lanes),
        )
        for one in frames
    ]
    metrics = evaluate(frames, answers)
    assert metrics.ap50 == metrics.map == metrics.boxes.f1 == metrics.lane_f1 == 1.0
    assert metrics.lane_error_p95 == pytest.approx(0, abs=1e-6)
    assert metrics.invented_lanes == 0


def test_average_precision_by_hand() -> None:
    """Two cars; the best detection is right, the second wrong: precision 1 up to recall 0.5, then nothing."""
    truth = scene(Box("car", (10.0, 10.0, 50.0, 40.0)), Box("car", (100.0, 10.0, 150.0, 40.0)))
    answer = said(Detection("car", (10.0, 10.0, 50.0, 40.0), 0.9), Detection("car", (200.0, 100.0, 240.0, 130.0), 0.8))
    metrics = evaluate([truth], [answer])
    assert metrics.ap50_by_class["car"] == pytest.approx(51 / 101)
    assert metrics.boxes == Counts(tp=1, fp=1, fn=1)
    assert math.isnan(metrics.ap50_by_class["bus"])


def test_hidden_and_tiny_objects_count_neither_way() -> None:
    hidden = Box("car", (10.0, 10.0, 50.0, 40.0), visible=0.1)
    tiny = Box("car", (100.0, 100.0, 103.0, 103.0))
    answer = said(Detection("car", (10.0, 10.0, 50.0, 40.0), 0.9), Detection("car", (100.0, 100.0, 103.0, 103.0), 0.9))
    metrics = evaluate([scene(hidden, tiny)], [answer])
    assert metrics.boxes == Counts(0, 0, 0)
    assert math.isnan(metrics.ap50)


def random_case(seed: int) -> tuple[Frame, Prediction]:
    """Boxes of three classes, some hidden, and detections that are right, off, doubled, or of another class."""
    rng = np.random.default_rng(seed)
    boxes, found = [], []
    for _ in range(rng.integers(0, 7)):
        left, top = rng.uniform(0, 250), rng.uniform(0, 140)
        xyxy = (left, top, left + rng.uniform(10, 60), top + rng.uniform(8, 45))
        label, visible = str(rng.choice(["car", "truck", "pedestrian"])), float(rng.choice([1, 0.5, 0.1]))
        boxes.append(Box(label, xyxy, visible=visible))
        for _ in range(rng.integers(0, 3)):
            moved = np.array(xyxy) + rng.uniform(-4, 4, 4)
            guess = label if rng.random() < 0.8 else "car"
            found.append(Detection(guess, tuple(moved.tolist()), float(rng.random())))
    for _ in range(rng.integers(0, 3)):
        left, top = rng.uniform(0, 250), rng.uniform(0, 140)
        found.append(Detection("car", (left, top, left + 40, top + 30), float(rng.random())))
    return scene(*boxes), said(*found)


def test_pooled_average_precision_agrees_with_faster_coco_eval() -> None:
    cases = [random_case(seed) for seed in range(60)]
    tally = CocoTally()
    for one, answer in cases:
        tally.add(one, answer)
    official = tally.result().ap50
    scores = [match_boxes(one, answer) for one, answer in cases]
    for label in ("car", "truck", "pedestrian"):
        assert 0.1 < official[label] < 0.95
        assert average_precision(scores, label) == pytest.approx(official[label], abs=1e-6)


def test_pooling_single_frames_equals_scoring_them_together() -> None:
    cases = [random_case(seed) for seed in range(10)]
    together = evaluate([one for one, _ in cases], [answer for _, answer in cases])
    apart = pool([score_frame(one, answer) for one, answer in cases])
    assert apart.ap50 == pytest.approx(together.ap50, abs=1e-6)
    assert (apart.boxes, apart.lanes) == (together.boxes, together.lanes)
    assert math.isnan(apart.map)


def upright(x: float, top: float = 0, bottom: float = 192) -> Float[ndarray, "n 2"]:
    return np.column_stack([np.full(20, x), np.linspace(bottom, top, 20)])


def wall(x: float, visible: slice = slice(None), slot: int = 1) -> Lane:
    """An upright line at picture column `x`; no metres."""
    seen = np.zeros(20, dtype=np.bool_)
    seen[visible] = True
    return Lane(upright(x), np.full((20, 3), np.nan), seen, slot=slot)


@pytest.mark.parametrize(("off", "right"), [(0.0, True), (9.0, True), (11.0, False), (40.0, False)])
def test_lane_overlap_by_hand(off: float, right: bool) -> None:
    """Bands 30 px wide overlap with IoU (30 - d) / (30 + d): over 0.5 for d < 10 on the canvas."""
    shift = off * 320 / CANVAS[0]
    metrics = evaluate([scene(wall(100))], [said(upright(100 + shift))])
    assert metrics.lanes == (Counts(1, 0, 0) if right else Counts(0, 1, 1))
    assert metrics.lane_f1 == float(right)


def test_a_band_is_thirty_pixels_wide() -> None:
    band = draw(np.array([[800.0, 0.0], [800.0, 589.0]]))
    assert 30 <= band[300].sum() <= 31


def test_lines_are_paired_once() -> None:
    metrics = evaluate([scene(wall(100), wall(200))], [said(upright(100), upright(101), upright(202))])
    assert metrics.lanes == Counts(tp=2, fp=1, fn=0)
    assert metrics.invented_lanes == 0, "a second answer for one line is wrong but not invented"


def test_an_invented_line_is_told_from_a_missed_one() -> None:
    metrics = evaluate([scene(wall(100))], [said(upright(250))])
    assert (metrics.lanes, metrics.invented_lanes) == (Counts(0, 1, 1), 1)
    assert evaluate([scene()], [said(upright(250))]).invented_lanes == 1


def test_a_line_that_is_hardly_visible_counts_neither_way() -> None:
    covered = wall(100, slice(0, 2))
    assert evaluate([scene(covered)], [said(upright(100))]).lanes == Counts(0, 0, 0)
    assert evaluate([scene(covered)], [said()]).lanes == Counts(0, 0, 0)
    assert evaluate([scene(wall(100, slot=3))], [said(upright(100))]).lanes == Counts(0, 0, 0)


def test_rows_under_snow_are_not_held_against_either_answer() -> None:
    """The far half of the line is covered: drawing it on or stopping are both right."""
    covered = wall(100, slice(0, 10))
    for answer in (upright(100), upright(100, top=101)):
        assert evaluate([scene(covered)], [said(answer)]).lanes == Counts(1, 0, 0)
    assert evaluate([scene(wall(100))], [said(upright(100, top=101))]).lanes == Counts(0, 1, 1)


@pytest.mark.parametrize("aside", [0.1, -0.35])
def test_error_in_metres_is_the_shift_on_the_road(aside: float) -> None:
    truth, moved = line(1, camera()), line(1, camera(), shift=aside)
    metrics = evaluate([scene(truth)], [said(moved.pixels)])
    assert metrics.lane_error_median == pytest.approx(abs(aside), abs=0.01)
    assert metrics.frames[0].lane_error == pytest.approx(abs(aside), abs=0.01)


def test_error_in_metres_follows_a_road_above_the_datum() -> None:
    """The camera stands on a plateau 20 m up: the truth's local height is the plane of projection."""
    view = camera()
    pose = view.camera_to_world.copy()
    pose[2, 3] += 20
    truth, moved = line(1, view), line(1, view, shift=0.2)
    raised = replace(truth, metres=truth.metres + np.array([0.0, 0.0, 20.0]))
    lifted = replace(scene(raised), camera=replace(view, camera_to_world=pose))
    assert evaluate([lifted], [said(moved.pixels)]).lane_error_median == pytest.approx(0.2, abs=0.01)


def test_a_line_of_another_lane_gives_no_error() -> None:
    metrics = evaluate([scene(line(1, camera()))], [said(line(2, camera()).pixels)])
    assert math.isnan(metrics.lane_error_median)
    assert metrics.lanes == Counts(0, 1, 1)


def test_nothing_to_speak_of_is_none_in_json() -> None:
    values = evaluate([scene()], [said()]).to_dict()
    assert values["ap50"] is None
    assert values["lane_f1"] is None
    assert values["lane_error_median_m"] is None


def test_a_missing_prediction_is_a_sentence() -> None:
    with pytest.raises(WhiteoutError, match="0 predictions for 1 frames"):
        evaluate([scene()], [])
