"""A whole campaign with models that are not ours: what they lack is never a number, and never a PASS."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from perception.adapters.candidate import open_model
from perception.lane import Lane
from perception.model import images_from_frames
from robustness.attacks.evidence_objectives import (
    WISHES,
    EvidenceObjective,
    bend_lanes,
    erase_lanes,
    possible,
    truth_of,
)
from robustness.attacks.pgd import PGD
from robustness.campaign import TABLE
from robustness.page import render
from robustness.plan import Plan
from robustness.report import closing_words
from robustness.summary import as_dict
from tests.perception.adapters.onnx_files import bright_lines, dark_finder, describe
from tests.robustness.drawn_campaign import Finished, finish
from tests.robustness.drawn_world import HEIGHT, WIDTH, frame

CARS = "objects: {decoder: yolov5, classes: {0: car}}\ngrad_cam: {layers: [dark]}"
LINES = "lanes: {decoder: segmentation}"


def files(folder: Path) -> dict[str, str]:
    """Texts of a detector with gradients and layers, one without, and a lane detector without layers."""
    dark_finder(folder / "cars.onnx", width=WIDTH, height=HEIGHT)
    dark_finder(folder / "odd.onnx", width=WIDTH, height=HEIGHT, odd=True)
    bright_lines(folder / "lines.onnx", width=WIDTH, height=HEIGHT)
    for name, body in (("cars", CARS), ("odd", CARS), ("lines", LINES)):
        describe(folder / f"{name}.yaml", body, width=WIDTH, height=HEIGHT)
    return {name: f"onnx:{folder / name}.onnx" for name in ("cars", "odd", "lines")}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return files(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def foreign(models: dict[str, str], plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The drawn campaign for all three."""
    criteria = [
        {"name": "few invented lines", "metric": "invented_lanes", "where": {"weather": "clear"}, "at_most": 9.0},
        {"name": "few invented objects", "metric": "invented_objects", "where": {"weather": "clear"}, "at_most": 99.0},
        {
            "name": "few invented objects under attack",
            "metric": "invented_objects",
            "where": {"weather": "clear", "attack": "pgd", "eps": "8/255"},
            "at_most": 99.0,
        },
        {
            "name": "few invented lines under attack",
            "metric": "invented_lanes",
            "where": {"weather": "clear", "attack": "pgd", "eps": "8/255"},
            "at_most": 99.0,
        },
    ]
    asked = Plan.model_validate(
        plan.model_dump(mode="json") | {"models": list(models.values()), "accept": criteria, "frames": 1}
    )
    return finish(asked, tmp_path_factory.mktemp("foreign"), workers=2)


def test_every_cell_was_computed_and_every_check_passes(foreign: Finished) -> None:
    assert foreign.summary.failures == ()
    failed = {check.name for check in foreign.summary.health if not check.passed}
    assert failed <= {
        "heat maps depend on the weights"
    }  # a single convolution hardly changes when its values are shuffled


def test_what_a_model_does_not_look_for_is_not_valid(foreign: Finished) -> None:
    rows = pq.read_table(foreign.out / TABLE).to_pylist()
    about = {"objects": ("truths:", "hit:", "false:"), "lanes": ("lane_",)}
    for model, family in (("cars", "lanes"), ("odd", "lanes"), ("lines", "objects")):
        silent = [row for row in rows if row["model"] == model and row["metric"].startswith(about[family])]
        assert silent
        assert not any(row["valid"] for row in silent)
    spoken = {(row["model"], row["metric"]) for row in rows if row["valid"]}
    assert ("cars", "truths:car") in spoken
    assert ("cars", "truths:bus") not in spoken
    assert ("lines", "lane_hits") in spoken


def test_silence_and_missing_gradients_never_pass(foreign: Finished) -> None:
    found = {(one.model, one.name): one for one in foreign.summary.criteria}
    passed = {key for key, one in found.items() if one.verdict == "PASS"}
    assert passed == {
        ("cars", "few invented objects"),
        ("cars", "few invented objects under attack"),
        ("odd", "few invented objects"),
        ("lines", "few invented lines"),
        ("lines", "few invented lines under attack"),
    }
    assert {found[key].verdict for key in found.keys() - passed} == {"INCONCLUSIVE"}
    assert "gives no gradients" in found["odd", "few invented objects under attack"].reason
    assert "does not look" in found["cars", "few invented lines"].reason
    assert foreign.summary.exit_code == 3


