"""How the report puts numbers and verdicts into words."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from robustness.conditions import WITHOUT_GLARE
from robustness.plan import eps_value
from robustness.summary import CriterionResult, Figure, Interval, Summary, Verdict
from scenarios.weather import PRESETS, Weather, preset

ORDER: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
"""Verdicts, worst first."""

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"

RAW_FACTS: dict[str, tuple[str, ...]] = {
    "lane_f1": ("lane_hits", "lane_false", "lane_missed"),
    "lane_precision": ("lane_hits", "lane_false"),
    "lane_recall": ("lane_hits", "lane_missed"),
    "invented_lanes": ("lane_invented",),
    "lane_error_m": ("lane_error_m",),
    "car_ap50": ("truths:car", "hit:car", "false:car"),
    "ap50": ("truths:%", "hit:%", "false:%"),
    "object_recall": ("truths:%", "hit:%"),
    "invented_objects": ("false:%",),
}
"""Which facts of the results table each metric is made from; "%" stands for any class."""

WEATHER_WORDS: dict[str, str] = {
    "sun_altitude_angle": "sun {:g}° above the horizon",
    "cloudiness": "clouds {:g} %",
    "precipitation": "precipitation {:g} %",
    "precipitation_deposits": "puddles {:g} %",
    "wetness": "road wetness {:g} %",
    "fog_density": "fog {:g} %",
    "snow_cover": "snow cover {:.0%}",
    "snow_packed": "packed and polished {:.0%}",
    "snow_tracks": "wheel tracks worn {:.0%}",
    "temperature": "{:g} °C",
    "snow_depth": "snow {:g} m deep",
    "snow_banks": "ploughed banks {:g} m high",
    "cleared": "carriageway cleared {:.0%}",
    "slush": "slush {:.0%}",
    "ice": "glaze of ice {:.0%}",
    "salt": "salt stains {:.0%}",
    "mud": "mud {:.0%}",
    "leaves": "leaves {:.0%}",
}
"""How the parameters of a weather read; the others are not worth a word."""


@dataclass(frozen=True)
class Answer:
    """The three answers of the first page."""

    short: str
    may_we: str
    how_sure: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A condition that a criterion is about, and the worst verdict there."""

    name: str
    verdict: Verdict


@dataclass(frozen=True)
class Evidence:
    """A claim of the report and the rows of the results table behind it."""

    id: str
    claim: str
    rows: str


def answer(summary: Summary) -> Answer:
    """May we use it, and how sure is that."""
    count = {verdict: sum(c.verdict == verdict for c in summary.criteria) for verdict in ORDER}
    total = len(summary.criteria)
    short = {"FAIL": "No", "INCONCLUSIVE": "Not shown", "PASS": "Yes, where it was tested"}[summary.verdict]
    if summary.verdict == "PASS":
        sentence = f"All {total} acceptance criteria hold, each with its whole 95 % interval."
    elif summary.verdict == "FAIL":
        sentence = f"{count['FAIL']} of {_plural(total, 'acceptance criterion', 'acceptance criteria')} missed"
        sentence += f"; {count['INCONCLUSIVE']} more cannot be decided." if count["INCONCLUSIVE"] else "."
    elif count["INCONCLUSIVE"]:
        sentence = f"No criterion is missed, but {count['INCONCLUSIVE']} of {total} cannot be decided from these runs."
    else:
        sentence = "All criteria hold on what was computed, but parts of the plan could not be computed."
    return Answer(short, sentence, _how_sure(summary))


def places(summary: Summary) -> list[Place]:
    """Where the criteria were judged, worst verdict first."""
    worst: dict[str, Verdict] = {}
    for criterion in summary.criteria:
        name = where(criterion.where)
        worst[name] = min(worst.get(name, "PASS"), criterion.verdict, key=ORDER.index)
    return sorted(
        (Place(name, verdict) for name, verdict in worst.items()), key=lambda place: ORDER.index(place.verdict)
    )


def evidence(summary: Summary) -> list[Evidence]:
    """For every number of the report, the id of its table or figure and its rows of `results.parquet`."""
    found = []
    for index, criterion in enumerate(summary.criteria, 1):
        rows = row_filter(criterion.metric, _competing(summary, criterion.where), criterion.model)
        if criterion.relative_to:
            there = row_filter(criterion.metric, _competing(summary, criterion.relative_to), criterion.model)
            rows += f"\n-- relative to\n{there}"
        found.append(Evidence(f"C{index}", criterion.name, rows))
    seen = {condition.weather for condition in summary.conditions}
    for name in dict.fromkeys(real_weather(condition.weather) for condition in summary.conditions):
        rows = row_filter("", {"weather": name})
        if name + WITHOUT_GLARE in seen:
            rows += f"\n-- glare removed\n{row_filter('', {'weather': name, 'attack': 'no_glare'})}"
        found.append(Evidence(anchor("T-metrics", name), f"metrics and errors in {name}", rows))
    for attack in {(attack.weather, attack.model): attack for attack in summary.attacks}.values():
        rows = row_filter("", {"weather": attack.weather, "attack": attack.attack}, attack.model)
        name = anchor("T-attack", attack.weather, attack.model)
        found.append(Evidence(name, f"{attack.attack} in {attack.weather}", rows))
    found += [Evidence(figure_id(figure), figure.title, _figure_rows(figure)) for figure in summary.figures]
    return found


def _competing(summary: Summary, condition: Mapping[str, str]) -> dict[str, str]:
    """The condition with every strength that competes under its "eps": weaker attacks may be the worse ones."""
    if "eps" not in condition:
        return dict(condition)
    limit = eps_value(condition["eps"])
    known = {attack.eps for attack in summary.attacks if 0 < attack.eps_value <= limit}
    return {**condition, "eps": "|".join(sorted({*known, condition["eps"]}, key=eps_value))}


