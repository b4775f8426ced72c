"""What a campaign found: the values that the report, `summary.json` and `junit.xml` are made from.

A `Summary` is a pure function of the plan, the results table and the cells' pictures; it holds no clock and no machine
path, so the same plan gives the same summary. Every path in it is relative to the campaign's output folder.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Literal

SCHEMA_VERSION = 1
"""Raised when a field of `summary.json` changes its meaning or goes away."""

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]

EXIT_CODES: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval over scenario runs; NaN ends where there is too little to say.

    Attributes:
        value: the estimate from all runs pooled.
        low, high: ends of the 95 % interval.
        runs: independent scenario runs (scenario x seed) behind it.
        frames: pictures behind it.
        method: how the interval was made, such as "BCa bootstrap over runs".
    """

    value: float
    low: float
    high: float
    runs: int
    frames: int
    method: str = ""


@dataclass(frozen=True)
class CriterionResult:
    """One acceptance criterion of the plan, judged.

    Attributes:
        name: the plan's words.
        model: the model judged.
        metric: a key of `METRICS`.
        unit: the metric's unit, "" for a ratio.
        where: the condition as the plan has it, such as {"weather": "low-sun-snow"}.
        relative_to: the reference condition, or None for an absolute criterion.
        bound: "at_least" or "at_most".
        threshold: the bound's number.
        measured: the estimate; of the ratio to the reference where `relative_to` is given.
        absolute: the estimate under `where`, and under `relative_to` (None if absolute): what the ratio is made of.
        verdict: PASS if the whole interval keeps the bound, FAIL if the whole interval misses it.
        reason: one sentence for a reader: why this verdict.
    """

    name: str
    model: str
    metric: str
    unit: str
    where: dict[str, str]
    relative_to: dict[str, str] | None
    bound: Literal["at_least", "at_most"]
    threshold: float
    measured: Interval
    absolute: tuple[Interval, Interval | None]
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Omission:
    """Something that was not done to a model.

    Attributes:
        model: which one.
        what: what there are no numbers about, or not about all of it.
        sentence: why, for a reader.
    """

    model: str
    what: Literal["attack", "audit", "objects", "lanes"]
    sentence: str


@dataclass(frozen=True)
class Change:
    """How a metric differs from the same runs in the reference weather.

    Attributes:
        difference: value here minus value in the reference, paired by run.
        ratio: value here over value in the reference, paired by run.
        p_holm: chance of so large a loss if the weather did not matter: exact paired permutation test, one-sided,
            Holm-corrected over all conditions and metrics tested; NaN where it is not tested.
    """

    difference: Interval
    ratio: Interval
    p_holm: float


@dataclass(frozen=True)
class ConditionResult:
    """A model in one weather, over all scenarios (`scenario` "all") or in one.

    Attributes:
        metrics: estimate by metric name (keys of `METRICS`).
        changes: against the reference weather, by metric name; empty for the reference itself.
        badness: 0 (as good as the reference) upwards; conditions are listed worst first.
    """

    model: str
    weather: str
    scenario: str
    metrics: dict[str, Interval]
    changes: dict[str, Change]
    badness: float


@dataclass(frozen=True)
class AttackResult:
    """A model in one weather under the worst of an ensemble of attacks of one strength.

    Attributes:
        attack: the attack's name in the plan, "pgd".
        eps: L-infinity bound on [0, 1] pixels, as the plan writes it ("4/255"); "0": clean score of the same frames.
        eps_value: the same as a number.
        steps, restarts: of each objective's attack.
        objectives: tried per picture; the worst by the stated score counts.
        metrics: estimate by metric name.
        ratio: `metrics` over the clean ones on the same frames, paired by run, for the metrics where more is better.
        worst_objective: for each objective, in how many pictures it was the worst one.
    """

    model: str
    weather: str
    attack: str
    eps: str
    eps_value: float
    steps: int
    restarts: int
    objectives: tuple[str, ...]
    metrics: dict[str, Interval]
    ratio: dict[str, Interval]
    worst_objective: dict[str, int]


