"""Drawing calls: accepted and not drawn, since there is no screen and pictures show the world only."""

from __future__ import annotations

from typing import Any

from scenarios.server.calls.registry import call
from scenarios.server.simulation import Simulation


@call(returns=False)
def draw_debug_shape(simulation: Simulation, shape: list[Any]) -> None:
    """Not drawn."""


@call(returns=False)
def clear_debug_shape(simulation: Simulation) -> None:
    """Nothing to clear."""


@call(returns=False)
def clear_debug_string(simulation: Simulation) -> None:
    """Nothing to clear."""
