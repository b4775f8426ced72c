"""Each check passes on a healthy attack and notices the one fault it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from robustness.attacks.health import Attempt, checks

FACTS = (("lane_hits", 2.0, True),)


def attempt(eps: float, picture: str = "000000") -> Attempt:
    """A healthy attempt: the objective rises with eps."""
    return Attempt(
        picture=("m", "s", "clear", 0, picture),
        objective="hide",
        eps=eps,
        value=10 * eps,
        clean_value=0.0,
        gradient=0.01,
        inside=True,
        damage=5 * eps,
        facts=FACTS,
        clean_facts=FACTS,
    )


HEALTHY = [attempt(eps, picture) for eps in (0.0, 0.01, 0.02) for picture in ("a", "b")]
HASHES = [("h", "h", "h")]


def failed(attempts: list[Attempt], hashes: list[tuple[str, str, str]] | None = None) -> set[str]:
    """Names of the checks that fail."""
    return {check.name for check in checks(attempts, hashes or HASHES) if not check.passed}


def test_a_healthy_attack_passes_everything() -> None:
    assert failed(HEALTHY) == set()
    assert len(checks(HEALTHY, HASHES)) == 7


@pytest.mark.parametrize(
    ("index", "change", "name"),
    [
        (0, {"facts": (("lane_hits", 1.0, True),)}, "eps = 0 gives the clean score"),
        (4, {"gradient": 0.0}, "gradients are finite and not zero"),
        (4, {"inside": False}, "attacked pictures stay within eps and within [0, 1]"),
        (4, {"value": -5.0}, "attacks reach their objective"),
    ],
)
def test_each_fault_is_noticed(index: int, change: dict[str, Any], name: str) -> None:
    broken = [*HEALTHY]
    broken[index] = replace(broken[index], **change)
    assert name in failed(broken)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"value": 0.05}, "a larger eps raises the objective"),
        ({"damage": 0.01}, "a larger eps does not lower the damage"),
    ],
)
def test_a_larger_eps_that_is_weaker_is_noticed(change: dict[str, Any], name: str) -> None:
    broken = [replace(one, **change) if one.eps == 0.02 else one for one in HEALTHY]
    assert failed(broken) == {name}


def test_a_changed_model_is_noticed() -> None:
    assert failed(HEALTHY, [("h", "h", "h"), ("h", "h", "other")]) == {"the model is the same before and after"}


def test_without_eps_zero_the_clean_score_is_not_vouched_for() -> None:
    assert "eps = 0 gives the clean score" in failed([one for one in HEALTHY if one.eps > 0])
