"""A plan as independent pieces of work, each named by the hash of everything that its result depends on.

A drive cell plays a scenario once; score, attack and audit cells look at its frames with one model. Two plans that ask
for the same thing share it; a changed weight, scenario file, map or package version gives another name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from perception.adapters.candidate import open_model
from perception.box import CLASSES
from robustness.gradcam import layer_of
from robustness.plan import GradCamPlan, PgdPlan, Plan
from robustness.provenance import code_version, digest
from scenarios.maps.world_map import load_map
from scenarios.qualities import QualityName
from scenarios.scenario import load_scenario

RENDER_SECONDS: dict[QualityName, float] = {"physical": 2.4, "preview": 0.9, "reference": 60.0}
"""Core-seconds a frame with its labels, for the time left."""

GRADIENT_SECONDS = 0.25
"""Core-seconds of a forward and a backward pass at the default input size, for the time left."""

START_SECONDS = 10.0
"""Core-seconds before the first picture of a scenario, for the time left."""


@dataclass(frozen=True)
class ModelRef:
    """A model under test.

    Attributes:
        name: what tables and reports call it.
        weights_hash: of its weights.
        source: the plan's text, from which it is opened.
        not_attacked: why it cannot be attacked; "" if it can.
        not_audited: why Grad-CAM cannot explain it; "" if it can.
        silent: what it does not look for at all ("objects", "lane lines", or a class).
        facts: where it comes from, for the report.
    """

    name: str
    weights_hash: str
    source: str = field(compare=False)
    not_attacked: str = field(default="", compare=False)
    not_audited: str = field(default="", compare=False)
    silent: tuple[str, ...] = field(default=(), compare=False)
    facts: dict[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class DriveCell:
    """A scenario played once in one weather with one seed.

    Attributes:
        map: what `load_map` takes; `map_hash` is of the OpenDRIVE text.
        twins: whether each picture comes with its twin without glare.
        code: hash of the code that decides the pictures.
    """

    scenario: str
    weather: str
    seed: int
    frames: int
    width: int
    height: int
    quality: QualityName
    map: str
    map_hash: str
    scenario_hash: str
    twins: bool
    code: str
    kind: Literal["drive"] = "drive"

    @cached_property
    def key(self) -> str:
        """The cell's name."""
        names = {"scenario": Path(self.scenario).stem, "map": Path(self.map).stem}
        return digest({**asdict(self), **names})

    @property
    def run(self) -> tuple[str, int]:
        """Scenario name and seed: what statistics count as one."""
        return Path(self.scenario).stem, self.seed

    @property
    def cost(self) -> float:
        """Rough work [core-seconds]."""
        return START_SECONDS + self.frames * RENDER_SECONDS[self.quality] * (1.5 if self.twins else 1.0)


@dataclass(frozen=True)
class ModelCell:
    """A model on a drive: the part that the score, attack and audit cells share."""

    drive: DriveCell
    model: ModelRef
    code: str

    @property
    def kind(self) -> str:
        """What is done: "score", "attack" or "audit"; the folder of the results."""
        return type(self).__name__.removesuffix("Cell").lower()

    @cached_property
    def key(self) -> str:
        """The cell's name."""
        content = {name: value for name, value in vars(self).items() if name in self.__dataclass_fields__}
        return digest(
            {"kind": self.kind, **content, "drive": self.drive.key, "model": [self.model.name, self.model.weights_hash]}
        )


@dataclass(frozen=True)
class ScoreCell(ModelCell):
    """The model's answers on every frame of a drive."""

    @property
    def cost(self) -> float:
        """Rough work [core-seconds]."""
        return self.drive.frames * GRADIENT_SECONDS


@dataclass(frozen=True)
class AttackCell(ModelCell):
    """PGD of one strength on some frames of a drive, every objective; eps "0" tries the machinery itself."""

    eps: str
    steps: int
    restarts: int
    objectives: tuple[str, ...]
    frames: int

    @property
    def cost(self) -> float:
        """Rough work [core-seconds]."""
        return self.frames * len(self.objectives) * (self.steps * self.restarts + 2) * GRADIENT_SECONDS


