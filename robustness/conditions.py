"""Estimates by condition, as pure functions of the results table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from robustness.measures import METRICS, Sample, estimator, informative, stack, trials
from robustness.plan import Plan, Where, eps_value
from robustness.scoring import Row, damage
from robustness.statistics import estimate, holm, paired, swap_test
from robustness.summary import AttackResult, Change, ConditionResult, Interval
from robustness.table import Columns

WITHOUT_GLARE = " without glare"
"""Behind a weather's name: the counterfactual twins of its pictures."""


TESTED = ("car_ap50", "lane_f1", "invented_lanes", "lane_error_m")
"""Metrics whose loss is tested, over all scenarios only: every further test would make the others less sure."""


def sample_of(columns: Columns, model: str, weather: str, scenario: str = "all") -> Sample:
    """Rows of one model in one weather (or its twins without glare), no attack."""
    attack = "no_glare" if weather.endswith(WITHOUT_GLARE) else "none"
    name = weather.removesuffix(WITHOUT_GLARE)
    return columns.sample(columns.where(model=model, weather=name, scenario=scenario, attack=attack))


def attacked_sample(columns: Columns, model: str, weather: str, eps: str, family: str, scenario: str = "all") -> Sample:
    """Rows of the worst attack per picture within `eps`, by the damage to objects or lines.

    An attacker who may change pixels by 4/255 may also change them by 2/255, so weaker strengths compete too.
    """
    return columns.sample(worst_rows(columns, model, weather, eps, family) & columns.where(scenario=scenario))


def worst_rows(columns: Columns, model: str, weather: str, eps: str, family: str) -> np.ndarray:
    """Which rows belong to the worst attack of each picture."""
    chosen = np.zeros(len(columns["value"]), dtype=bool)
    for group in attempts(columns, model, weather, eps):
        worst = max(group, key=lambda rows: (damage(_rows(columns, rows), family), str(columns["attack"][rows[0]])))
        chosen[worst] = True
    return chosen


def attempts(columns: Columns, model: str, weather: str, eps: str) -> list[list[np.ndarray]]:
    """Per picture, the rows of each attack on it within `eps`; eps "0" is the clean picture run through the attack."""
    limit = eps_value(eps)
    pictures: dict[tuple[str, int, str], dict[tuple[str, str], list[int]]] = {}
    rows = np.flatnonzero(
        columns.where(model=model, weather=weather) & np.char.startswith(columns.text("attack"), "pgd/")
    )
    for row in rows:
        strength = str(columns["eps"][row])
        if eps_value(strength) <= limit and (eps_value(strength) > 0 or limit == 0):
            picture = (str(columns["scenario"][row]), int(columns["seed"][row]), str(columns["frame"][row]))
            attack = (str(columns["attack"][row]), strength)
            pictures.setdefault(picture, {}).setdefault(attack, []).append(int(row))
    return [[np.array(found) for found in by_attack.values()] for by_attack in pictures.values()]


def intervals(sample: Sample, names: Iterable[str]) -> dict[str, Interval]:
    """Each metric with its interval; runs that have nothing to measure do not count."""
    runs, frames = len(sample.runs), int(sample.frames.sum())
    return {
        name: _counting(
            int(informative(name, sample).sum()),
            estimate(estimator(name, sample), runs=runs, frames=frames, trials=trials(name, sample)),
        )
        for name in names
    }


def _counting(runs: int, interval: Interval) -> Interval:
    """The interval with the number of runs that say something; one such run says nothing about others."""
    if runs < 2:
        return replace(interval, low=float("nan"), high=float("nan"), runs=runs)
    return replace(interval, runs=runs)


def common(here: Sample, there: Sample) -> tuple[Sample, Sample]:
    """Both samples on the runs that they share, in one order."""
    shared = tuple(sorted(set(here.runs) & set(there.runs)))
    return restrict(here, shared), restrict(there, shared)


def restrict(sample: Sample, runs: tuple[tuple[str, int], ...]) -> Sample:
    """A sample on some of its runs, in the order given."""
    place = np.full(len(sample.runs), -1)
    for index, run in enumerate(runs):
        place[sample.runs.index(run)] = index
    kept = place[sample.run] >= 0
    frames = np.array([sample.frames[sample.runs.index(run)] for run in runs], dtype=np.int64)
    return Sample(runs, frames, place[sample.run[kept]], sample.metric[kept], sample.value[kept], sample.blind)


def compared(here: Sample, there: Sample, name: str, relation: str) -> Interval:
    """A metric here against there, paired by run: "ratio" or "difference"."""
    mine, theirs = common(here, there)
    both = paired(
        estimator(name, mine),
        estimator(name, theirs),
        lambda: (intervals(mine, [name])[name], intervals(theirs, [name])[name]),
        runs=len(mine.runs),
        frames=int(min(mine.frames.sum(), theirs.frames.sum())),
        relation=relation,
    )
    return _counting(int((informative(name, mine) & informative(name, theirs)).sum()), both)


