"""Each wish is fulfilled as the metrics see it, on a model that reads the drawn world."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from perception.box import Box
from perception.config import ModelConfig
from perception.metrics import score_frame
from perception.model import LaneDetectionModel, images_from_frames
from robustness.attacks.folding import folded
from robustness.attacks.objectives import RULES, applies, objective
from robustness.attacks.pgd import PGD
from tests.robustness.drawn_world import CONFIG, frame

EPS = 24 / 255


def attacked_score(model: LaneDetectionModel, name: str) -> tuple[dict[str, float], dict[str, float]]:
    """Facts of one frame before and after."""
    shown = frame(3, seed=4)
    images = images_from_frames([shown])
    attacked = PGD(EPS, steps=12)(objective(name, model, [shown]), images, generator=torch.Generator().manual_seed(0))
    facts = []
    for picture in (images, attacked.images):
        score = score_frame(shown, model.predict(picture)[0])
        assert score.lanes is not None
        facts.append(
            {
                "found": float(sum(match.correct and match.score > 0.3 for match in score.boxes.matches)),
                "false": float(sum(not match.correct and match.score > 0.3 for match in score.boxes.matches)),
                "lanes": float(score.lanes.tp),
                "claimed": float(score.lanes.tp + score.lanes.fp),
                "error": score.lane_error,
            }
        )
    return facts[0], facts[1]


def test_hide_makes_the_car_vanish(model: LaneDetectionModel) -> None:
    clean, after = attacked_score(model, "hide")
    assert clean["found"] == 1
    assert after["found"] == 0


def test_hide_reaches_an_object_that_holds_no_cell_centre(model: LaneDetectionModel) -> None:
    shown = frame(0)
    small = replace(shown, boxes=(Box("pedestrian", (73.0, 41.0, 75.0, 47.0), distance=12.0, instance=1),))
    images = images_from_frames([small]).requires_grad_(True)
    (gradient,) = torch.autograd.grad(objective("hide", model, [small])(images).sum(), images)
    assert applies("hide", small, CONFIG)
    assert float(gradient.abs().max()) > 0


def test_invent_makes_objects_appear(model: LaneDetectionModel) -> None:
    clean, after = attacked_score(model, "invent")
    assert after["false"] > clean["false"]


def test_bend_lanes_moves_lines_that_are_still_claimed(model: LaneDetectionModel) -> None:
    clean, after = attacked_score(model, "bend_lanes")
    assert clean["lanes"] == 2
    assert after["lanes"] < 2
    assert after["claimed"] >= 1


def test_erase_lanes_leaves_no_line(model: LaneDetectionModel) -> None:
    clean, after = attacked_score(model, "erase_lanes")
    assert clean["claimed"] == 2
    assert after["claimed"] == 0


def test_all_hurts_objects_or_lines(model: LaneDetectionModel) -> None:
    clean, after = attacked_score(model, "all")
    assert after["lanes"] + after["found"] < clean["lanes"] + clean["found"]


@pytest.mark.parametrize("name", sorted(RULES))
def test_pictures_of_a_batch_do_not_influence_each_other(model: LaneDetectionModel, name: str) -> None:
    two = [frame(0), frame(1)]
    both = objective(name, model, two)(images_from_frames(two))
    alone = [objective(name, model, [one])(images_from_frames([one])) for one in two]
    assert torch.allclose(both, torch.cat(alone), rtol=1e-3, atol=1e-3)


def test_nothing_to_hide_or_bend_on_an_empty_road() -> None:
    shown = frame(0)
    empty = type(shown)(shown.name, shown.image, shown.camera)
    assert not applies("hide", empty, CONFIG)
    assert not applies("bend_lanes", empty, CONFIG)
    assert applies("invent", empty, CONFIG)
    assert applies("hide", shown, CONFIG)


def test_folding_changes_speed_not_answers() -> None:
    torch.manual_seed(3)
    network = LaneDetectionModel(ModelConfig(input_width=160, input_height=96, pyramid_channels=32))
    images = images_from_frames([frame(5), frame(6)])
    network(images)  # gives the normalisations statistics of their own
    network.eval()
    before = network.weights_hash()
    quick = folded(network)
    assert torch.allclose(quick(images).logits, network(images).logits, atol=1e-4)
    assert torch.allclose(quick(images).lane_logits, network(images).lane_logits, atol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.backbone.modules())
    assert not any(weight.requires_grad for weight in quick.parameters())
    assert network.weights_hash() == before
