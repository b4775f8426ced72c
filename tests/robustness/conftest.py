"""Shared, slow-made things: a model that reads the drawn world, and a small campaign on drawn drives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from perception.model import LaneDetectionModel
from perception.weights import load_model, save_model
from robustness.plan import Plan
from tests.robustness import drawn_campaign
from tests.robustness.drawn_world import fitted_model


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model's weights file."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("weights") / "drawn.safetensors"
    save_model(fitted_model(), path, {"command": "drawn"})
    return path


@pytest.fixture(scope="session")
def model(weights: Path) -> LaneDetectionModel:
    """The small model in evaluation mode."""
    return load_model(weights).requires_grad_(False)


@pytest.fixture(scope="session")
def plan(weights: Path) -> Plan:
    """A plan for the drawn drives."""
    return drawn_campaign.plan(weights)


@pytest.fixture(scope="session")
def finished(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> drawn_campaign.Finished:
    """The plan, run by two workers."""
    return drawn_campaign.finish(plan, tmp_path_factory.mktemp("campaign"), workers=2)
