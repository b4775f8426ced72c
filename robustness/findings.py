"""The glare audit's findings, from its rows in the table: condition, evidence, effect in metres, and how sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robustness.conditions import scopes
from robustness.measures import Ratio, Sample
from robustness.plan import Plan
from robustness.statistics import estimate, holm, swap_test
from robustness.summary import AuditFinding, HealthCheck, Interval
from robustness.table import Columns

MOST_ALIKE = 0.5
"""Mean rank correlation with the randomised network's maps from which a map says nothing about the weights."""

LEAST_P = 0.05
"""A finding is supported below this corrected p."""

RATES = ("pointing", "lane_regained", "lane_lost", "object_regained", "object_lost")
"""Facts that are 0 or 1."""


def findings(plan: Plan, columns: Columns, models: Sequence[str], layers: dict[str, str]) -> tuple[AuditFinding, ...]:
    """One finding per model and audited weather over all scenarios, and one per scenario; largest effect first.

    Only those over all scenarios are tested: the few runs of one scenario could never establish anything.
    """
    found = []
    for model in models:
        for weather in plan.weather:
            for scenario in scopes(columns):
                rows = columns.where(model=model, weather=weather, scenario=scenario, attack="audit")
                if rows.any():
                    sample = columns.sample(rows)
                    found.append(_finding(sample, model, weather, scenario, layers.get(model, "")))
    corrected = holm([finding.p_holm for finding in found])
    final = [_concluded(replace(finding, p_holm=p)) for finding, p in zip(found, corrected, strict=True)]
    return tuple(sorted(final, key=lambda f: (f.scenario != "all", -_known(f.moved_m.value))))


def saliency_check(columns: Columns) -> tuple[HealthCheck, ...]:
    """Whether the maps depend on the weights at all (Adebayo et al. 2018)."""
    rows = columns.where(attack="audit", metric="similarity_random") & columns["valid"].astype(bool)
    if not rows.any():
        return ()
    alike = float(columns["value"][rows].mean())
    detail = f"mean rank correlation with the maps of the randomised network {alike:.2f}, to be below {MOST_ALIKE}"
    return (HealthCheck("heat maps depend on the weights", alike < MOST_ALIKE, detail, "audit"),)


def _finding(sample: Sample, model: str, weather: str, scenario: str, layer: str) -> AuditFinding:
    mean = {
        name: _mean(sample, name)
        for name in (
            "on_glare", "on_lane", "pixels_glare", "pixels_lane", "on_glare_random", "on_lane_random",
            "on_lane_no_glare", "object_on_glare", "object_on_box", "object_pixels_box", "object_on_box_random",
            "moved_m", "error_m", "error_no_glare_m", "similarity_random", *RATES,
        )
    }  # fmt: skip
    where = "all scenarios" if scenario == "all" else scenario.replace("_", " ")
    return AuditFinding(
        model=model,
        weather=weather,
        scenario=scenario,
        layer=layer,
        condition=f"{weather}, {where}: glare on {_percent(mean['pixels_glare'])} of the picture",
        statement="",
        on_glare=mean["on_glare"],
        on_lane=mean["on_lane"],
        pixels_glare=mean["pixels_glare"],
        pixels_lane=mean["pixels_lane"],
        on_glare_random=mean["on_glare_random"],
        on_lane_random=mean["on_lane_random"],
        on_lane_no_glare=mean["on_lane_no_glare"],
        pointing=mean["pointing"],
        moved_m=mean["moved_m"],
        error_m=mean["error_m"],
        error_no_glare_m=mean["error_no_glare_m"],
        lanes_regained=mean["lane_regained"],
        lanes_lost=mean["lane_lost"],
        objects_regained=mean["object_regained"],
        objects_lost=mean["object_lost"],
        object_on_glare=mean["object_on_glare"],
        object_on_box=mean["object_on_box"],
        pixels_box=mean["object_pixels_box"],
        object_on_box_random=mean["object_on_box_random"],
        p_holm=_p(sample) if scenario == "all" else math.nan,
        sane=bool(mean["similarity_random"].value < MOST_ALIKE),
        supported=False,
    )


def _concluded(finding: AuditFinding) -> AuditFinding:
    """The finding with its last word, which needs the corrected p."""
    supported = finding.sane and finding.p_holm < LEAST_P
    if not math.isfinite(finding.on_glare.value):
        evidence = "no line could be explained"
    else:
        evidence = (
            f"{_percent(finding.on_glare)} of a lane line's evidence lies on glare that covers"
            f" {_percent(finding.pixels_glare)} of the picture, {_percent(finding.on_lane)} in the band around the line"
            f" ({_percent(finding.on_lane_no_glare)} without the glare)"
        )
    effect = f"removing the glare moves the predicted line by {_metres(finding.moved_m)}"
    if math.isfinite(finding.error_m.value) and math.isfinite(finding.error_no_glare_m.value):
        effect += f" and its error from {finding.error_m.value:.2f} m to {finding.error_no_glare_m.value:.2f} m"
    effect += (
        f"; {_percent(finding.lanes_regained)} of the lines are found only without glare,"
        f" {_percent(finding.lanes_lost)} only with it"
    )
    if supported:
        sure = f"established (corrected p {finding.p_holm:.2g})"
    elif math.isnan(finding.p_holm):
        sure = "not tested by itself"
    else:
        sure = "not established as an effect of the glare"
    return replace(finding, statement=f"{finding.condition}; {evidence}; {effect}: {sure}.", supported=supported)


def _mean(sample: Sample, name: str) -> Interval:
    counts = sample.count(name)
    estimator = Ratio(sample.total(name), counts, "rate" if name in RATES else "mean")
    informative = int((counts > 0).sum())
    kept = counts > 0
    estimator = replace(estimator, top=estimator.top[kept], bottom=estimator.bottom[kept])
    frames = int(sample.frames[kept].sum())
    return estimate(estimator, runs=informative, frames=frames, trials=float(counts.sum()))


def _p(sample: Sample) -> float:
    """Chance of so much more harm with glare than without if glare did not matter, by run.

    Harm is the error of a true line in metres, where a line that is not found counts as `audit.FOUND` metres.
    """
    runs = len(sample.runs)
    harm = np.concatenate([sample.total("harm_m"), sample.total("harm_no_glare_m")])
    lines = np.concatenate([sample.count("harm_m"), sample.count("harm_no_glare_m")])
    return swap_test(Ratio(harm, lines, "mean"), runs, worse="more")


def _percent(interval: Interval) -> str:
    return "an unknown share" if not math.isfinite(interval.value) else f"{100 * interval.value:.0f} %"


def _metres(interval: Interval) -> str:
    if not math.isfinite(interval.value):
        return "an unknown distance"
    ends = f" ({interval.low:.2f} to {interval.high:.2f})" if math.isfinite(interval.low) else ""
    return f"{interval.value:.2f} m{ends}"


def _known(value: float) -> float:
    return value if math.isfinite(value) else -1.0
