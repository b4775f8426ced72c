"""The network: shapes, gradients, targets, and the way from raw outputs to answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor

from perception.box import Box
from perception.config import SLOTS, ModelConfig
from perception.detection import assign
from perception.errors import WhiteoutError
from perception.labels import is_scored
from perception.lanes import lane_places
from perception.model import LOSSES, LaneDetectionModel, Outputs, images_from_frames, targets_from_frames
from perception.outputs import location_points, location_strides
from perception.prediction import Detection
from perception.targets import ABSENT, IGNORED, PRESENT, Targets, rows_of_line
from tests.perception.scenes import SLOT_OFFSETS, camera, frame, line

CONFIG = ModelConfig(input_width=160, input_height=96, pyramid_channels=32)


@pytest.fixture(scope="module")
def model() -> LaneDetectionModel:
    torch.manual_seed(0)
    return LaneDetectionModel(CONFIG).eval()


def perfect(targets: Targets) -> Outputs:
    """Raw outputs that say exactly what the targets ask for."""
    points, strides = location_points(CONFIG), torch.tensor(location_strides(CONFIG)).float()
    logits = torch.full((len(targets), len(points), 6), -12.0)
    sides = torch.ones(len(targets), len(points), 4)
    centerness = torch.full((len(targets), len(points)), -12.0)
    for index, boxes in enumerate(targets.boxes):
        assigned = assign(points, strides, boxes, targets.scored[index]).box
        for location in torch.nonzero(assigned >= 0).flatten().tolist():
            box = boxes[assigned[location]]
            logits[index, location, targets.labels[index][assigned[location]]] = 12.0
            sides[index, location] = torch.cat([points[location] - box[:2], box[2:] - points[location]])
            centerness[index, location] = 12.0
    place = targets.lane_x / 8 - 0.5
    columns = torch.arange(CONFIG.columns)
    share = (1 - (columns - place[..., None]).abs()).clamp(min=1e-9)
    exists = torch.where(targets.lane_state == PRESENT, 12.0, -12.0)
    return Outputs(logits, sides, centerness, share.log(), exists, points, (192, 320))


@pytest.mark.parametrize("size", [(96, 160), (192, 320), (150, 333)])
def test_shapes_do_not_depend_on_the_pictures_size(model: LaneDetectionModel, size: tuple[int, int]) -> None:
    outputs = model(torch.rand(2, 3, *size))
    locations = 12 * 20 + 6 * 10 + 3 * 5
    assert outputs.logits.shape == (2, locations, 6)
    assert outputs.boxes.shape == (2, locations, 4)
    assert outputs.lane_logits.shape == (2, 4, 12, 20)
    assert outputs.lane_exists.shape == (2, 4, 12)
    assert outputs.picture_size == size


def test_every_loss_is_per_picture_and_reaches_the_pixels(model: LaneDetectionModel) -> None:
    frames = [frame(10), frame(8)]
    assert all(one.boxes for one in frames)
    images = images_from_frames(frames).requires_grad_()
    losses = model.loss(model(images), targets_from_frames(frames, CONFIG))
    assert tuple(losses) == LOSSES
    for name, loss in losses.items():
        assert loss.shape == (2,)
        (gradient,) = torch.autograd.grad(loss[0], images, retain_graph=True)
        assert float(gradient[0].abs().max()) > 0, name
        assert float(gradient[1].abs().max()) == 0, f"{name} of one picture must not depend on another"


def test_a_picture_without_labels_has_finite_losses(model: LaneDetectionModel) -> None:
    empty = replace(frame(0), boxes=(), lanes=())
    losses = model.loss(model(images_from_frames([empty])), targets_from_frames([empty], CONFIG))
    assert all(bool(value.isfinite().all()) for value in losses.values())
    assert losses["boxes"].tolist() == losses["lanes_position"].tolist() == [0]


def test_right_outputs_cost_least_and_decode_to_the_labels(model: LaneDetectionModel) -> None:
    frames = [frame(seed) for seed in range(8)]
    targets = targets_from_frames(frames, CONFIG)
    outputs = perfect(targets)
    losses = model.loss(outputs, targets)
    wrong = model.loss(model(images_from_frames(frames)), targets)
    for name in ("objects", "lanes_exist", "lanes_position"):
        assert bool((losses[name] < wrong[name]).all()), name
    for one, answer in zip(frames, model.decode(outputs), strict=True):
        assert len(answer.boxes) == len(one.boxes)
        for box in one.boxes:
            near = min(answer.boxes, key=lambda found, box=box: abs(found.xyxy[0] - box.xyxy[0]))  # type: ignore[misc]
            assert near.xyxy == pytest.approx(box.xyxy, abs=0.01)
            assert near.label == "car"
        assert {found.slot for found in answer.lanes} == {lane.slot for lane in one.lanes}
        for found in answer.lanes:
            truth = next(lane for lane in one.lanes if lane.slot == found.slot)
            assert bool((np.diff(found.pixels[:, 1]) < 0).all()), "near to far"
            place = np.interp(found.pixels[:, 1], truth.pixels[::-1, 1], truth.pixels[::-1, 0])
            inner = (found.pixels[:, 0] > 10) & (found.pixels[:, 0] < 310)
            assert np.abs(place - found.pixels[:, 0])[inner].max() < 0.5


def test_a_second_peak_does_not_pull_the_line_away() -> None:
    logits = torch.full((1, 4, 12, 20), -9.0)
    logits[..., 4], logits[..., 15] = 3.0, 2.5
    blank = torch.zeros(1, 1, 1)
    outputs = Outputs(
        blank, torch.zeros(1, 1, 4), blank[0], logits, torch.zeros(1, 4, 12), torch.zeros(1, 2), (96, 160)
    )
    assert lane_places(outputs).mean() == pytest.approx(4.5 * 8, abs=0.01)


def test_rows_of_a_line_know_hidden_from_absent() -> None:
    """A line down the picture at x = 50 from y = 16 to 80, hidden from y = 36 to 44 (bridged) and above y = 24."""
    y = np.arange(80.0, 15.0, -1)
    visible = ~((y > 36) & (y < 44)) & (y > 24)
    x, state, seen = rows_of_line(np.column_stack([np.full_like(y, 50.0), y]), visible, CONFIG)
    assert seen.tolist() == [False] * 3 + [True] * 7 + [False, False]
    assert state.tolist() == [ABSENT, ABSENT, IGNORED] + [PRESENT] * 7 + [ABSENT, ABSENT]
    assert x[state == PRESENT].tolist() == [50.0] * 7
    visible = ~((y > 32) & (y < 40)) & (y > 24)
    _, state, seen = rows_of_line(np.column_stack([np.full_like(y, 50.0), y]), visible, CONFIG)
    assert state.tolist()[3:10] == [PRESENT] * 7, "bridged"
    assert seen.tolist() == [False] * 3 + [True, False] + [True] * 5 + [False, False], "but not seen right there"
    visible = y > 59
    _, state, _ = rows_of_line(np.column_stack([np.full_like(y, 50.0), y]), visible, CONFIG)
    assert state.tolist() == [ABSENT, ABSENT] + [IGNORED] * 5 + [PRESENT] * 3 + [ABSENT, ABSENT]


def test_targets_scale_with_the_picture_and_keep_the_slots() -> None:
    lanes = tuple(line(slot, camera()) for slot in SLOT_OFFSETS)
    targets = targets_from_frames(
        [replace(frame(0), lanes=lanes, boxes=(Box("bus", (20.0, 30.0, 80.0, 90.0)),))], CONFIG
    )
    assert targets.boxes[0].tolist() == [[10, 15, 40, 45]]
    assert targets.labels[0].tolist() == [2]
    row = 7
    assert bool((targets.lane_state[0, :, row] == PRESENT).all())
    assert bool((targets.lane_x[0, :, row].diff() > 0).all()), "slots run from left to right"
    horizon = CONFIG.rows // 2
    assert bool((targets.lane_state[0, :, : horizon - 1] == ABSENT).all())


def test_boxes_that_do_not_count_cost_nothing(model: LaneDetectionModel) -> None:
    """Where a hidden car stands, neither finding nor missing it changes the class loss."""
    hidden = Box("car", (100.0, 60.0, 180.0, 120.0), visible=0.1)
    assert not is_scored(hidden, 192)
    assert not is_scored(Box("car", (0.0, 0.0, 30.0, 3.0)), 192)
    assert is_scored(Box("car", (0.0, 0.0, 8.0, 4.0)), 192)
    one = replace(frame(0), boxes=(hidden,), lanes=())
    targets = targets_from_frames([one], CONFIG)
    quiet = perfect(targets_from_frames([replace(one, boxes=())], CONFIG))
    loud = perfect(targets_from_frames([replace(one, boxes=(replace(hidden, visible=1.0),))], CONFIG))
    assert float(model.loss(loud, targets)["objects"]) == pytest.approx(float(model.loss(quiet, targets)["objects"]))
    asked = targets_from_frames([replace(one, boxes=())], CONFIG)
    assert float(model.loss(loud, asked)["objects"]) > float(model.loss(quiet, asked)["objects"]) + 1


def test_every_object_gets_a_location() -> None:
    """Also one so small that no cell's centre lies in it."""
    points, strides = location_points(CONFIG), torch.tensor(location_strides(CONFIG)).float()
    boxes = torch.tensor([[9.0, 9.0, 11.0, 11.0], [0.0, 0.0, 150.0, 90.0], [60.0, 40.0, 90.0, 60.0]])
    found = assign(points, strides, boxes, torch.ones(3, dtype=torch.bool)).box
    assert set(found[found >= 0].tolist()) == {0, 1, 2}


