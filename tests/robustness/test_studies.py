"""Counting how a public model reads a picture, and the scenes that it is shown."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception.errors import WhiteoutError
from perception.lane import Lane
from robustness.studies.public_models import Found, TwinLiteNet
from robustness.studies.reading import (
    LaneCount,
    ObjectCount,
    Target,
    count_invented,
    count_lanes,
    count_objects,
    false_boxes,
)
from robustness.studies.street import scenes
from robustness.studies.tally import figure
from scenarios.actor_sizes import EXTENTS
from scenarios.maps.world_map import load_map
from scenarios.weather import preset

SHAPE = (60, 120)


def road() -> np.ndarray:
    """Grass, a road of the width of the picture but for a sidewalk on the right, and one painted line."""
    semantic = np.full(SHAPE, 10, np.uint8)
    semantic[20:, :] = 1
    semantic[20:, 100:] = 2
    semantic[20:, 40:42] = 24
    return semantic


def line(column: float) -> Lane:
    pixels = np.array([[column, 59.0], [column, 20.0]])
    return Lane(pixels, np.full((2, 3), np.nan), np.array([True, True]))


def test_paint_kerbs_and_gaps_are_right_and_the_rest_is_not() -> None:
    semantic, depth = road(), np.full(SHAPE, 10.0)
    drawn = np.zeros(SHAPE, dtype=bool)
    drawn[20:50, 41] = True  # on the line, thirty of its forty rows
    drawn[20:50, 100] = True  # along the kerb
    drawn[20:50, 70] = True  # on nothing
    drawn[5:10, 10] = True  # in the grass
    counted = count_lanes(drawn, semantic, depth, [line(41.0)])
    assert counted == LaneCount(lines=80, found=34 + 33, drawn=95, right=60)
    assert count_invented(drawn, semantic, depth, [line(41.0)]) == 0
    drawn[50:60, 70] = True
    assert count_invented(drawn, semantic, depth, [line(41.0)]) == 1


def test_what_is_far_or_hidden_does_not_count() -> None:
    semantic, depth = road(), np.full(SHAPE, 10.0)
    depth[:40] = 60.0
    semantic[50:, :] = 14
    drawn = np.ones(SHAPE, dtype=bool)
    counted = count_lanes(drawn, semantic, depth, [line(41.0)])
    assert counted.lines == counted.found == 20
    assert counted.drawn == 10 * 120


def test_paint_of_no_lane_line_need_not_be_found() -> None:
    assert count_lanes(np.zeros(SHAPE, dtype=bool), road(), np.full(SHAPE, 10.0), []).lines == 0


def test_objects_are_matched_once_and_strays_are_counted() -> None:
    targets = [
        Target("vehicle", (0.0, 0.0, 10.0, 10.0), 1.0, 15.0),
        Target("vehicle", (50.0, 0.0, 60.0, 10.0), 0.4, 15.0),
        Target("vehicle", (80.0, 0.0, 90.0, 10.0), 1.0, 35.0),
        Target("person", (20.0, 0.0, 24.0, 12.0), 1.0, 12.0),
    ]
    found = [
        Found("vehicle", (0.0, 0.0, 10.0, 11.0), 0.9),
        Found("vehicle", (0.0, 0.0, 10.0, 9.0), 0.8),
        Found("vehicle", (51.0, 0.0, 60.0, 10.0), 0.7),
        Found("person", (100.0, 0.0, 104.0, 10.0), 0.6),
    ]
    assert count_objects(found, targets, "vehicle", 0.0, 20.0, 0.7) == ObjectCount(1, 1)
    assert count_objects(found, targets, "vehicle", 0.0, 40.0, 0.7) == ObjectCount(2, 1)
    assert count_objects(found, targets, "person", 0.0, 20.0, 0.7) == ObjectCount(1, 0)
    assert false_boxes(found, targets) == 1
    assert false_boxes(found, []) == 4


def test_figures_pool_the_pictures() -> None:
    def reading(found: int, lines: int) -> dict[str, object]:
        return {"lanes": {"found": found, "lines": lines, "drawn": 0, "right": 0}, "invented": 1}

    recall = figure("line_recall", [reading(90, 100), reading(10, 100), reading(50, 50), reading(0, 0)])
    assert recall.value == pytest.approx(0.6)
    assert recall.low < 0.6 < recall.high
    assert figure("invented_lines", [reading(0, 1)] * 3).value == pytest.approx(1.0)
    assert math.isnan(figure("line_precision", [reading(0, 1)] * 3).value)


def test_scenes_repeat_and_nobody_stands_in_another() -> None:
    small_town = load_map("small_town")
    first = list(scenes(small_town, preset("clear"), 6, seed=3))
    again = list(scenes(small_town, preset("rain"), 6, seed=3))
    rain = preset("rain")
    assert [one.in_weather(rain).instant for one in first] == [one.in_weather(rain).instant for one in again]
    assert len({one.view.pose for one in first}) == 6
    assert sum(len(one.instant.actors) for one in first) > 6
    for scene in first:
        actors = scene.instant.actors
        for k, one in enumerate(actors):
            for other in actors[k + 1 :]:
                apart = math.hypot(one.pose.x - other.pose.x, one.pose.y - other.pose.y)
                assert apart > max(EXTENTS[one.blueprint][0], EXTENTS[other.blueprint][0])


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="twinlitenet"):
        TwinLiteNet(tmp_path)


def test_lanes_grow_by_the_tolerance_only() -> None:
    semantic, drawn = road(), np.zeros(SHAPE, dtype=np.uint8)
    cv2.line(drawn, (46, 20), (46, 59), 1)
    assert count_lanes(drawn > 0, semantic, np.full(SHAPE, 10.0), [line(41.0)]).right == 0
    cv2.line(drawn, (45, 20), (45, 59), 1)
    assert count_lanes(drawn > 0, semantic, np.full(SHAPE, 10.0), [line(41.0)]).right == 40
