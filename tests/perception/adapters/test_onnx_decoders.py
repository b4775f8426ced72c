"""Every decoder on a network whose raw output was written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from perception.adapters.candidate import Candidate, open_model
from perception.prediction import Prediction
from tests.perception.adapters.onnx_files import SIZE, constants, describe

PICTURE = torch.full((1, 3, 2 * SIZE, 2 * SIZE), 0.5)
"""Twice the networks' input, so that places double."""


def opened(
    tmp_path: Path, outputs: dict[str, np.ndarray], body: str, *, width: int = SIZE, height: int = SIZE
) -> Candidate:
    """A constant network with its description."""
    path = constants(tmp_path / "tiny.onnx", outputs, width=width, height=height)
    describe(tmp_path / "tiny.yaml", body, width=width, height=height)
    return open_model(f"onnx:{path}")


def answer(model: Candidate, picture: torch.Tensor = PICTURE) -> Prediction:
    """What it says; the converted network must say the same."""
    said = model.predict(picture)[0]
    assert model.no_gradients == ""
    evidence = model.network(picture)
    if evidence.objects is not None:
        best = float(evidence.objects.log_confidence.max().exp())
        assert said.boxes == () or best == pytest.approx(said.boxes[0].score, rel=1e-5)
    return said


def test_yolox_rows_are_relative_to_their_cells(tmp_path: Path) -> None:
    """Cell (row 1, column 2) of stride 8, and the one cell of stride 32."""
    rows = np.zeros((1, 16 + 4 + 1, 5 + 80))
    rows[0, 1 * 4 + 2, :5] = [0.5, 0.5, np.log(2), np.log(2), 0.9]
    rows[0, 1 * 4 + 2, 5 + 2] = 0.8
    rows[0, 20, :5] = [0.25, 0.5, np.log(0.5), 0.0, 0.5]
    rows[0, 20, 5 + 0] = 1.0
    said = answer(opened(tmp_path, {"rows": rows}, "objects: {decoder: yolox, classes: coco}"))
    car, person = said.boxes
    assert (car.label, person.label) == ("car", "pedestrian")
    assert car.score == pytest.approx(0.72)
    assert car.xyxy == pytest.approx((2 * 12, 2 * 4, 2 * 28, 2 * 20))
    assert person.score == pytest.approx(0.5)
    assert person.xyxy == pytest.approx((0, 0, 2 * 16, 2 * 32))
    assert not said.has_lanes


def test_yolov5_rows_are_in_input_pixels_and_overlaps_are_thinned(tmp_path: Path) -> None:
    rows = np.zeros((1, 4, 5 + 10))
    rows[0, 0, :5] = [10, 12, 8, 6, 0.5]
    rows[0, 1, :5] = [10, 12, 8, 7, 0.4]  # nearly the same box, less sure: dropped
    rows[0, 2, :5] = [10, 12, 8, 6, 0.3]  # the same place, another class: kept
    rows[0, 3, :5] = [25, 25, 4, 4, 0.04]  # too unsure
    rows[0, [0, 1, 3], 5 + 2] = 1.0
    rows[0, 2, 5 + 3] = 1.0
    said = answer(opened(tmp_path, {"rows": rows}, "objects: {decoder: yolov5, classes: bdd100k}"))
    assert [(box.label, round(box.score, 3)) for box in said.boxes] == [("car", 0.5), ("truck", 0.3)]
    assert said.boxes[0].xyxy == pytest.approx((2 * 6, 2 * 9, 2 * 14, 2 * 15))


def test_yolov8_is_transposed_and_classes_may_be_named(tmp_path: Path) -> None:
    columns = np.zeros((1, 4 + 3, 5))
    columns[0, :, 3] = [16, 8, 4, 8, 0.1, 0.0, 0.6]
    said = answer(opened(tmp_path, {"o": columns}, "objects: {decoder: yolov8, classes: {0: car, 2: bus}, score: 0.3}"))
    assert [box.label for box in said.boxes] == ["bus"]
    assert said.boxes[0].xyxy == pytest.approx((2 * 14, 2 * 4, 2 * 18, 2 * 12))
    assert said.classes == ("car", "bus")


def test_places_of_one_class_are_one_class(tmp_path: Path) -> None:
    columns = np.zeros((1, 4 + 3, 2))
    columns[0, :, 1] = [16, 8, 4, 8, 0.1, 0.4, 0.6]
    said = answer(opened(tmp_path, {"o": columns}, "objects: {decoder: yolov8, classes: {0: car, 1: car, 2: car}}"))
    assert [(box.label, round(box.score, 3)) for box in said.boxes] == [("car", 0.6)]


