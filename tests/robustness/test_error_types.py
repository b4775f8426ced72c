from __future__ import annotations

import numpy as np
import pytest

from robustness.error_types import error_types
from robustness.measures import CONFIDENCE, Sample

ROWS = [
    # run, fact, value
    (0, "truths:car", 4.0), (0, "hit:car", 0.9), (0, "hit:car", CONFIDENCE), (0, "hit:car", CONFIDENCE - 0.01),
    (0, "false:car", 0.95), (0, "false:car", 0.01),
    (1, "truths:car", 2.0), (1, "hit:car", 0.8), (1, "hit:car", 0.7), (1, "false:bus", 0.6),
    (0, "lane_hits", 3.0), (0, "lane_missed", 1.0), (0, "lane_false", 2.0), (0, "lane_invented", 1.0),
    (1, "lane_hits", 4.0), (1, "lane_missed", 0.0), (1, "lane_false", 0.0), (1, "lane_invented", 0.0),
    (0, "truths:truck", 0.0), (1, "truths:truck", 0.0),
]  # fmt: skip


def sample() -> Sample:
    run, fact, value = zip(*ROWS, strict=True)
    return Sample((("a", 0), ("a", 1)), np.array([2, 3]), np.array(run), np.array(fact), np.array(value))


def test_missed_and_invented_by_class() -> None:
    found = {entry.label: entry for entry in error_types(sample(), "m", "fog")}
    assert set(found) == {"car", "bus", "lane line"}
    car, bus, line = found["car"], found["bus"], found["lane line"]
    assert (car.truths, bus.truths, line.truths) == (6, 0, 8)
    assert car.missed.value == pytest.approx(2 / 6)
    assert car.invented.value == pytest.approx(1 / 5)
    assert bus.invented.value == pytest.approx(1 / 5)
    assert np.isnan(bus.missed.value)
    assert line.missed.value == pytest.approx(1 / 8)
    assert line.invented.value == pytest.approx(1 / 5)
    assert 0 <= car.missed.low < car.missed.value < car.missed.high <= 1
    assert (car.model, car.weather, car.missed.runs, car.missed.frames) == ("m", "fog", 2, 5)