def test_the_report_says_what_was_left_out_and_why(foreign: Finished) -> None:
    said = {(one.model, one.what): one.sentence for one in foreign.summary.omissions}
    assert "Shrink" in said["odd", "attack"]
    assert "grad_cam.layers" in said["lines", "audit"]
    assert ("cars", "attack") not in said
    assert ("cars", "audit") not in said
    page = render(foreign.summary, foreign.out)
    for sentence in said.values():
        assert sentence.split("(")[0] in page
        assert sentence in closing_words(foreign.summary, foreign.out)
    text = json.dumps(as_dict(foreign.summary), allow_nan=False)
    assert "the model gives no gradients" in text
    assert str(foreign.out) not in text


def test_lines_on_the_drawn_road_are_found(foreign: Finished) -> None:
    clear = next(c for c in foreign.summary.conditions if (c.model, c.weather) == ("lines", "clear"))
    assert clear.metrics["lane_recall"].value > 0.8
    assert clear.metrics["lane_error_m"].value < 0.3
    assert np.isnan(clear.metrics["car_ap50"].value)
    assert np.isnan(clear.metrics["invented_objects"].value)


def test_attacks_work_on_foreign_networks(foreign: Finished) -> None:
    attacked = {(one.model, one.eps): one for one in foreign.summary.attacks}
    assert {model for model, _ in attacked} == {"cars", "lines"}
    assert attacked["lines", "8/255"].metrics["lane_f1"].value <= attacked["lines", "0"].metrics["lane_f1"].value
    layers = {(finding.model, finding.layer) for finding in foreign.summary.findings}
    assert layers == {("cars", "dark")}


@pytest.mark.parametrize(("model", "wish"), [("cars", "hide"), ("cars", "invent"), ("lines", "bend_lanes"),
                                             ("lines", "erase_lanes"), ("lines", "all"), ("cars", "all")])  # fmt: skip
def test_every_wish_is_reached_and_its_gradient_is_right(models: dict[str, str], model: str, wish: str) -> None:
    network = open_model(models[model]).network
    shown = frame(0)
    objective = EvidenceObjective(wish, network, shown)
    images = images_from_frames([shown]).requires_grad_(True)
    (gradient,) = torch.autograd.grad(objective(images).sum(), images)
    step = gradient / gradient.norm() * 0.02
    with torch.no_grad():
        slope = float(objective(images + step) - objective(images - step)) / 2
    assert slope == pytest.approx(float((gradient * step).sum()), rel=0.05)
    found = PGD(8 / 255, steps=4)(objective, images.detach(), generator=torch.Generator().manual_seed(0))
    assert float(found.value) > float(found.clean_value)


def test_a_line_at_the_edge_bends_to_the_side_that_is_there(models: dict[str, str]) -> None:
    """The other side has no cells: it must not count as the surer one."""
    shown = frame(0)
    line = Lane(np.array([[2.0, HEIGHT - 1.0], [2.0, HEIGHT / 2]]), np.zeros((2, 3)), np.ones(2, dtype=bool))
    evidence = open_model(models["lines"]).network(images_from_frames([shown]))
    truth = replace(truth_of(shown, evidence), lanes=(line,))
    presence = bend_lanes(evidence, truth) - erase_lanes(evidence, truth)
    assert float(presence) < -1.0


def test_a_wish_that_cannot_be_is_left_out(models: dict[str, str]) -> None:
    shown = frame(0)
    for name, wanted in (("cars", {"hide", "invent"}), ("lines", {"bend_lanes", "erase_lanes"})):
        evidence = open_model(models[name]).network(images_from_frames([shown]))
        assert {wish for wish in WISHES if possible(wish, evidence, truth_of(shown, evidence))} == wanted
