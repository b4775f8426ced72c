"""A plan: what is asked of which models, and what will count as good, before anything runs.

`plan_file.py` reads one from YAML; `cells.py` turns it into independent pieces of work. Every value is validated here.
"""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from perception.adapters.spec import checked_spec, parse_spec
from perception.errors import WhiteoutError
from perception.yaml_file import suggestion
from robustness.measures import METRICS
from robustness.scenario_names import known_scenarios, known_weathers
from scenarios.qualities import QualityName
from scenarios.weather import preset

FILES = (".py", ".xodr")
"""What the name of a scenario or a map ends in if it is a file's."""

Objective = Literal["hide", "invent", "bend_lanes", "erase_lanes", "all"]
"""What an attacker may want; see `attacks/objectives.py`."""


def _eps(value: object) -> str:
    """An attack strength as the plan writes it: a fraction of the pixel range such as "4/255"."""
    try:
        number = Fraction(str(value).replace(" ", ""))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"eps is {value!r}, which is no number; pixels lie in [0, 1]: write 4/255") from error
    if number > 1:
        raise ValueError(f"eps is {value}, but pixels lie in [0, 1], not [0, 255]: write {value}/255")
    if number <= 0:
        raise ValueError(f"eps is {value}, but must be above 0 (eps 0, the clean score, is always tried)")
    if not isinstance(value, float) and (number * 255).denominator == 1:
        return f"{number * 255}/255"
    near = max(1, round(number * 255))
    raise ValueError(f"eps is {value}, but picture files hold whole levels of 1/255: write {near}/255")


def eps_value(eps: str) -> float:
    """The number behind an eps text such as "4/255"."""
    return float(Fraction(eps))


def _scenario(value: str) -> str:
    """A bundled scenario's name, or the path of a scenario file."""
    if value.endswith(".py"):
        return _file(value, "scenario", "give the name of a bundled one or the path of a .py file")
    if value not in known_scenarios():
        raise ValueError(f"there is no scenario {value!r}{suggestion(value, known_scenarios())}")
    return value


def _weather(value: str) -> str:
    name = value.partition("@")[0]
    if name not in known_weathers():
        raise ValueError(f"there is no weather {value!r}{suggestion(name, known_weathers())}")
    if "@" in value:
        try:
            preset(value)
        except WhiteoutError as error:
            raise ValueError(str(error)) from error
    return value


def _metric(value: str) -> str:
    if value not in METRICS:
        raise ValueError(f"there is no metric {value!r}{suggestion(value, METRICS)}")
    return value


def _model(value: str) -> str:
    """A model's text (see `perception.adapters.spec`), with absolute paths."""
    try:
        return str(checked_spec(value))
    except WhiteoutError as error:
        raise ValueError(str(error)) from error


def _map(value: str) -> str:
    """A bundled map's name, or the path of an OpenDRIVE file."""
    return _file(value, "map", "give an OpenDRIVE file or a bundled map") if value.endswith(".xodr") else value


def _file(value: str, kind: str, remedy: str) -> str:
    """A path, made absolute; the file must be there."""
    path = Path(value).resolve()
    if not path.is_file():
        raise ValueError(f"there is no {kind} file {path}; {remedy}")
    return str(path)


def _unique(values: tuple[object, ...]) -> tuple[object, ...]:
    twice = [value for index, value in enumerate(values) if value in values[:index]]
    if twice:
        raise ValueError(f"{twice[0]!r} is listed twice; remove one")
    return values


ScenarioName = Annotated[str, AfterValidator(_scenario)]
WeatherName = Annotated[str, AfterValidator(_weather)]
ModelName = Annotated[str, AfterValidator(_model)]
MetricName = Annotated[str, AfterValidator(_metric)]
MapName = Annotated[str, AfterValidator(_map)]
Eps = Annotated[str, BeforeValidator(_eps)]
Unique = AfterValidator(_unique)


