"""What is told of objects and lines beside where they are: targets, heads, metrics, and places on the road."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from perception.attributes import DISTANCE_BANDS, LANE_COLORS, UNKNOWN, band_index, color_index
from perception.box import Box
from perception.calibration import calibrated, expected_calibration_error, fit_temperature
from perception.config import ModelConfig
from perception.drive import Drive
from perception.frame import Frame
from perception.ground import on_road
from perception.inference import predict_frames
from perception.lane import LANE_KINDS
from perception.metrics import evaluate
from perception.model import LOSSES, LaneDetectionModel, images_from_frames, targets_from_frames
from perception.prediction import Detection, LanePrediction, Prediction
from perception.samples import batch_of, crop, flip, to_sample
from perception.train import TrainConfig, start, take_step, train
from perception.weights import load_model, read_card
from tests.perception.scenes import CAMERA_HEIGHT, camera, frame, line

PLAIN = ModelConfig(input_width=96, input_height=64, pyramid_channels=16, tower_convs=1)
CONFIG = replace(PLAIN, object_attributes=True, lane_attributes=True)


def scene() -> Frame:
    """A near car, half hidden, and one of unknown distance; a yellow broken line and a white solid one."""
    one = frame(8)
    boxes = (
        Box("car", (20.0, 90.0, 80.0, 140.0), visible=0.5, distance=12.0),
        Box("car", (200.0, 90.0, 240.0, 120.0)),
    )
    lanes = (
        replace(line(-1, camera()), kind="broken", color="yellow"),
        replace(line(1, camera()), kind="solid_broken", color="standard"),
    )
    return replace(one, boxes=boxes, lanes=lanes)


def test_bands_and_colours_by_hand() -> None:
    assert [band_index(d) for d in (0.0, 14.9, 15.0, 30.0, 59.0, 60.0, 500.0)] == [0, 0, 1, 2, 2, 3, 3]
    assert band_index(math.nan) == UNKNOWN
    assert [LANE_COLORS[color_index(name)] for name in ("standard", "yellow", "violet")] == ["white", "yellow", "other"]


def test_targets_say_what_the_labels_say() -> None:
    targets = targets_from_frames([scene()], CONFIG)
    assert targets.bands[0].tolist() == [0, UNKNOWN]
    assert targets.hidden[0].tolist() == [0.5, 0]
    assert targets.lane_kind[0].tolist() == [
        UNKNOWN,
        LANE_KINDS.index("broken"),
        LANE_KINDS.index("solid_broken"),
        UNKNOWN,
    ]
    assert targets.lane_color[0].tolist() == [UNKNOWN, 1, 0, UNKNOWN]
    covered = replace(
        scene(), lanes=(replace(line(1, camera()), visible=np.zeros(len(line(1, camera()).pixels), bool)),)
    )
    seen = targets_from_frames([covered], CONFIG)
    assert seen.lane_kind[0].tolist() == [UNKNOWN] * 4, "nobody can tell the kind of a line that is hidden"
    assert set(seen.lane_seen[0, 2].tolist()) == {UNKNOWN, 0}


def test_variations_keep_the_attributes_true() -> None:
    """A mirror swaps the two halves of a double line; a zoom brings things nearer; a cut is no occlusion."""
    before = to_sample(scene(), CONFIG)
    assert [lane.kind for lane in flip(before).lanes] == ["broken", "broken_solid"]
    assert [lane.kind for lane in flip(flip(before)).lanes] == ["broken", "solid_broken"]
    cut = crop(before, 1.5, (0.3, 0.5))
    assert cut.boxes[0].distance == pytest.approx(12.0 / 1.5)
    assert cut.boxes[0].visible < before.boxes[0].visible
    assert cut.hidden[0] == before.hidden[0] == 0.5
    far_right = crop(before, 1.5, (1.0, 0.5))
    assert len(far_right.hidden) == len(far_right.boxes)


def test_without_the_heads_nothing_is_told() -> None:
    model = LaneDetectionModel(PLAIN).eval()
    assert model.losses == LOSSES
    outputs = model(images_from_frames([scene()]))
    assert outputs.object_attributes is None
    assert outputs.lane_attributes is None
    assert not load_model("reference").config.lane_attributes
    assert load_model("reference").config.score_temperature == 1


def test_attributes_are_learned_and_told() -> None:
    """One picture by heart: every attribute comes back right."""
    settings = TrainConfig(steps=150, learning_rate=3e-3, precision="32-true")
    config = replace(CONFIG, input_width=160, input_height=96, pyramid_channels=32)
    fabric, state = Fabric(accelerator="cpu", devices=1), start(settings, config)
    batch = batch_of([to_sample(scene(), config)] * 2, config)
    losses = []
    for step in range(80):
        state.progress.step = step
        losses.append(take_step(fabric, state, batch, settings))
    assert set(losses[0]) == {*LOSSES, "object_attributes", "lane_attributes"}
    for name in ("object_attributes", "lane_attributes"):
        assert losses[-1][name] < losses[0][name]
    outputs = state.model(batch.images)
    answer = state.model.decode(replace(outputs, picture_size=(192, 320)))[0]
    near = max((d for d in answer.boxes if d.xyxy[0] < 100), key=lambda d: d.score)
    assert near.distance_band == DISTANCE_BANDS[0]
    assert near.occlusion == pytest.approx(0.5, abs=0.15)
    told = {one.slot: (one.kind, one.color) for one in answer.lanes}
    assert told == {-1: ("broken", "yellow"), 1: ("solid_broken", "white")}
    for one in answer.lanes:
        assert one.visible is not None
        assert len(one.visible) == len(one.pixels)
        assert float(one.visible.mean()) > 0.8


def test_unknown_labels_cost_nothing() -> None:
    model = LaneDetectionModel(CONFIG).eval()
    bare = replace(scene(), boxes=(Box("car", (20.0, 90.0, 80.0, 140.0)),), lanes=())
    targets = targets_from_frames([bare], CONFIG)
    outputs = model(images_from_frames([bare]))
    losses = model.loss(outputs, targets)
    assert losses["lane_attributes"].tolist() == [0]
    assert outputs.object_attributes is not None
    (gradient,) = torch.autograd.grad(losses["object_attributes"].sum(), outputs.object_attributes)
    assert float(gradient[..., :-1].abs().max()) == 0, "no band without a distance"
    assert float(gradient[..., -1].abs().max()) > 0
    nothing = model.loss(outputs, targets_from_frames([replace(bare, boxes=())], CONFIG))
    assert nothing["object_attributes"].tolist() == [0]


def answer_of(one: Frame, **changes: Any) -> Prediction:
    """The labels as a prediction, its lines on the road by the camera."""
    boxes = tuple(
        Detection(box.label, box.xyxy, 0.9, DISTANCE_BANDS[max(band_index(box.distance), 0)], 1 - box.visible)
        for box in one.boxes
    )
    lanes = tuple(
        LanePrediction(lane.pixels, 0.9, lane.slot, lane.kind, LANE_COLORS[color_index(lane.color)])
        for lane in one.lanes
    )
    lanes = tuple(replace(lane, **changes) for lane in lanes)
    return on_road(Prediction(boxes, lanes), one.camera, CAMERA_HEIGHT)


def test_right_attributes_score_one_and_wrong_ones_count() -> None:
    one = scene()
    right = evaluate([one], [answer_of(one)])
    assert right.lane_kind_accuracy == right.lane_color_accuracy == right.distance_band_accuracy == 1
    assert right.occlusion_error == 0
    assert right.lane_road_error_median == pytest.approx(0, abs=1e-6)
    wrong = evaluate([one], [answer_of(one, kind="solid", color="yellow")])
    assert (wrong.lane_kind_accuracy, wrong.lane_color_accuracy) == (0, 0.5)
    values = evaluate([one], [Prediction()]).to_dict()
    for name in ("lane_kind_accuracy", "lane_color_accuracy", "distance_band_accuracy", "occlusion_error", "ece"):
        assert values[name] is None
    assert values["lane_road_error_median_m"] is None


def test_lines_lie_on_the_road_where_the_camera_says() -> None:
    one = scene()
    for lane, truth in zip(answer_of(one).lanes, one.lanes, strict=True):
        assert lane.metres is not None
        np.testing.assert_allclose(lane.metres, truth.metres, atol=1e-6)
    aside = replace(one, lanes=tuple(line(slot, camera(), shift=0.25) for slot in (-1, 1)))
    metrics = evaluate([one], [answer_of(aside)])
    assert metrics.lane_road_error_median == pytest.approx(0.25, abs=0.01)


def test_a_wrong_height_of_the_camera_shows_in_metres_alone() -> None:
    """Lines 1.75 m aside are put 1.75 m / 1.5 m * 0.15 m too far out by a height that is 0.15 m too large."""
    one = scene()
    answer = on_road(answer_of(one), one.camera, CAMERA_HEIGHT + 0.15)
    metrics = evaluate([one], [answer])
    assert metrics.lane_error_median == pytest.approx(0, abs=1e-6)
    assert metrics.lane_road_error_median == pytest.approx(0.175, abs=0.01)


def test_frames_put_their_lines_on_the_road() -> None:
    model = LaneDetectionModel(replace(CONFIG, lane_threshold=0.0)).eval()
    (answer,) = predict_frames(model, [scene()], CAMERA_HEIGHT)
    assert all(one.metres is not None for one in answer.lanes)
    low = [one.metres for one in answer.lanes if one.metres is not None]
    assert all(float(np.nanmax(np.abs(metres[:, 2]))) < 1e-9 for metres in low), "the road is the plane z = 0"


def test_calibration_error_by_hand() -> None:
    """Ten detections of 0.9, of which six are right: off by 0.3. Two of 0.3, none right: off by 0.3."""
    score = np.array([0.9] * 10 + [0.3] * 2)
    correct = np.array([True] * 6 + [False] * 6)
    assert expected_calibration_error(score, correct) == pytest.approx(0.3)
    assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, dtype=np.bool_)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_used_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.02, 0.98, 20_000)
    correct = rng.random(20_000) < truth
    said = 1 / (1 + np.exp(-np.log(truth / (1 - truth)) * temperature))
    assert fit_temperature(said, correct) == pytest.approx(temperature, rel=0.05)
    back = np.array([calibrated(float(score), temperature) for score in said[:50]])
    np.testing.assert_allclose(back, truth[:50], atol=1e-3)


def test_temperature_of_nothing_to_learn_from_is_one() -> None:
    score = np.array([0.2, 0.9])
    assert fit_temperature(score, np.array([True, True])) == 1
    assert fit_temperature(score, np.array([False, False])) == 1
    assert fit_temperature(np.zeros(0), np.zeros(0, dtype=np.bool_)) == 1
    assert calibrated(0.1 + 0.2, 1.0) == 0.1 + 0.2


def test_calibration_changes_no_box_and_no_order() -> None:
    torch.manual_seed(0)
    model = LaneDetectionModel(replace(CONFIG, score_threshold=0.001)).eval()
    outputs = model(images_from_frames([scene()]))
    (raw,) = model.decode(outputs)
    model.config = replace(model.config, score_temperature=2.0)
    (softer,) = model.decode(outputs)
    assert len(raw.boxes) > 0
    assert [box.xyxy for box in raw.boxes] == [box.xyxy for box in softer.boxes]
    for one, other in zip(raw.boxes, softer.boxes, strict=True):
        assert other.score == pytest.approx(calibrated(one.score, 2.0))


def test_a_new_training_has_the_heads_and_says_how_it_was_calibrated(drive: Drive, tmp_path: Any) -> None:
    settings = TrainConfig(steps=2, batch=2, precision="32-true")
    out = tmp_path / "w.safetensors"
    train([drive], out, settings, model_config=CONFIG, val=[drive], workers=0)
    config = load_model(out).config
    assert config.object_attributes
    assert config.lane_attributes
    assert read_card(out).config["lane_attributes"] is True
    assert read_card(out).config["score_temperature"] == config.score_temperature
    metrics: Any = read_card(out).facts["metrics"]
    assert "ece" in metrics
