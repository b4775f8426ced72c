"""Is the attack itself sound? Checks after fra31/auto-attack's, made on every run from what the cells recorded.

An attack that is broken makes a model look robust, so a failed check makes every verdict under attack INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from robustness.summary import HealthCheck

SLACK = 0.01
"""A larger eps may fall short of a smaller one by this share of the objective's rise: PGD is a search, not a proof."""

DAMAGE_SLACK = 0.02
"""The same for the mean damage to objects and lines, which is counted in whole objects and lines."""


@dataclass(frozen=True)
class Attempt:
    """One attack on one picture, as the cell recorded it.

    Attributes:
        picture: model, scenario, weather, seed, frame.
        objective: what was wanted.
        eps: strength, in [0, 1] pixels.
        value, clean_value: the objective afterwards and before.
        gradient: mean |gradient|.
        inside: whether the picture is within eps of the clean one and within [0, 1].
        damage: to objects plus to lines, 0 to 2, as the metrics see it.
        facts: every metric's rows as they are in the table, sorted; `clean_facts` are those of the clean score.
    """

    picture: tuple[str, str, str, int, str]
    objective: str
    eps: float
    value: float
    clean_value: float
    gradient: float
    inside: bool
    damage: float
    facts: tuple[tuple[str, float, bool], ...]
    clean_facts: tuple[tuple[str, float, bool], ...]


def checks(attempts: Sequence[Attempt], hashes: Sequence[tuple[str, str, str]]) -> tuple[HealthCheck, ...]:
    """Every check; `hashes` holds per cell the weights' hash as planned, before the attack and after it."""
    if not attempts:
        return ()
    return (
        zero_is_clean(attempts),
        never_weaker(attempts),
        damage_never_falls(attempts),
        rises(attempts),
        gradients(attempts),
        within(attempts),
        unchanged(hashes),
    )


def zero_is_clean(attempts: Sequence[Attempt]) -> HealthCheck:
    """The machinery with eps 0 must give the clean score, to the last bit."""
    zero = [attempt for attempt in attempts if attempt.eps == 0]
    wrong = [attempt for attempt in zero if attempt.facts != attempt.clean_facts]
    detail = f"{len(zero) - len(wrong)} of {len(zero)} attacked pictures with eps 0 score exactly as the clean ones"
    return HealthCheck("eps = 0 gives the clean score", bool(zero) and not wrong, detail, "attack")


def never_weaker(attempts: Sequence[Attempt]) -> HealthCheck:
    """A larger ball holds the smaller one: no objective's mean may fall as eps grows."""
    worst, where = math.inf, ""
    for objective, means in _means(attempts, lambda attempt: attempt.value - attempt.clean_value).items():
        rise = max(abs(value) for _, value in means) or 1.0
        for (small, low), (large, high) in pairwise(means):
            if (high - low) / rise < worst:
                worst, where = (high - low) / rise, f"{objective} from eps {small * 255:g}/255 to {large * 255:g}/255"
    if math.isinf(worst):
        return HealthCheck("a larger eps raises the objective", True, "one eps only: nothing to compare", "attack")
    detail = f"smallest step of a mean: {worst:+.1%} of the objective's rise, {where}"
    return HealthCheck("a larger eps raises the objective", worst >= -SLACK, detail, "attack")


def damage_never_falls(attempts: Sequence[Attempt]) -> HealthCheck:
    """The same for the damage that the metrics see, with the worst objective of each eps by itself."""
    worst: dict[tuple[float, tuple[str, str, str, int, str]], float] = {}
    for attempt in attempts:
        key = (attempt.eps, attempt.picture)
        worst[key] = max(worst.get(key, 0.0), attempt.damage)
    levels = sorted({eps for eps, _ in worst})
    means = [_mean([value for (eps, _), value in worst.items() if eps == level]) for level in levels]
    step = min((high - low for low, high in pairwise(means)), default=0.0)
    course = ", ".join(f"{mean:.2f} at {level * 255:g}/255" for level, mean in zip(levels, means, strict=True))
    return HealthCheck(
        "a larger eps does not lower the damage", step >= -DAMAGE_SLACK, f"mean damage {course}", "attack"
    )


def rises(attempts: Sequence[Attempt]) -> HealthCheck:
    """The attack must reach what it climbs towards."""
    tried = [attempt for attempt in attempts if attempt.eps > 0]
    raised = sum(attempt.value > attempt.clean_value for attempt in tried)
    detail = f"{raised} of {len(tried)} attacks raised their objective on the picture as it would be stored"
    return HealthCheck("attacks reach their objective", raised >= 0.95 * len(tried), detail, "attack")


def gradients(attempts: Sequence[Attempt]) -> HealthCheck:
    """A gradient of zero, or one that is no number, leads nowhere (obfuscated gradients, Athalye et al. 2018)."""
    tried = [attempt for attempt in attempts if attempt.eps > 0]
    dead = sum(not attempt.gradient > 0 for attempt in tried)
    least = min((attempt.gradient for attempt in tried), default=0.0)
    detail = f"{dead} of {len(tried)} attacks had no gradient; the smallest mean |gradient| is {least:.2g}"
    return HealthCheck("gradients are finite and not zero", dead == 0, detail, "attack")


def within(attempts: Sequence[Attempt]) -> HealthCheck:
    """No attacked picture may leave the ball or the range of pixels."""
    outside = sum(not attempt.inside for attempt in attempts)
    detail = f"{outside} of {len(attempts)} attacked pictures leave the ball or the range of pixels"
    return HealthCheck("attacked pictures stay within eps and within [0, 1]", outside == 0, detail, "attack")


def unchanged(hashes: Sequence[tuple[str, str, str]]) -> HealthCheck:
    """Attacking a model must not change it."""
    wrong = sum(len(set(triple)) > 1 for triple in hashes)
    detail = f"{len(hashes) - wrong} of {len(hashes)} attacks left the weights' hash as it was, in evaluation mode"
    return HealthCheck("the model is the same before and after", wrong == 0, detail, "attack")


def _means(attempts: Sequence[Attempt], number: Callable[[Attempt], float]) -> Mapping[str, list[tuple[float, float]]]:
    """Mean of a number per model and objective over the pictures that every eps saw, by rising eps above 0."""
    groups: dict[str, dict[float, dict[tuple[str, str, str, int, str], float]]] = {}
    for attempt in attempts:
        if attempt.eps > 0:
            by_eps = groups.setdefault(f"{attempt.picture[0]}, {attempt.objective}", {})
            by_eps.setdefault(attempt.eps, {})[attempt.picture] = number(attempt)
    means = {}
    for name, by_eps in groups.items():
        shared = set.intersection(*(set(values) for values in by_eps.values()))
        means[name] = [(eps, _mean([values[p] for p in sorted(shared)])) for eps, values in sorted(by_eps.items())]
    return means


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