def row_filter(metric: str, condition: Mapping[str, str], model: str = "") -> str:
    """The rows of `results.parquet` about a condition, as the text behind SQL's WHERE.

    Args:
        metric: a key of `RAW_FACTS`, or "" for all facts.
        condition: "weather", and perhaps "scenario", "attack" ("pgd" stands for all its objectives, of which the worst
            per picture counts) and "eps" (several strengths with a bar between them).
        model: a model's name, or "" for all.
    """
    attack = condition.get("attack", "none")
    named = [("model", model), ("weather", condition.get("weather", "")), ("scenario", condition.get("scenario", ""))]
    parts = [f"{column} = {_quoted(value)}" for column, value in named if value and value != "all"]
    parts.append(f"attack LIKE {_quoted(attack + '/%')}" if attack == "pgd" else f"attack = {_quoted(attack)}")
    if "eps" in condition:
        strengths = [_quoted(eps) for eps in condition["eps"].split("|")]
        parts.append(f"eps = {strengths[0]}" if len(strengths) == 1 else f"eps IN ({', '.join(strengths)})")
    facts = RAW_FACTS.get(metric, ())
    tests = [f"metric {'LIKE' if '%' in fact else '='} {_quoted(fact)}" for fact in facts]
    if tests:
        parts.append(tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})")
    return " AND ".join([*parts, "valid"])


def number(value: float, unit: str = "") -> str:
    """A number with three significant places behind the point, or a dash where there is none."""
    if not math.isfinite(value):
        return NONE
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"
    return f"{text.replace('-', MINUS)}{' ' + unit if unit in ('m', 'px', 's') else ''}"


def interval(found: Interval, unit: str = "") -> str:
    """An estimate with its 95 % interval in brackets."""
    if not math.isfinite(found.value):
        return "not measurable"
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return f"{number(found.value, unit)} (no interval)"
    return f"{number(found.value, unit)} ({number(found.low)} to {number(found.high)})"


def share(found: Interval) -> str:
    """A share as per cent with its 95 % interval."""
    if not math.isfinite(found.value):
        return "not measurable"
    text = f"{100 * found.value:.0f} %"
    known = math.isfinite(found.low) and math.isfinite(found.high)
    return f"{text} ({100 * found.low:.0f} to {100 * found.high:.0f})" if known else f"{text} (no interval)"


def chance(p: float) -> str:
    """A p-value."""
    if not math.isfinite(p):
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def sample(found: Interval) -> str:
    """What an estimate rests on."""
    return f"{_plural(found.runs, 'run')}, {_plural(found.frames, 'picture')}"


def bound(criterion: CriterionResult) -> str:
    """What a criterion demands."""
    sign = {"at_least": "≥", "at_most": "≤"}[criterion.bound]
    unit = "" if criterion.relative_to else criterion.unit
    share_of = f" of {where(criterion.relative_to)}" if criterion.relative_to else ""
    return f"{sign} {criterion.threshold:g}{' ' + unit if unit else ''}{share_of}"


def where(condition: Mapping[str, str]) -> str:
    """A condition of the plan in words, such as "low-sun-snow, pgd 2/255"."""
    attack = f"{condition['attack']} {condition['eps']}" if condition.get("attack") else ""
    return ", ".join(part for part in (condition.get("weather", ""), condition.get("scenario", ""), attack) if part)


def weather_facts(name: str) -> str:
    """The parameters of a weather preset that differ from clear weather; "" for an unknown weather."""
    if name.partition("@")[0] not in PRESETS:
        return ""
    plain, weather = Weather(), preset(name)
    differing = [key for key in WEATHER_WORDS if getattr(weather, key) != getattr(plain, key)]
    shown = differing or ["sun_altitude_angle", "cloudiness"]
    return ", ".join(WEATHER_WORDS[key].format(getattr(weather, key)) for key in shown)


def figure_id(figure: Figure) -> str:
    """A stable name for a figure: what it shows, where it comes from."""
    parts = (figure.kind, figure.scenario, figure.weather, f"seed{figure.seed}", figure.frame, figure.model)
    return anchor("F", *parts)


def real_weather(name: str) -> str:
    """The weather that was played, for the name of its counterfactual twins too."""
    return name.removesuffix(WITHOUT_GLARE)


def anchor(*parts: str) -> str:
    """Text as an id that is safe in HTML and in a URL; different texts give different ids."""
    text = "-".join(str(part) for part in parts)
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", text)
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def short_hash(text: str) -> str:
    """The first twelve digits of a hash."""
    return text[:12]


def _figure_rows(figure: Figure) -> str:
    """The rows about the pictures of a figure."""
    attack = {"weather": "none", "glare": "no_glare", "heat": "audit", "attack": "pgd"}[figure.kind]
    here = {"weather": figure.weather, "scenario": figure.scenario, "attack": attack}
    return f"{row_filter('', here, figure.model)} AND seed = {figure.seed} AND frame = {_quoted(figure.frame)}"


def _how_sure(summary: Summary) -> tuple[str, ...]:
    runs = {(drive.scenario, drive.seed) for drive in summary.provenance.drives}
    pictures = sum(drive.frames for drive in summary.provenance.drives)
    weathers = {drive.weather for drive in summary.provenance.drives}
    passed = sum(check.passed for check in summary.health)
    played = f"{_plural(len(runs), 'scenario run')} in {_plural(len(weathers), 'weather')}"
    return (
        f"{played}, {_plural(pictures, 'picture')} in all.",
        "Intervals are 95 % and count runs, not pictures: pictures of one run are alike.",
        f"{passed} of {_plural(len(summary.health), 'check')} of the instruments passed.",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