def loss_p(here: Sample, there: Sample, name: str) -> float:
    """Chance of so large a loss if the condition did not matter."""
    mine, theirs = common(here, there)
    better = METRICS[name].better
    return swap_test(
        estimator(name, stack([mine, theirs])), len(mine.runs), worse="less" if better == "more" else "more"
    )


def condition_results(plan: Plan, columns: Columns, models: Sequence[str]) -> tuple[tuple[ConditionResult, ...], int]:
    """Every weather and scenario, worst first, and the number of comparisons made."""
    twins = {str(w) + WITHOUT_GLARE for w in np.unique(columns["weather"][columns.where(attack="no_glare")])}
    results = [
        _condition(plan, columns, model, weather, scenario)
        for model in models
        for weather in (*plan.weather, *sorted(twins))
        for scenario in scopes(columns)
    ]
    results = [result for result in results if result.metrics]
    raw = [change.p_holm for result in results for change in result.changes.values()]
    values = iter(holm(raw))
    final = [
        replace(r, changes={name: replace(change, p_holm=next(values)) for name, change in r.changes.items()})
        for r in results
    ]
    return tuple(sorted(final, key=lambda r: (r.scenario != "all", -r.badness))), int(np.isfinite(raw).sum())


def scopes(columns: Columns) -> list[str]:
    """All scenarios together, then each by itself if there are several."""
    names = [str(name) for name in np.unique(columns["scenario"])]
    return ["all", *(names if len(names) > 1 else [])]


def _condition(plan: Plan, columns: Columns, model: str, weather: str, scenario: str) -> ConditionResult:
    here = sample_of(columns, model, weather, scenario)
    if not here.runs:
        return ConditionResult(model, weather, scenario, {}, {}, 0.0)
    changes: dict[str, Change] = {}
    if weather != plan.reference_weather:
        there = sample_of(columns, model, plan.reference_weather, scenario)
        changes = {
            name: Change(
                compared(here, there, name, "difference"),
                compared(here, there, name, "ratio"),
                loss_p(here, there, name) if scenario == "all" and name in TESTED else float("nan"),
            )
            for name in METRICS
        }
    return ConditionResult(model, weather, scenario, intervals(here, METRICS), changes, badness(changes))


def badness(changes: dict[str, Change]) -> float:
    """Share of the reference's worst headline score (car AP50, lane F1) that is lost, 0 to 1."""
    ratios = [changes[name].ratio.value for name in ("car_ap50", "lane_f1") if name in changes]
    return max([0.0, *(1 - ratio for ratio in ratios if np.isfinite(ratio))])


def attack_results(plan: Plan, columns: Columns, models: Sequence[str]) -> tuple[AttackResult, ...]:
    """Every strength in every attacked weather, eps 0 first."""
    found = []
    for attack in plan.attacks:
        for model in models:
            for weather in attack.pgd.weather or (plan.reference_weather,):
                clean = _by_family(columns, model, weather, "0")
                for eps in ("0", *sorted(attack.pgd.eps, key=eps_value)):
                    worst = _by_family(columns, model, weather, eps)
                    metrics = {name: intervals(worst[METRICS[name].family], [name])[name] for name in METRICS}
                    ratio = {
                        name: compared(worst[metric.family], clean[metric.family], name, "ratio")
                        for name, metric in METRICS.items()
                        if metric.better == "more" and eps != "0"
                    }
                    found.append(
                        AttackResult(
                            model, weather, "pgd", eps, eps_value(eps), attack.pgd.steps, attack.pgd.restarts,
                            attack.pgd.objectives, metrics, ratio, _winners(columns, model, weather, eps),
                        )
                    )  # fmt: skip
    return tuple(result for result in found if any(i.runs for i in result.metrics.values()))


def _by_family(columns: Columns, model: str, weather: str, eps: str) -> dict[str, Sample]:
    return {family: attacked_sample(columns, model, weather, eps, family) for family in ("objects", "lanes")}


def _winners(columns: Columns, model: str, weather: str, eps: str) -> dict[str, int]:
    """In how many pictures each objective was the worst one, for objects or for lines."""
    wins: dict[str, int] = {}
    if eps == "0":
        return wins
    for group in attempts(columns, model, weather, eps):
        for family in ("objects", "lanes"):
            worst = max(group, key=lambda rows: damage(_rows(columns, rows), family))
            name = str(columns["attack"][worst[0]]).removeprefix("pgd/")
            wins[name] = wins.get(name, 0) + 1
    return dict(sorted(wins.items()))


def where_sample(columns: Columns, model: str, where: Where, metric: str) -> Sample:
    """Rows behind a criterion's condition."""
    scenario = where.words().get("scenario", "all")
    if where.eps is None:
        return sample_of(columns, model, where.weather, scenario)
    return attacked_sample(columns, model, where.weather, where.eps, METRICS[metric].family, scenario)


def _rows(columns: Columns, rows: np.ndarray) -> list[Row]:
    return [
        Row("", "", "", str(columns["metric"][row]), float(columns["value"][row]), bool(columns["valid"][row]))
        for row in rows
    ]
