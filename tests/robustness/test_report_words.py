from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from robustness.measures import METRICS, RAW
from robustness.summary import Interval
from robustness.words import RAW_FACTS, anchor, chance, evidence, interval, number, row_filter, share, weather_facts
from tests.robustness.report_example import HOSTILE, summary

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.4178, "m", "0.418 m"),
        (-0.05, "", "\u22120.050"),
        (12.345, "", "12.35"),
        (250.4, "px", "250 px"),
        (NAN, "m", "\u2013"),
    ],
)
def test_numbers(value: float, unit: str, words: str) -> None:
    assert number(value, unit) == words


def test_intervals_shares_and_chances() -> None:
    assert interval(Interval(0.5, 0.4, 0.6, 8, 48), "m") == "0.500 m (0.400 to 0.600)"
    assert interval(Interval(0.5, NAN, NAN, 1, 6)) == "0.500 (no interval)"
    assert interval(Interval(NAN, NAN, NAN, 0, 0)) == "not measurable"
    assert share(Interval(0.314, 0.2, 0.4, 8, 48)) == "31 % (20 to 40)"
    assert (chance(0.0004), chance(0.0123), chance(NAN)) == ("< 0.001", "0.012", "\u2013")


def test_ids_are_safe_and_different() -> None:
    names = ["cut in", "cut_in", "cut/in", HOSTILE, "é"]
    made = [anchor("F", name) for name in names]
    assert len(set(made)) == len(names)
    assert all(part.replace("-", "").replace("_", "").isalnum() and part.isascii() for part in made)


def test_weather_is_named_with_its_parameters() -> None:
    assert "snow cover 90%" in weather_facts("low-sun-snow")
    assert "sun 7° above the horizon" in weather_facts("low-sun-snow")
    assert weather_facts("clear") == "sun 45° above the horizon, clouds 10 %"
    assert weather_facts("nowhere") == ""


def test_row_filters_are_sql_that_finds_the_rows(tmp_path: Path) -> None:
    table = sqlite3.connect(":memory:")
    table.execute("CREATE TABLE results (model, scenario, weather, seed, frame, attack, eps, metric, value, valid)")
    rows = [
        ("it's", "cut_in", weather, 0, "000003", attack, eps, metric, 1.0, valid)
        for weather in ("clear", "fog")
        for attack, eps in (("none", "0"), ("pgd/hide", "2/255"), ("pgd/all", "4/255"), ("no_glare", "0"))
        for metric in ("lane_hits", "lane_false", "lane_missed", "hit:car", "truths:car")
        for valid in (True, False)
    ]
    table.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def count(metric: str, model: str, **condition: str) -> int:
        where = row_filter(metric, condition, model)
        return int(table.execute(f"SELECT COUNT(*) FROM results WHERE {where}").fetchone()[0])

    assert count("lane_f1", "it's", weather="fog") == 3
    assert count("object_recall", "", weather="fog") == 2
    assert count("", "", weather="clear", attack="pgd") == 10
    assert count("", "", weather="clear", attack="pgd", eps="4/255") == 5
    assert count("lane_recall", "", weather="clear", attack="no_glare", scenario="all") == 2
    assert count("", "", weather="clear", scenario="low_sun") == 0
    for entry in evidence(summary(tmp_path)):
        for part in re.split(r"\n-- .*\n", entry.rows):
            table.execute(f"SELECT COUNT(*) FROM results WHERE {part}")


def test_every_metric_names_facts_that_the_table_has() -> None:
    assert set(RAW_FACTS) == set(METRICS)
    known = {name.replace("CLASS", "%") for name in RAW} | {name.replace("CLASS", "car") for name in RAW}
    assert {fact for facts in RAW_FACTS.values() for fact in facts} <= known
