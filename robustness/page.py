"""`report.html`: one file, no network, no script, made from a `Summary` and the pictures beside it.

`render` is the way through. What the page says is decided here; how it looks is in `templates/`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from robustness import charts, words
from robustness.conditions import WITHOUT_GLARE
from robustness.figures import Packed, pack
from robustness.measures import CONFIDENCE
from robustness.scenario_names import known_weathers
from robustness.statistics import ALIKE
from robustness.summary import (
    AttackResult,
    AuditFinding,
    ConditionResult,
    CriterionResult,
    ErrorType,
    Figure,
    Picture,
    Summary,
)
from robustness.verdict import LEAST_RUNS

LARGEST_FILE = 8_000_000
"""Upper limit for the page [bytes]; pictures are compressed until they fit."""

ROOM_FOR_TEXT = 900_000
"""Of which this much is kept for everything but pictures [bytes]."""

FIGURE_KINDS: dict[str, str] = {
    "weather": "The same instant in {reference} and here",
    "glare": "With the sun's glare, and the counterfactual without it",
    "heat": "Where the evidence for a lane line lies (Grad-CAM)",
    "attack": "Attacked pictures",
}
"""Headings of a condition's pictures, in this order."""

ATTACK_METRICS: tuple[str, ...] = ("car_ap50", "invented_objects", "lane_f1", "lane_error_m", "invented_lanes")
"""What is shown of an attack besides what criteria ask."""


@dataclass(frozen=True)
class MetricRow:
    """One metric of one model in one weather, beside its twin without glare and the reference weather."""

    metric: str
    here: ConditionResult
    twin: ConditionResult | None
    reference: ConditionResult | None


@dataclass(frozen=True)
class Section:
    """Everything about one weather."""

    weather: str
    anchor: str
    is_reference: bool
    conditions: tuple[ConditionResult, ...]
    scenarios: tuple[ConditionResult, ...]
    criteria: tuple[CriterionResult, ...]
    rows: tuple[MetricRow, ...]
    findings: tuple[AuditFinding, ...]
    figures: dict[str, tuple[Figure, ...]]


@dataclass(frozen=True)
class AttackGroup:
    """One model in one weather under attacks of rising strength."""

    model: str
    weather: str
    results: tuple[AttackResult, ...]
    metrics: tuple[str, ...]
    chart: Markup
    key: Markup


def render(
    summary: Summary, folder: Path, machine: Mapping[str, str] | None = None, *, largest: int = LARGEST_FILE
) -> str:
    """The page as one string.

    Args:
        summary: what the campaign found.
        folder: where its pictures' paths start.
        machine: further facts for the last page (processor, memory, date), by name.
        largest: the most bytes the page may have.
    """
    paths = [picture.path for figure in summary.figures for picture in figure.pictures]
    packed = pack(folder, paths, largest - ROOM_FOR_TEXT)
    groups = attack_groups(summary)
    template = environment().get_template("report.html.j2")
    return template.render(
        s=summary,
        p=summary.provenance,
        answer=words.answer(summary),
        places=words.places(summary),
        key_metrics=key_metrics(summary),
        sections=sections(summary),
        attacks=groups,
        errors=errors_by_weather(summary),
        failed=[check for check in summary.health if not check.passed],
        untested=[
            name for name in known_weathers() if name not in {c.weather.partition("@")[0] for c in summary.conditions}
        ],
        real_weather=words.real_weather,
        evidence=words.evidence(summary),
        machine=dict(machine or {}),
        packed=packed,
        many_models=len(summary.provenance.models) > 1,
        kinds={kind: text.format(reference=summary.reference_weather) for kind, text in FIGURE_KINDS.items()},
        criterion_chart=criterion_chart,
        metric_chart=metric_chart,
        picture=lambda picture: _picture(picture, packed),
        figure_id=words.figure_id,
        bound=words.bound,
        confidence=CONFIDENCE,
        least_runs=LEAST_RUNS,
        alike=ALIKE,
        ranges=metric_ranges(summary),
    )


