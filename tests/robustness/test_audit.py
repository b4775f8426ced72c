"""The audit's measures on pictures whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.model import LaneDetectionModel, images_from_frames
from perception.prediction import Detection, LanePrediction, Prediction
from robustness.audit import (
    Twins,
    band_around,
    effects,
    explain_object,
    explainable_objects,
    look,
    object_evidence,
    road_distance,
)
from robustness.gradcam import box_evidence, grad_cam, lane_evidence, layer_of, points_at, share, similarity
from robustness.scoring import damage, predict_one, score_rows
from tests.robustness.drawn_world import CAMERA, frame, line


def predicted(y: float, slot: int) -> LanePrediction:
    """A prediction exactly `y` metres to the left."""
    return LanePrediction(line(y, slot).pixels, 0.9, slot)


def facts(twins: Twins) -> dict[str, list[float]]:
    """The audit's rows by name, valid ones only."""
    found: dict[str, list[float]] = {}
    for row in effects(twins):
        if row.valid:
            found.setdefault(row.metric, []).append(row.value)
    return found


def twins(here: Prediction, without: Prediction) -> Twins:
    """A frame with given answers."""
    shown = frame(0, glare=0.5, shift=0.0)
    return Twins(shown, shown, shown.masks["glare"] > 0, here, without)


def test_distance_on_the_road_is_in_metres() -> None:
    shown = frame(0, shift=0.0)
    truth = shown.lanes[0]
    assert road_distance(shown, truth, predicted(1.75 - 0.4, -1)) == pytest.approx(0.4, abs=0.01)
    assert road_distance(shown, truth, predicted(1.75, -1)) == pytest.approx(0.0, abs=1e-6)
    assert road_distance(shown, truth, None) == np.inf


def test_a_line_that_moves_back_without_glare_is_measured() -> None:
    right = predicted(-1.75, 1)
    seen = facts(twins(Prediction((), (predicted(1.25, -1), right)), Prediction((), (predicted(1.75, -1), right))))
    assert sorted(seen["moved_m"]) == pytest.approx([0.0, 0.5], abs=0.01)
    assert sorted(seen["error_m"]) == pytest.approx([0.0, 0.5], abs=0.01)
    assert seen["error_no_glare_m"] == pytest.approx([0.0, 0.0], abs=0.01)
    assert sum(seen["lane_regained"]) == 0


def test_lines_and_objects_that_come_back_are_counted() -> None:
    shown = frame(0, shift=0.0)
    car = Detection("car", shown.boxes[0].xyxy, 0.9)
    seen = facts(twins(Prediction((), ()), Prediction((car,), (predicted(1.75, -1),))))
    assert seen["lane_regained"] == [1.0, 0.0]
    assert seen["object_regained"] == [1.0]
    assert seen["harm_m"] == [1.0, 1.0]
    assert seen["harm_no_glare_m"] == pytest.approx([0.0, 1.0], abs=0.01)
    assert "moved_m" not in seen


def test_the_band_follows_the_visible_part_of_the_line() -> None:
    shown = frame(0, shift=0.0)
    band = band_around(shown.lanes[0], shown)
    columns, rows = np.round(shown.lanes[0].pixels[5]).astype(int)
    assert band[rows, columns]
    assert 0.001 < band.mean() < 0.1
    hidden = replace(shown.lanes[0], visible=np.zeros(len(shown.lanes[0].pixels), dtype=bool))
    assert not band_around(hidden, shown).any()


def test_a_frame_without_a_twin_is_a_sentence(model: LaneDetectionModel) -> None:
    shown = frame(0)
    bare = Frame(shown.name, shown.image, CAMERA)
    with pytest.raises(WhiteoutError, match="nothing to compare"):
        look(bare, model)


def test_heat_maps_sum_to_one_and_depend_on_weights_and_slot(model: LaneDetectionModel) -> None:
    shown = frame(0)
    images = images_from_frames([shown])
    name, layer = layer_of(model, None)
    left = grad_cam(model, images, lane_evidence(model, -1), layer)
    right = grad_cam(model, images, lane_evidence(model, 1), layer)
    other = model.randomised()
    random = grad_cam(other, images, lane_evidence(other, -1), other.explainable_layers[name])
    assert left.shape == shown.image.shape[:2]
    assert left.sum() == pytest.approx(1.0)
    assert similarity(left, left) == pytest.approx(1.0)
    assert similarity(left, random) < 0.5
    assert not np.allclose(left, right)


def test_the_evidence_for_a_car_lies_on_the_car(model: LaneDetectionModel) -> None:
    shown = frame(0)
    car = next(box for box in predict_one(model, shown).boxes if box.label == "car")
    _, layer = layer_of(model, "stage_8")
    heat = grad_cam(model, images_from_frames([shown]), box_evidence(model, car), layer)
    left, top, right, bottom = (int(value) for value in car.xyxy)
    region = np.zeros(heat.shape, dtype=bool)
    region[max(0, top - 8) : bottom + 8, max(0, left - 8) : right + 8] = True
    assert share(heat, region) > 2 * region.mean()


def test_the_evidence_for_found_objects_is_shared_out(model: LaneDetectionModel) -> None:
    seen = look(frame(0, glare=0.3), model)
    (car,) = explainable_objects(seen)
    assert car.label == "car"
    maps = explain_object(seen, car, model, model.randomised(), "stage_8")
    shares = {row.metric: row.value for row in object_evidence(seen, maps)}
    left, top, right, bottom = car.xyxy
    area = (math.ceil(right) - math.floor(left)) * (math.ceil(bottom) - math.floor(top)) / (96 * 160)
    assert shares["object_pixels_box"] == pytest.approx(area)
    assert shares["object_on_box"] > 2 * area
    assert shares["object_on_box"] + shares["object_on_glare"] <= 1
    assert not explainable_objects(replace(seen, prediction=Prediction((), ())))


def test_an_unknown_layer_is_a_sentence(model: LaneDetectionModel) -> None:
    with pytest.raises(WhiteoutError, match="it names pyramid_8"):
        layer_of(model, "deepest")


def test_shares_and_the_pointing_game_by_hand() -> None:
    heat = np.zeros((4, 4))
    heat[1, 1], heat[2, 2] = 3.0, 1.0
    region = np.zeros((4, 4), dtype=bool)
    region[1, 1] = True
    assert share(heat, region) == 0.75
    assert points_at(heat, region)
    assert not points_at(heat, ~region)
    assert np.isnan(share(np.zeros((4, 4)), region))


def test_damage_ranks_answers_from_right_to_wrong() -> None:
    shown = frame(0, shift=0.0)
    car = Detection("car", shown.boxes[0].xyxy, 0.9)
    ghost = Detection("car", (0.0, 0.0, 20.0, 20.0), 0.8)
    right = Prediction((car,), (predicted(1.75, -1), predicted(-1.75, 1)))
    wrong = Prediction((car, ghost), (predicted(1.75, -1),))
    worst = Prediction((ghost,), ())
    levels = [
        [damage(score_rows(shown, answer), family)[0] for answer in (right, wrong, worst)]
        for family in ("objects", "lanes")
    ]
    assert levels[0] == pytest.approx([0, 1 / 3, 1])
    assert levels[1] == pytest.approx([0, 1 / 3, 1])