@dataclass(frozen=True)
class AuditCell(ModelCell):
    """Grad-CAM with glare, without it and on the randomised model, on some frames of a drive."""

    layer: str | None
    frames: int

    @property
    def cost(self) -> float:
        """Rough work [core-seconds]."""
        return self.frames * 3 * 2 * GRADIENT_SECONDS


Cell = DriveCell | ScoreCell | AttackCell | AuditCell


def expand(plan: Plan) -> tuple[Cell, ...]:
    """Every cell of a plan: drives first, those of one map together."""
    models = [model_ref(name, plan) for name in plan.models]
    drives = drive_cells(plan)
    cells: list[Cell] = [*sorted(drives, key=lambda drive: (drive.map, drive.run, drive.weather))]
    for drive in drives:
        for model in models:
            cells.append(ScoreCell(drive, model, code_version("score")))
            for attack in plan.attacks if not model.not_attacked else ():
                cells.extend(_attack_cells(plan, attack.pgd, drive, model))
            for audit in plan.audits if not model.not_audited else ():
                cells.extend(_audit_cells(plan, audit.grad_cam, drive, model))
    return tuple(cells)


def drive_cells(plan: Plan) -> tuple[DriveCell, ...]:
    """What must be played, in the plan's order."""
    scenarios = {name: load_scenario(name) for name in plan.scenarios}
    maps = {name: plan.map or scenario.map for name, scenario in scenarios.items()}
    audited = {weather for audit in plan.audits for weather in audited_weathers(plan, audit.grad_cam)}
    hashes = {name: digest(load_map(name).opendrive) for name in sorted(set(maps.values()))}
    return tuple(
        DriveCell(
            scenario=name, weather=weather, seed=seed, frames=plan.frames, width=plan.size.width,
            height=plan.size.height, quality=plan.quality, map=maps[name], map_hash=hashes[maps[name]],
            scenario_hash=scenario.source_hash, twins=weather in audited, code=code_version("drive"),
        )
        for name, scenario in scenarios.items() for seed in plan.seeds for weather in plan.weather
    )  # fmt: skip


def model_ref(text: str, plan: Plan) -> ModelRef:
    """A model of the plan, opened once: its weights hashed, what it cannot do noted.

    Raises:
        WhiteoutError: it cannot be opened, or lacks the layer that an audit names.
    """
    model = open_model(text)
    if not model.no_layers:
        for audit in plan.audits:
            layer_of(model.network, audit.grad_cam.layer)
    silent = [] if model.classes else ["objects"]
    silent += [f"the class {label}" for label in CLASSES if model.classes and label not in model.classes]
    silent += [] if model.has_lanes else ["lane lines"]
    return ModelRef(
        model.name, model.weights_hash(), text, model.no_gradients, model.no_layers, tuple(silent), dict(model.facts)
    )


def spread(count: int, total: int) -> tuple[int, ...]:
    """`count` indices of `total` frames, spread evenly, away from both ends."""
    count = min(count, total)
    return tuple(int((index + 0.5) * total / count) for index in range(count))


def _attack_cells(plan: Plan, attack: PgdPlan, drive: DriveCell, model: ModelRef) -> Iterable[AttackCell]:
    if drive.weather not in (attack.weather or (plan.reference_weather,)):
        return
    for eps in ("0", *attack.eps):
        steps, restarts = (1, 1) if eps == "0" else (attack.steps, attack.restarts)
        code = code_version("attack")
        yield AttackCell(drive, model, code, eps, steps, restarts, attack.objectives, attack.frames)


def audited_weathers(plan: Plan, audit: GradCamPlan) -> tuple[str, ...]:
    """In which weathers an audit is made: those it names, or every one with a low sun."""
    return audit.weather or tuple(weather for weather in plan.weather if weather.startswith("low-sun"))


def _audit_cells(plan: Plan, audit: GradCamPlan, drive: DriveCell, model: ModelRef) -> Iterable[AuditCell]:
    if drive.weather in audited_weathers(plan, audit):
        yield AuditCell(drive, model, code_version("audit"), audit.layer, audit.frames)