@cache
def environment() -> jinja2.Environment:
    """The templates with their filters; everything is escaped unless marked as safe by our own code."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("robustness", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": words.number,
        "interval": words.interval,
        "share": words.share,
        "chance": words.chance,
        "sample": words.sample,
        "where": words.where,
        "weather_facts": words.weather_facts,
        "short": words.short_hash,
        "anchor": words.anchor,
    }
    made.globals["style"] = Markup(jinja2.PackageLoader("robustness", "templates").get_source(made, "style.css")[0])  # noqa: S704 - ours
    return made


def key_metrics(summary: Summary) -> list[str]:
    """The few metrics that overviews show: those that criteria are about first, at most five."""
    asked = [criterion.metric for criterion in summary.criteria]
    usual = ["lane_f1", "lane_error_m", "car_ap50", "object_recall"]
    present = {name for condition in summary.conditions for name in condition.metrics}
    return [name for name in dict.fromkeys([*asked, *usual]) if name in present][:5]


def sections(summary: Summary) -> list[Section]:
    """One section per weather, worst first, the reference last."""
    reference = summary.reference_weather
    order = dict.fromkeys(words.real_weather(c.weather) for c in summary.conditions if c.scenario == "all")
    names = [name for name in order if name != reference] + [name for name in order if name == reference]
    return [_section(summary, name) for name in names]


def attack_groups(summary: Summary) -> list[AttackGroup]:
    """Attack results by model and weather, each with its curve."""
    groups: dict[tuple[str, str], list[AttackResult]] = {}
    for result in summary.attacks:
        groups.setdefault((result.model, result.weather), []).append(result)
    return [_attack_group(summary, *key, tuple(results)) for key, results in groups.items()]


def errors_by_weather(summary: Summary) -> dict[str, list[ErrorType]]:
    """Error types by weather, worst weather first."""
    found: dict[str, list[ErrorType]] = {section.weather: [] for section in sections(summary)}
    for entry in summary.errors:
        found.setdefault(entry.weather, []).append(entry)
    return {weather: entries for weather, entries in found.items() if entries}


def metric_ranges(summary: Summary) -> dict[str, tuple[float, float]]:
    """One axis per metric for the whole report, so that charts of different conditions can be compared."""
    values: dict[str, list[float]] = {}
    for condition in summary.conditions:
        for name, found in condition.metrics.items():
            values.setdefault(name, []).extend((found.value, found.low, found.high))
    return {name: charts.chart_range(numbers) for name, numbers in values.items()}


def criterion_chart(criterion: CriterionResult) -> Markup:
    """The measured interval against the bound."""
    measured = criterion.measured
    low, high = charts.chart_range([measured.value, measured.low, measured.high, criterion.threshold])
    high = max(high, criterion.threshold * 1.05)
    alt = f"{words.interval(measured)}, {words.bound(criterion)}"
    return charts.interval_chart(measured, low=low, high=high, bound=criterion.threshold, alt=alt)


def metric_chart(row: MetricRow, span: tuple[float, float]) -> Markup:
    """The interval here, with the reference's value as the line."""
    here = row.here.metrics[row.metric]
    there = row.reference.metrics.get(row.metric) if row.reference else None
    bound = there.value if there and math.isfinite(there.value) else None
    return charts.interval_chart(here, low=span[0], high=span[1], bound=bound, alt=words.interval(here))


def _section(summary: Summary, weather: str) -> Section:
    here = [condition for condition in summary.conditions if condition.weather == weather]
    overall = tuple(condition for condition in here if condition.scenario == "all")
    is_reference = weather == summary.reference_weather
    twins = _overall(summary, weather + WITHOUT_GLARE)
    reference = {} if is_reference else _overall(summary, summary.reference_weather)
    rows = tuple(
        MetricRow(name, condition, twins.get(condition.model), reference.get(condition.model))
        for condition in overall
        for name in condition.metrics
    )
    figures = {
        kind: tuple(figure for figure in summary.figures if (figure.kind, figure.weather) == (kind, weather))
        for kind in FIGURE_KINDS
    }
    return Section(
        weather=weather,
        anchor=words.anchor("condition", weather),
        is_reference=is_reference,
        conditions=overall,
        scenarios=tuple(condition for condition in here if condition.scenario != "all"),
        criteria=tuple(criterion for criterion in summary.criteria if criterion.where.get("weather") == weather),
        rows=rows,
        findings=tuple(finding for finding in summary.findings if finding.weather == weather),
        figures={kind: found for kind, found in figures.items() if found},
    )


def _overall(summary: Summary, weather: str) -> dict[str, ConditionResult]:
    """Results over all scenarios in `weather`, by model."""
    return {c.model: c for c in summary.conditions if c.weather == weather and c.scenario == "all"}


def _attack_group(summary: Summary, model: str, weather: str, results: tuple[AttackResult, ...]) -> AttackGroup:
    asked = [c.metric for c in summary.criteria if c.where.get("attack")]
    present = {name for result in results for name in result.metrics}
    metrics = tuple(name for name in dict.fromkeys([*asked, *ATTACK_METRICS]) if name in present)
    drawn = [name for name in metrics if summary.metrics[name][2] == "more"][: len(charts.SERIES)]
    curves = []
    for name in drawn:
        known = [result for result in results if name in result.metrics]
        xs, ys = tuple(r.eps_value for r in known), tuple(r.metrics[name] for r in known)
        curves.append(charts.Curve(summary.metrics[name][0], xs, ys))
    ticks = [(result.eps_value, result.eps) for result in results]
    chart = charts.curves_chart(curves, x_words="attack strength eps (L-infinity)", y_words="score", ticks=ticks)
    return AttackGroup(model, weather, results, metrics, chart, charts.legend([curve.name for curve in curves]))


def _picture(picture: Picture, packed: Packed) -> Markup:
    drawn = [
        name
        for name, found in (("true labels", picture.truth), ("predictions", picture.prediction))
        if found.boxes or found.lanes
    ]
    alt = picture.caption + (f"; drawn over it: {' and '.join(drawn)}" if drawn else "")
    return charts.overlay(picture, packed.uris[picture.path], alt)