@dataclass(frozen=True)
class AuditFinding:
    """What the model's evidence for a lane rests on, and what happens when the renderer takes the glare away.

    Shares are of the positive Grad-CAM evidence for a lane line, 0 to 1; "pixels" are the shares of the picture's area
    that the region takes: evidence spread evenly would give that share.

    Attributes:
        condition: the triggering condition in words: "low-sun-snow, all scenarios: glare on 7 % of the picture".
        statement: the finding in one sentence: condition, evidence, effect in metres.
        on_glare, on_lane: share of the evidence on glare pixels, and in a band around the true line.
        pixels_glare, pixels_lane: share of the picture's area in the same regions.
        on_glare_random, on_lane_random: the same shares for the same network with randomised weights (sanity check).
        on_lane_no_glare: share in the lane's band in the twin picture without glare.
        pointing: share of lane lines whose strongest evidence lies in the line's band.
        moved_m: how far the predicted line moves on the road plane when the glare is removed, mean |lateral| [m].
        error_m, error_no_glare_m: lateral distance to the true line with glare and without [m], lines found in both.
        lanes_regained: share of true lines found only without glare; `lanes_lost`: only with glare.
        objects_regained, objects_lost: the same for objects.
        object_on_glare, object_on_box: share of the evidence for a found object on glare outside its box, and in it.
        pixels_box, object_on_box_random: the box's share of the area; the randomised network's share of evidence in it.
        p_holm: chance of the seen loss of accuracy if glare did not matter, one-sided; NaN where it is not tested.
        sane: whether the model's maps differ from those of the randomised one (a map that does not is no evidence).
        supported: whether the effect is established: p_holm below 0.05 and sane.
    """

    model: str
    weather: str
    scenario: str
    layer: str
    condition: str
    statement: str
    on_glare: Interval
    on_lane: Interval
    pixels_glare: Interval
    pixels_lane: Interval
    on_glare_random: Interval
    on_lane_random: Interval
    on_lane_no_glare: Interval
    pointing: Interval
    moved_m: Interval
    error_m: Interval
    error_no_glare_m: Interval
    lanes_regained: Interval
    lanes_lost: Interval
    objects_regained: Interval
    objects_lost: Interval
    object_on_glare: Interval
    object_on_box: Interval
    pixels_box: Interval
    object_on_box_random: Interval
    p_holm: float
    sane: bool
    supported: bool


@dataclass(frozen=True)
class ErrorType:
    """How often one kind of thing is missed or invented by a model in one weather, all scenarios, not attacked.

    Attributes:
        label: an object class, or "lane line".
        truths: how many there were to find.
        missed: share of them not found.
        invented: claims without a thing behind them, per picture.
    """

    model: str
    weather: str
    label: str
    truths: int
    missed: Interval
    invented: Interval


@dataclass(frozen=True)
class HealthCheck:
    """A check of the instruments themselves; one that fails makes the verdicts it covers INCONCLUSIVE.

    Attributes:
        name: such as "eps = 0 gives the clean score".
        passed: the outcome.
        detail: one sentence with the numbers.
        covers: metrics of which condition it vouches for: "attack", "audit" or "all".
    """

    name: str
    passed: bool
    detail: str
    covers: Literal["attack", "audit", "all"] = "all"


@dataclass(frozen=True)
class OverlayBox:
    """A box to draw: class, left-top-right-bottom [px], confidence (1 for truth)."""

    label: str
    xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class Overlay:
    """What to draw over a picture: boxes, and lane lines as polylines [px]."""

    boxes: tuple[OverlayBox, ...] = ()
    lanes: tuple[tuple[tuple[float, float], ...], ...] = ()


@dataclass(frozen=True)
class Picture:
    """One picture of the report.

    Attributes:
        path: PNG relative to the output folder.
        width, height: of the PNG and of the overlays' coordinates [px].
        caption: what it shows.
        truth, prediction: what to draw over it.
    """

    path: str
    width: int
    height: int
    caption: str
    truth: Overlay = field(default_factory=Overlay)
    prediction: Overlay = field(default_factory=Overlay)