class Strict(BaseModel):
    """Base of every part: immutable, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Size(Strict):
    """Size of the rendered pictures [px]."""

    width: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] = 640
    height: Annotated[int, Field(ge=64, le=4096, multiple_of=16)] = 384


class PgdPlan(Strict):
    """Projected gradient descent.

    Attributes:
        eps: strengths, as fractions of the pixel range; eps 0 is tried besides.
        steps, restarts: of every objective's attack.
        objectives: what is tried; the worst outcome per picture counts.
        frames: attacked pictures a run, spread over it.
        weather: in which weathers; None for the reference weather only.
    """

    eps: Annotated[tuple[Eps, ...], Field(min_length=1, strict=False), Unique]
    steps: Annotated[int, Field(ge=1, le=1000)] = 10
    restarts: Annotated[int, Field(ge=1, le=100)] = 1
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, strict=False), Unique] = (
        "hide", "invent", "bend_lanes", "all",
    )  # fmt: skip
    frames: Annotated[int, Field(ge=1)] = 1
    weather: Annotated[tuple[WeatherName, ...] | None, Field(strict=False)] = None


class AttackPlan(Strict):
    """One attack, by name."""

    pgd: PgdPlan


class GradCamPlan(Strict):
    """Grad-CAM for lane lines, compared with the same instant without glare.

    Attributes:
        against: what the renderer takes away.
        frames: audited pictures a run, spread over it.
        weather: in which weathers; None for every `low-sun-*` one.
        layer: a key of the model's `explainable_layers`; None for its first.
    """

    against: Literal["glare"] = "glare"
    frames: Annotated[int, Field(ge=1)] = 2
    weather: Annotated[tuple[WeatherName, ...] | None, Field(strict=False)] = None
    layer: str | None = None


class AuditPlan(Strict):
    """One audit, by name."""

    grad_cam: GradCamPlan


class Where(Strict):
    """A condition: a weather, perhaps one scenario of it, perhaps under an attack of strength `eps`."""

    weather: WeatherName
    scenario: ScenarioName | None = None
    attack: Literal["pgd"] | None = None
    eps: Eps | None = None

    @model_validator(mode="after")
    def _attack_has_eps(self) -> Where:
        if (self.attack is None) != (self.eps is None):
            raise ValueError("an attack needs its strength and a strength its attack: write attack: pgd, eps: 2/255")
        return self

    def words(self) -> dict[str, str]:
        """The condition as the results table has it: a scenario file by its stem."""
        words = {key: str(value) for key, value in self.model_dump(exclude_none=True).items()}
        return words | ({"scenario": Path(words["scenario"]).stem} if "scenario" in words else {})


class Criterion(Strict):
    """What will count as good: a metric where, at least or at most so much, perhaps relative to another condition."""

    name: Annotated[str, Field(min_length=1)]
    metric: MetricName
    where: Where
    relative_to: Where | None = None
    at_least: Annotated[float | None, Field(allow_inf_nan=False)] = None
    at_most: Annotated[float | None, Field(allow_inf_nan=False)] = None

    @model_validator(mode="after")
    def _check(self) -> Criterion:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give exactly one of at_least and at_most")
        return self

    @property
    def bound(self) -> tuple[Literal["at_least", "at_most"], float]:
        """Which bound, and its number."""
        if self.at_least is not None:
            return "at_least", self.at_least
        assert self.at_most is not None
        return "at_most", self.at_most


class Plan(Strict):
    """Everything that is asked; see the bundled `plans/default.yaml` for one with comments."""

    title: str = "Robustness report"
    models: Annotated[tuple[ModelName, ...], Field(min_length=1, strict=False), Unique] = ("reference",)
    scenarios: Annotated[tuple[ScenarioName, ...], Field(min_length=1, strict=False), Unique]
    weather: Annotated[tuple[WeatherName, ...], Field(min_length=1, strict=False), Unique]
    reference_weather: WeatherName = "clear"
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1, strict=False), Unique] = (0,)
    frames: Annotated[int, Field(ge=1, le=10_000)] = 6
    size: Size = Size()
    quality: QualityName = "physical"
    map: MapName | None = None
    attacks: Annotated[tuple[AttackPlan, ...], Field(strict=False, max_length=1)] = ()
    audits: Annotated[tuple[AuditPlan, ...], Field(strict=False, max_length=1)] = ()
    accept: Annotated[tuple[Criterion, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        if self.reference_weather not in self.weather:
            raise ValueError(f"reference_weather {self.reference_weather!r} is not in the list weather; add it there")
        models, scenarios = [model_name(name) for name in self.models], [Path(name).stem for name in self.scenarios]
        for what, stems in (("models", models), ("scenarios", scenarios)):
            twice = next((stem for stem in stems if stems.count(stem) > 1), None)
            if twice is not None:
                raise ValueError(f"two of {what} are called {twice!r}, so nobody could tell them apart; rename a file")
        parts: list[PgdPlan | GradCamPlan] = [*(a.pgd for a in self.attacks), *(a.grad_cam for a in self.audits)]
        for part in parts:
            self._played(part.weather or (), "an attack or audit")
            if part.frames > self.frames:
                raise ValueError(f"an attack or audit wants {part.frames} frames a run, but a run has {self.frames}")
        for criterion in self.accept:
            for where in (criterion.where, criterion.relative_to):
                if where is not None:
                    self._asked(criterion.name, where)
        return self

    def _played(self, weathers: tuple[str, ...], who: str) -> None:
        for weather in weathers:
            if weather not in self.weather:
                raise ValueError(f"{who} names the weather {weather!r}, which the list weather lacks; add it there")

    def _asked(self, name: str, where: Where) -> None:
        """Whether the plan will measure what a criterion is about."""
        self._played((where.weather,), f"criterion {name!r}")
        if where.scenario is not None and where.scenario not in self.scenarios:
            raise ValueError(f"criterion {name!r} names the scenario {where.scenario!r}, which scenarios lacks; add it")
        if where.eps is None:
            return
        attack = self.attacks[0].pgd if self.attacks else None
        if attack is None or where.eps not in attack.eps:
            raise ValueError(f"criterion {name!r} asks for pgd with eps {where.eps}, which attacks lacks; add it there")
        if where.weather not in (attack.weather or (self.reference_weather,)):
            raise ValueError(f"criterion {name!r} asks for pgd in {where.weather}, which attacks.pgd.weather lacks")

    @property
    def plan_hash(self) -> str:
        """SHA-256 of the plan with every default written out, files by name only, as canonical JSON."""
        canonical = json.dumps(_named(self.model_dump(mode="json")), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_yaml(self, *, paths: bool = True) -> str:
        """The plan with every default written out; without `paths`, files are named without their folders."""
        content = self.model_dump(mode="json")
        content = content if paths else _named(content)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def model_name(text: str) -> str:
    """What tables and reports call a model of the plan."""
    return parse_spec(text).name


def _named(value: Any) -> Any:
    """Plain values with the paths of files cut down to their names."""
    if isinstance(value, dict):
        named = {key: _named(item) for key, item in value.items()}
        return named | (
            {"models": [str(parse_spec(text).named()) for text in value["models"]]} if "models" in value else {}
        )
    if isinstance(value, list):
        return [_named(item) for item in value]
    is_file = isinstance(value, str) and value.endswith(FILES) and Path(value).is_absolute()
    return Path(value).name if is_file else value