def test_scores_for_saliency_follow_the_answer(model: LaneDetectionModel) -> None:
    targets = targets_from_frames([frame(10)], CONFIG)
    outputs = perfect(targets)
    found = model.decode(outputs)[0].boxes[0]
    assert float(model.box_score(outputs, 0, found)) == 12
    absent = next((slot for slot in SLOTS if slot not in {lane.slot for lane in frame(10).lanes}), None)
    assert float(model.lane_score(outputs, -1)) > 0
    assert absent is None or abs(float(model.lane_score(outputs, absent))) < 0.1


@pytest.mark.parametrize("layer", ["pyramid_8", "lanes", "stage_8", "stage_16", "stage_32"])
def test_captum_explains_a_line_on_every_declared_layer(model: LaneDetectionModel, layer: str) -> None:
    def evidence(images: Tensor) -> Tensor:
        return model.lane_score(model(images), 1)

    heat = LayerGradCam(evidence, model.explainable_layers[layer]).attribute(images_from_frames([frame(10)]))
    assert heat.shape[:2] == (1, 1)
    assert float(heat.abs().max()) > 0


def test_captum_explains_a_box(model: LaneDetectionModel) -> None:
    target = Detection("car", (100.0, 80.0, 130.0, 110.0), 0.5)

    def evidence(images: Tensor) -> Tensor:
        return model.box_score(model(images), 0, target)[None]

    heat = LayerGradCam(evidence, model.explainable_layers["stage_16"]).attribute(images_from_frames([frame(10)]))
    assert float(heat.abs().max()) > 0


def test_the_second_backbone_fits_the_same_seam() -> None:
    model = LaneDetectionModel(replace(CONFIG, backbone="resnet18")).eval()
    assert len(model.predict(torch.rand(1, 3, 96, 160))) == 1
    with pytest.raises(WhiteoutError, match="backbone 'vgg' is not known"):
        LaneDetectionModel(replace(CONFIG, backbone="vgg"))


@pytest.mark.parametrize("change", [{"input_width": 100}, {"input_height": 32}, {"pyramid_channels": 20}])
def test_impossible_sizes_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(WhiteoutError, match=next(iter(change))):
        replace(CONFIG, **change)  # type: ignore[arg-type]


def test_the_hash_follows_the_weights(model: LaneDetectionModel) -> None:
    before = model.weights_hash()
    model.predict(torch.rand(1, 3, 96, 160))
    assert model.weights_hash() == before
    with torch.no_grad():
        next(model.lane_head.positions.parameters()).add_(1e-3)
    assert model.weights_hash() != before