@dataclass(frozen=True)
class Figure:
    """Pictures that belong side by side.

    Attributes:
        kind: "weather" (the same instant in the reference weather and here), "glare" (with glare, without it),
            "heat" (Grad-CAM for one lane line with glare, without it, randomised model) or "attack" (clean, attacked,
            the perturbation magnified).
        model, scenario, weather, seed, frame: where it comes from; the report puts it on that weather's page.
        title: a sentence.
        pictures: left to right.
    """

    kind: Literal["weather", "glare", "heat", "attack"]
    model: str
    scenario: str
    weather: str
    seed: int
    frame: str
    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class ModelSource:
    """A model judged: its name in the plan, SHA-256 of its weights, and facts from its card."""

    name: str
    weights_hash: str
    card: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DriveSource:
    """A drive that was played: what, in which weather, with which seed, and SHA-256 of its content."""

    scenario: str
    weather: str
    seed: int
    frames: int
    content_hash: str
    path: str


@dataclass(frozen=True)
class Provenance:
    """Where every number comes from.

    Attributes:
        plan_hash, plan_yaml: the validated plan, every default written out: SHA-256 as canonical JSON, and its text.
        table_hash, source_hash: SHA-256 of `results.parquet`, and over this project's own source files.
        commit: git commit of the source, "" outside a checkout.
        models, drives: what was judged on what.
        versions, seeds: package versions that matter, by name; the plan's seeds.
        command: the one command that repeats the run.
    """

    plan_hash: str
    plan_yaml: str
    table_hash: str
    source_hash: str
    commit: str
    models: tuple[ModelSource, ...]
    drives: tuple[DriveSource, ...]
    versions: dict[str, str]
    seeds: tuple[int, ...]
    command: str


@dataclass(frozen=True)
class ThreatModel:
    """The attacker in the words of NIST AI 100-2 E2025: goal, knowledge, capability, stage of learning."""

    goal: str
    knowledge: str
    capability: str
    stage: str


@dataclass(frozen=True)
class Summary:
    """A whole campaign.

    Attributes:
        title, reference_weather: as the plan has them.
        verdict: FAIL if any criterion fails, else INCONCLUSIVE if any is or a cell failed, else PASS.
        criteria: FAIL first, then INCONCLUSIVE, then PASS; each group in the plan's order.
        conditions: worst first; those over all scenarios come before those of one scenario.
        attacks: by model, weather and rising eps, eps 0 included.
        findings: of the glare audit, largest effect first.
        health: every check that was made.
        failures: cells that could not be computed, a sentence each.
        metrics: name -> (plain words, unit, "more" or "less" is better) of every metric that appears.
        comparisons: number of tests behind the Holm correction.
        errors: what is missed and what is invented, by class; see `error_types.py`.
        omissions: what was not done to a model, and why.
    """

    title: str
    verdict: Verdict
    criteria: tuple[CriterionResult, ...]
    conditions: tuple[ConditionResult, ...]
    attacks: tuple[AttackResult, ...]
    findings: tuple[AuditFinding, ...]
    health: tuple[HealthCheck, ...]
    figures: tuple[Figure, ...]
    failures: tuple[str, ...]
    threat: ThreatModel
    provenance: Provenance
    metrics: dict[str, tuple[str, str, str]]
    reference_weather: str
    comparisons: int
    errors: tuple[ErrorType, ...] = ()
    omissions: tuple[Omission, ...] = ()
    schema_version: int = SCHEMA_VERSION

    @property
    def exit_code(self) -> int:
        """0 if all criteria pass, 1 if one fails, 3 if none fails but one is inconclusive; 2 if a cell failed."""
        return 2 if self.failures else EXIT_CODES[self.verdict]


def as_dict(summary: Summary) -> dict[str, object]:
    """The summary as JSON takes it: dataclasses as objects, tuples as lists, NaN and infinities as null."""
    plain = _plain(dataclasses.asdict(summary))
    assert isinstance(plain, dict)
    return {"exit_code": summary.exit_code, **plain}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