def lines_mask(width: int, height: int) -> np.ndarray:
    """Scores per pixel: an upright line left of the middle, one that leans right of it, a wide stop line, a speck."""
    line = np.full((height, width), -4.0)
    line[8:, 10] = 4.0
    for row in range(8, height):
        line[row, 36 + (row - 8) // 2] = 2.0
    line[4, 5:60] = 4.0
    line[2, 50] = 4.0
    return line


def test_segmentation_becomes_polylines_with_slots(tmp_path: Path) -> None:
    line = lines_mask(64, 32)
    scores = np.stack([-line, line])[None]
    said = answer(
        opened(tmp_path, {"ll": scores}, "lanes: {decoder: twinlitenet, output: ll}", width=64, height=32),
        torch.zeros(1, 3, 64, 128),
    )
    assert said.classes == ()
    by_slot = {one.slot: one for one in said.lanes}
    assert set(by_slot) == {-1, 1}
    assert by_slot[-1].pixels[:, 0] == pytest.approx(21.0)
    assert by_slot[-1].pixels[0, 1] == pytest.approx(63.0)
    assert by_slot[-1].pixels[-1, 1] == pytest.approx(17.0)
    leaning = by_slot[1].pixels
    assert leaning[0, 0] == pytest.approx(2 * (36 + 11.5))
    assert leaning[-1, 0] == pytest.approx(2 * 36.5)
    assert by_slot[-1].score > by_slot[1].score > 0.9


@pytest.mark.parametrize(("activation", "line", "none"), [("probability", 0.9, 0.1), ("logit", 2.0, -2.0)])
def test_a_segmentation_may_have_one_channel(tmp_path: Path, activation: str, line: float, none: float) -> None:
    scores = np.where(lines_mask(64, 32) > 0, line, none)[None, None]
    body = f"lanes: {{decoder: segmentation, activation: {activation}}}"
    said = answer(opened(tmp_path, {"ll": scores}, body, width=64, height=32), torch.zeros(1, 3, 64, 128))
    assert {one.slot for one in said.lanes} == {-1, 1}


def test_yolop_gives_vehicles_and_lines_of_a_letterboxed_picture(tmp_path: Path) -> None:
    """A picture half as high as wide lies in the middle of the square input, grey above and below."""
    rows = np.zeros((1, 3, 6))
    rows[0, 1] = [16, 16, 8, 4, 0.8, 0.5]
    line = np.full((SIZE, SIZE), -4.0)
    line[:, 20] = 4.0
    scores = 1 / (1 + np.exp(-np.stack([-line, line])[None]))  # YOLOP ends in a sigmoid
    path = constants(tmp_path / "yolop.onnx", {"det_out": rows, "seg": scores})
    describe(
        tmp_path / "yolop.yaml",
        "objects: {decoder: yolop, output: det_out}\nlanes: {decoder: yolop, output: seg}",
        more=", resize: letterbox",
    )
    model = open_model(f"onnx:{path}")
    said = answer(model, torch.zeros(1, 3, 64, 128))
    assert float(model.network(torch.zeros(1, 3, 64, 128)).lanes.log_odds.max()) == pytest.approx(8.0, rel=1e-4)
    (car,) = said.boxes
    assert (car.label, round(car.score, 3)) == ("car", 0.4)
    assert car.xyxy == pytest.approx((4 * 12, 4 * (14 - 8), 4 * 20, 4 * (18 - 8)))
    (lane,) = said.lanes
    assert lane.pixels[:, 0] == pytest.approx(4 * 20.5)
    assert lane.pixels[:, 1].max() == pytest.approx(4 * 15.5)


def test_ultra_fast_lane_chooses_a_cell_per_row(tmp_path: Path) -> None:
    """100 cells, rows at 144, 216 and 288 of 288: line 0 is in cell 49 everywhere, line 1 in two rows only."""
    scores = np.zeros((1, 101, 3, 2))
    scores[0, 100] = 5.0
    scores[0, 49, :, 0] = 40.0
    scores[0, 60, :2, 1] = 40.0
    body = "lanes: {decoder: ufld, row_anchors: [144, 216, 288]}"
    said = answer(opened(tmp_path, {"cells": scores}, body), torch.zeros(1, 3, 576, 800))
    (lane,) = said.lanes
    assert lane.slot == 1
    assert lane.pixels[:, 0] == pytest.approx(50 * 799 / 99 - 0.5, abs=1e-3)
    assert lane.pixels[:, 1] == pytest.approx([575.5, 431.5, 287.5])


def test_a_candidate_marks_what_it_does_not_look_for(tmp_path: Path) -> None:
    rows = np.zeros((1, 3, 6))
    model = opened(tmp_path, {"det": rows}, "objects: {decoder: yolop}")
    said = model.predict(PICTURE)[0]
    assert (said.boxes, said.lanes, said.classes, said.has_lanes) == ((), (), ("car",), False)
