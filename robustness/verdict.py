"""Verdicts: does the whole interval keep the bound that the plan set before anything ran?

All criteria must pass for an overall PASS, so passing needs no correction for their number (an intersection-union
test); each condition's own loss is Holm-corrected in `conditions.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from robustness.conditions import compared, intervals, where_sample
from robustness.measures import METRICS
from robustness.plan import Criterion, Plan, Where
from robustness.summary import CriterionResult, HealthCheck, Interval, Omission, Verdict
from robustness.table import Columns

LEAST_RUNS = 5
"""Fewer independent runs carry no verdict."""

ORDER: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
"""Worst first."""


def judge(
    plan: Plan,
    columns: Columns,
    models: Sequence[str],
    health: Sequence[HealthCheck],
    omissions: Sequence[Omission] = (),
) -> tuple[CriterionResult, ...]:
    """Every criterion for every model, worst first; what was not done to a model is never a PASS."""
    results = [_judge(criterion, columns, model, health, omissions) for model in models for criterion in plan.accept]
    return tuple(sorted(results, key=lambda result: ORDER.index(result.verdict)))


def overall(criteria: Sequence[CriterionResult], *, complete: bool = True) -> Verdict:
    """FAIL if one fails, else INCONCLUSIVE if one is or not every cell was computed, else PASS."""
    verdicts: list[Verdict] = [result.verdict for result in criteria]
    if not (complete and verdicts):
        verdicts.append("INCONCLUSIVE")
    return min(verdicts, key=ORDER.index)


def decide(measured: Interval, bound: str, threshold: float) -> Verdict:
    """PASS if the interval's bad end keeps the bound, FAIL if its good end misses it, INCONCLUSIVE otherwise."""
    bad, good = (measured.low, measured.high) if bound == "at_least" else (measured.high, measured.low)
    if not (math.isfinite(bad) and math.isfinite(good)) or measured.runs < LEAST_RUNS:
        return "INCONCLUSIVE"
    if _keeps(bad, bound, threshold):
        return "PASS"
    return "INCONCLUSIVE" if _keeps(good, bound, threshold) else "FAIL"


def _judge(
    criterion: Criterion, columns: Columns, model: str, health: Sequence[HealthCheck], omissions: Sequence[Omission]
) -> CriterionResult:
    here, there = _measure(columns, model, criterion.where, criterion.metric), None
    measured = here
    if criterion.relative_to is not None:
        there = _measure(columns, model, criterion.relative_to, criterion.metric)
        samples = [where_sample(columns, model, w, criterion.metric) for w in (criterion.where, criterion.relative_to)]
        measured = compared(samples[0], samples[1], criterion.metric, "ratio")
    bound, threshold = criterion.bound
    verdict = decide(measured, bound, threshold)
    reason = _reason(measured, bound, threshold, verdict)
    covers = {"all"} | ({"attack"} if criterion.where.eps else set())
    broken = next((check for check in health if not check.passed and check.covers in covers), None)
    missing = _omission(criterion, model, omissions)
    if missing is not None and not math.isfinite(measured.value):
        verdict, reason = "INCONCLUSIVE", missing
    if broken is not None:
        verdict, reason = "INCONCLUSIVE", f"a check of the instruments failed: {broken.name} ({broken.detail})"
    return CriterionResult(
        name=criterion.name,
        model=model,
        metric=criterion.metric,
        unit="" if criterion.relative_to is not None else METRICS[criterion.metric].unit,
        where=criterion.where.words(),
        relative_to=None if criterion.relative_to is None else criterion.relative_to.words(),
        bound=bound,
        threshold=threshold,
        measured=measured,
        absolute=(here, there),
        verdict=verdict,
        reason=reason,
    )


def _omission(criterion: Criterion, model: str, omissions: Sequence[Omission]) -> str | None:
    """Why there is nothing that a criterion could be judged by."""
    attacked = any(where and where.eps for where in (criterion.where, criterion.relative_to))
    about = (METRICS[criterion.metric].family, *(["attack"] if attacked else []))
    return next((one.sentence for one in omissions if one.model == model and one.what in about), None)


def _measure(columns: Columns, model: str, where: Where, metric: str) -> Interval:
    return intervals(where_sample(columns, model, where, metric), [metric])[metric]


def _keeps(value: float, bound: str, threshold: float) -> bool:
    return value >= threshold if bound == "at_least" else value <= threshold


def _reason(measured: Interval, bound: str, threshold: float, verdict: Verdict) -> str:
    asked = f"{bound.replace('_', ' ')} {threshold:g}"
    if not math.isfinite(measured.value):
        return f"nothing was measured there, so {asked} cannot be judged"
    if measured.runs < LEAST_RUNS:
        return f"{measured.runs} runs are too few for a verdict; {LEAST_RUNS} are needed"
    if not (math.isfinite(measured.low) and math.isfinite(measured.high)):
        return f"the interval has no end where {asked} is asked; too little was seen"
    seen = f"{measured.value:.3g} ({measured.low:.3g} to {measured.high:.3g}, {measured.runs} runs)"
    ends = {"PASS": "keeps", "FAIL": "misses", "INCONCLUSIVE": "does not decide"}
    return f"{seen} {ends[verdict]} {asked}"
