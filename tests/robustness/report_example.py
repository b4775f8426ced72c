"""A summary with every part filled in, over pictures that are drawn here: what the report is tested on.

The numbers mean nothing; names that come from outside are hostile on purpose.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from perception.raster import encode_png
from robustness.conditions import WITHOUT_GLARE
from robustness.measures import METRICS
from robustness.summary import (
    AttackResult,
    AuditFinding,
    Change,
    ConditionResult,
    CriterionResult,
    DriveSource,
    ErrorType,
    Figure,
    HealthCheck,
    Interval,
    ModelSource,
    Overlay,
    OverlayBox,
    Picture,
    Provenance,
    Summary,
    ThreatModel,
    Verdict,
)

HOSTILE = '<script>alert("1")</script>'
WIDTH, HEIGHT = 320, 192
NAN = float("nan")
WEATHERS = {"low-sun-snow": 0.55, "low-sun-wet": 0.8, "clear": 1.0}
LINES = ((((20.5, 191.0), (150.0, 92.0))), ((300.0, 191.0), (168.0, 92.0)))
SHIFTED = tuple(tuple((x + 9, y) for x, y in line) for line in LINES)


def interval(value: float, spread: float = 0.06, runs: int = 8) -> Interval:
    return Interval(value, value - spread, value + spread, runs, 6 * runs, "BCa bootstrap over runs")


def road(glare: float, seed: int = 0) -> np.ndarray:
    """A drawn road picture, height x width x 3; `glare` 0 to 1."""
    rng = np.random.default_rng(seed)
    image = np.empty((HEIGHT, WIDTH, 3), np.float64)
    image[:84] = np.linspace([110, 150, 200], [200, 215, 230], 84)[:, None]
    image[84:] = 120 + rng.normal(0, 6, (HEIGHT - 84, WIDTH, 1))
    for line in LINES:
        cv2.polylines(image, [np.array(line).round().astype(np.int32)], False, (235, 235, 230), 3)
    image[84:112, 140:176] = (150, 30, 30)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image += 255 * glare * np.exp(-(((x - 200) / 40) ** 2) - ((y - 120) / 60) ** 2)[..., None]
    return image.clip(0, 255).astype(np.uint8)


def summary(folder: Path, verdicts: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")) -> Summary:
    """The summary; its pictures are written under `folder`."""
    overall = next(verdict for verdict in ("FAIL", "INCONCLUSIVE", "PASS") if verdict in verdicts)
    return Summary(
        title=f"Lanes in low sun {HOSTILE}",
        verdict=overall,
        criteria=tuple(criterion(verdict, index) for index, verdict in enumerate(verdicts)),
        conditions=conditions(),
        attacks=tuple(attack(eps) for eps in range(4)),
        findings=(finding("all"), finding(f"cut_in{HOSTILE}")),
        health=(
            HealthCheck("eps = 0 gives the clean score", True, "largest difference 0 in 8 pictures", "attack"),
            HealthCheck("heat maps depend on the weights", False, f"rank correlation 0.91 {HOSTILE}", "audit"),
        ),
        figures=figures(folder),
        failures=(),
        threat=ThreatModel("integrity: hide objects", "white-box", "every pixel by at most eps", "evasion, deployment"),
        provenance=provenance(),
        metrics={name: (m.words, m.unit, m.better) for name, m in METRICS.items()},
        reference_weather="clear",
        comparisons=18,
        errors=(
            ErrorType("reference", "clear", "car", 40, interval(0.0, 0.0), interval(0.0, 0.0)),
            ErrorType("reference", "low-sun-snow", "car", 40, interval(0.4), interval(0.2)),
            ErrorType("reference", "low-sun-snow", "lane line", 96, interval(0.5), interval(0.1)),
        ),
    )


def criterion(verdict: Verdict, index: int) -> CriterionResult:
    value = {"FAIL": 0.55, "INCONCLUSIVE": 0.88, "PASS": 0.97}[verdict]
    weather = list(WEATHERS)[index % 3]
    return CriterionResult(
        name=f"criterion {index} & <b>{verdict}</b>",
        model="reference",
        metric="lane_f1",
        unit="",
        where={"weather": weather},
        relative_to={"weather": "clear"} if weather != "clear" else None,
        bound="at_least",
        threshold=0.9,
        measured=interval(value),
        absolute=(interval(value * 0.95), interval(0.95) if weather != "clear" else None),
        verdict=verdict,
        reason=f"the interval of {value} is what it is",
    )


def conditions() -> tuple[ConditionResult, ...]:
    found = []
    for scenario in ("all", f"cut_in{HOSTILE}"):
        for weather, factor in WEATHERS.items():
            metrics = {
                name: interval(0.9 * factor if metric.better == "more" else 0.15 / factor)
                for name, metric in METRICS.items()
            }
            metrics["invented_lanes"] = Interval(NAN, NAN, NAN, 0, 0)
            change = Change(interval(factor - 1), interval(factor), 0.004)
            changes = {} if weather == "clear" else dict.fromkeys(metrics, change)
            found.append(ConditionResult("reference", weather, scenario, metrics, changes, 1 - factor))
            if weather == "low-sun-snow":
                name = weather + WITHOUT_GLARE
                found.append(ConditionResult("reference", name, scenario, metrics, changes, 0.2))
    return tuple(found)


def attack(eps: int) -> AttackResult:
    return AttackResult(
        model="reference",
        weather="clear",
        attack="pgd",
        eps=f"{eps}/255" if eps else "0",
        eps_value=eps / 255,
        steps=10,
        restarts=1,
        objectives=("hide", "bend_lanes"),
        metrics={"car_ap50": interval(0.9 * 0.4**eps, 0.04), "lane_f1": interval(0.95 * 0.7**eps, 0.04)},
        ratio={"car_ap50": interval(0.4**eps), "lane_f1": interval(0.7**eps)},
        worst_objective={"hide": 5, "bend_lanes": 3},
    )


def finding(scenario: str) -> AuditFinding:
    share = interval(0.3)
    return AuditFinding(
        model="reference", weather="low-sun-snow", scenario=scenario, layer="backbone.6",
        condition="low-sun-snow, all scenarios: glare on 7 % of the picture",
        statement=f"In low-sun-snow 31 % of the evidence lies on glare; lines are 0.42 m off {HOSTILE}",
        on_glare=interval(0.31), on_lane=interval(0.2), pixels_glare=interval(0.07, 0.02),
        pixels_lane=interval(0.05, 0.01),
        on_glare_random=interval(0.08), on_lane_random=interval(0.06), on_lane_no_glare=interval(0.5),
        pointing=Interval(NAN, NAN, NAN, 1, 2), moved_m=interval(0.3), error_m=interval(0.42),
        error_no_glare_m=interval(0.18),
        lanes_regained=share, lanes_lost=share, objects_regained=share, objects_lost=share,
        object_on_glare=interval(0.12), object_on_box=interval(0.4), pixels_box=interval(0.03, 0.01),
        object_on_box_random=interval(0.04, 0.01),
        p_holm=0.012, sane=True, supported=True,
    )  # fmt: skip


def figures(folder: Path) -> tuple[Figure, ...]:
    """One figure of each kind."""
    clear, snow = road(0.0), road(0.8)
    attacked = np.clip(clear + np.random.default_rng(1).integers(-4, 5, clear.shape), 0, 255).astype(np.uint8)
    heat = np.exp(-(((np.mgrid[:HEIGHT, :WIDTH] - np.array([130, 200])[:, None, None]) / 30.0) ** 2).sum(axis=0))
    noise = (128 + 30 * (attacked.astype(int) - clear)).clip(0, 255).astype(np.uint8)
    warm = (snow * (1 - heat[..., None]) + heat[..., None] * (255, 180, 60)).astype(np.uint8)
    rasters = {"clear": clear, "snow": snow, "attacked": attacked, "noise": noise, "heat": warm}
    folder.mkdir(parents=True, exist_ok=True)
    for name, raster in rasters.items():
        (folder / f"{name}.png").write_bytes(encode_png(raster))
    truth = Overlay((OverlayBox("car", (140.0, 84.0, 176.0, 112.0), 1.0),), LINES)
    said = Overlay((OverlayBox(HOSTILE, (143.0, 85.0, 180.0, 112.0), 0.87),), SHIFTED)

    def picture(name: str, caption: str, *drawn: Overlay) -> Picture:
        return Picture(f"{name}.png", WIDTH, HEIGHT, caption, *drawn)

    shown = {
        "weather": (picture("clear", "clear", truth, said), picture("snow", f"here {HOSTILE}", truth, said)),
        "glare": (picture("snow", "with glare", truth, said), picture("clear", "without", truth, said)),
        "heat": (picture("heat", "with glare"), picture("heat", "without"), picture("heat", "randomised")),
        "attack": (
            picture("clear", "clean", truth, said),
            picture("attacked", "eps 4/255", truth, said),
            picture("noise", "perturbation x 30"),
        ),
    }
    return tuple(
        Figure(kind, "reference", f"cut_in{HOSTILE}", "low-sun-snow", 0, "000003", f"a title {HOSTILE}", pictures)  # type: ignore[arg-type]
        for kind, pictures in shown.items()
    )


def provenance() -> Provenance:
    drives = tuple(
        DriveSource(scenario, weather, seed, 6, "ab" * 32, "cells/drives/x")
        for scenario in ("cut_in", "low_sun") for weather in WEATHERS for seed in range(4)
    )  # fmt: skip
    return Provenance(
        plan_hash="12" * 32,
        plan_yaml=f"title: {HOSTILE}\nscenarios: [cut_in]\n",
        table_hash="34" * 32,
        source_hash="56" * 32,
        commit="",
        models=(ModelSource("reference", "78" * 32, {"trained": f"on {HOSTILE}"}),),
        drives=drives,
        versions={"torch": "2.14.1", "mitsuba": "3.9"},
        seeds=(0, 1, 2, 3),
        command="whiteout report plan.yaml --out out/report",
    )
