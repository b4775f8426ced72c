"""From the readings of single pictures to figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustness.measures import Ratio
from robustness.statistics import estimate
from robustness.summary import Interval

Reading = Mapping[str, Any]
"""One picture's counts, see `frames.read_portion`."""


@dataclass(frozen=True)
class Figure:
    """A figure: its words, how a picture adds to its top and bottom, and what kind of ratio it is."""

    words: str
    top: Callable[[Reading], float]
    bottom: Callable[[Reading], float]
    kind: str


FIGURES: dict[str, Figure] = {
    "line_recall": Figure(
        "lane line pixels found", lambda r: r["lanes"]["found"], lambda r: r["lanes"]["lines"], "rate"
    ),
    "line_precision": Figure(
        "drawn line pixels that are right", lambda r: r["lanes"]["right"], lambda r: r["lanes"]["drawn"], "rate"
    ),
    "invented_lines": Figure("invented lines a picture", lambda r: r["invented"], lambda _: 1.0, "count"),
    "vehicle_20": Figure(
        "vehicles found within 20 m",
        lambda r: r["objects"]["vehicle-20"]["found"],
        lambda r: r["objects"]["vehicle-20"]["wanted"],
        "rate",
    ),
    "vehicle_40": Figure(
        "vehicles found within 40 m",
        lambda r: r["objects"]["vehicle-40"]["found"],
        lambda r: r["objects"]["vehicle-40"]["wanted"],
        "rate",
    ),
    "person_20": Figure(
        "people found within 20 m",
        lambda r: r["objects"]["person-20"]["found"],
        lambda r: r["objects"]["person-20"]["wanted"],
        "rate",
    ),
    "false_boxes": Figure("false boxes a picture", lambda r: r["false"], lambda _: 1.0, "count"),
}
"""What the study counts; every picture is another place and counts as a run of its own."""


def figure(name: str, readings: Sequence[Reading]) -> Interval:
    """A figure over pictures with its 95 % interval."""
    chosen = FIGURES[name]
    top = np.array([chosen.top(r) for r in readings], dtype=np.float64)
    bottom = np.array([chosen.bottom(r) for r in readings], dtype=np.float64)
    ratio = Ratio(top, bottom, chosen.kind)  # type: ignore[arg-type]
    trials = float(len(readings)) if chosen.kind == "count" else float(bottom.sum())
    return estimate(ratio, runs=len(readings), frames=len(readings), trials=trials)


def written(interval: Interval) -> str:
    """Such as "0.95 (0.93 to 0.97)"."""
    if not np.isfinite(interval.value):
        return "none to find"
    return f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
