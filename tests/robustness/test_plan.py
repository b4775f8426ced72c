"""Plans: what is accepted, and that a wrong one names the line and the remedy."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import pytest

from perception.errors import WhiteoutError
from robustness.cells import RENDER_SECONDS, audited_weathers
from robustness.plan import Plan, eps_value
from robustness.plan_file import read_plan
from scenarios.cli import add_commands
from scenarios.qualities import QUALITIES

GOOD = """\
scenarios: [low_sun, cut_in]
weather: [clear, low-sun-snow]
seeds: [0, 1]
attacks:
  - pgd: {eps: [1/255, 4/255], steps: 5}
audits:
  - grad_cam: {against: glare}
accept:
  - name: lanes in glare
    metric: lane_f1
    where: {weather: low-sun-snow}
    relative_to: {weather: clear}
    at_least: 0.9
"""


def read(tmp_path: Path, text: str) -> Plan:
    """A plan from text."""
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return read_plan(path)


def complaint(tmp_path: Path, text: str) -> str:
    """What is said about a wrong plan."""
    with pytest.raises(WhiteoutError) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_a_good_plan_is_read_with_its_defaults(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD)
    assert plan.models == ("reference",)
    assert plan.attacks[0].pgd.eps == ("1/255", "4/255")
    assert plan.attacks[0].pgd.restarts == 1
    assert plan.accept[0].bound == ("at_least", 0.9)


def test_the_bundled_plan_is_valid() -> None:
    plan = read_plan()
    assert len(plan.scenarios) * len(plan.seeds) >= 12
    assert plan.quality == "physical"


def test_the_validated_form_reads_back_to_the_same_hash(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD)
    assert read(tmp_path, plan.as_yaml()).plan_hash == plan.plan_hash


def test_the_hash_sees_every_default(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD + "frames: 6\n").plan_hash == read(tmp_path, GOOD).plan_hash
    assert read(tmp_path, GOOD + "frames: 7\n").plan_hash != read(tmp_path, GOOD).plan_hash


def test_a_weather_may_be_asked_for_at_a_severity(tmp_path: Path) -> None:
    plan = read(tmp_path, GOOD.replace("low-sun-snow", "low-sun-snow@5"))
    assert plan.weather == ("clear", "low-sun-snow@5")
    assert audited_weathers(plan, plan.audits[0].grad_cam) == ("low-sun-snow@5",)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("seeds:", "seed:", 3, "did you mean 'seeds'?"),
        ("steps: 5", "step: 5", 5, "did you mean 'steps'?"),
        ("low_sun, cut_in", "low_sun, cutin", 1, "did you mean 'cut_in'?"),
        ("weather: [clear, low-sun-snow]", "weather: [clear, lowsun-snow]", 2, "did you mean 'low-sun-snow'?"),
        ("weather: [clear, low-sun-snow]", "weather: [clear, low-sun-snow@6]", 2, "low-sun-snow@1 to low-sun-snow@5"),
        ("1/255, 4/255", "1/255, 4", 5, "write 4/255"),
        ("1/255, 4/255", "0.01", 5, "write 3/255"),
        ("1/255, 4/255", "1/255, many", 5, "write 4/255"),
        ("steps: 5", "steps: 0", 5, "greater than or equal to 1"),
        ("metric: lane_f1", "metric: lane_f2", 10, "did you mean 'lane_f1'?"),
        ("at_least: 0.9", "at_least: high", 13, "valid number"),
        ("at_least: 0.9", "at_least: .nan", 13, "finite number"),
        ("at_least: 0.9", "at_most: 0.9\n    at_least: 0.9", 9, "exactly one"),
        ("{weather: low-sun-snow}\n", "{weather: fog}\n", 1, "add it there"),
        ("[0, 1]", "[0, 0]", 3, "listed twice"),
        ("seeds: [0, 1]", "seeds: [0, 1]\nseeds: [2]", 4, "given twice"),
        ("seeds: [0, 1]", "models: [missing.safetensors]", 3, "there is no model file"),
        ("seeds: [0, 1]", "seeds: [0, 1", 4, "line 4"),
    ],
)
def test_a_wrong_plan_names_line_and_remedy(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    said = complaint(tmp_path, GOOD.replace(old, new, 1))
    assert f"line {line}" in said
    assert words in said
    assert "plan.yaml" in said


def test_a_criterion_about_an_attack_that_is_not_made_is_refused(tmp_path: Path) -> None:
    asked = GOOD.replace("{weather: low-sun-snow}", "{weather: clear, attack: pgd, eps: 8/255}", 1)
    assert "eps 8/255, which attacks lacks" in complaint(tmp_path, asked)


def test_a_missing_file_and_an_empty_one_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(WhiteoutError, match="cannot be read"):
        read_plan(tmp_path / "none.yaml")
    assert "mapping" in complaint(tmp_path, "# nothing\n")


def test_paths_start_from_the_plans_own_folder(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"x")
    plan = read(tmp_path, GOOD + "models: [w.safetensors]\n")
    assert plan.models == (str(tmp_path / "w.safetensors"),)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "reference.safetensors").write_bytes(b"x")
    said = complaint(tmp_path, GOOD + "models: [reference, mine/reference.safetensors]\n")
    assert "two of models are called 'reference'" in said


def test_a_criterion_may_be_about_a_scenario_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    text = GOOD.replace("low_sun, cut_in", "low_sun, mine.py").replace(
        "{weather: low-sun-snow}", "{weather: low-sun-snow, scenario: mine.py}"
    )
    assert read(tmp_path, text).accept[0].where.words() == {"weather": "low-sun-snow", "scenario": "mine"}


def test_the_hash_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    plans = []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "w.safetensors").write_bytes(b"x")
        plans.append(read(folder, GOOD + "models: [w.safetensors]\n"))
    assert plans[0].plan_hash == plans[1].plan_hash
    assert str(tmp_path) not in plans[0].as_yaml(paths=False)
    assert str(tmp_path) in plans[0].as_yaml()


@pytest.mark.parametrize("text", ["title: 2024-13-45\n", "title: &x [*x]\n"])
def test_yaml_that_cannot_be_read_is_a_sentence(tmp_path: Path, text: str) -> None:
    assert "plan.yaml" in complaint(tmp_path, GOOD + text)


def test_eps_is_the_same_number_however_it_is_written(tmp_path: Path) -> None:
    assert eps_value("4/255") == 4 / 255
    assert read(tmp_path, GOOD.replace("4/255", "8/510")).attacks[0].pgd.eps[1] == "4/255"


def test_commands_and_plans_offer_every_quality() -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    for quality in QUALITIES:
        assert parser.parse_args(["serve", "--quality", quality]).quality == quality
        assert parser.parse_args(["replay", "low_sun", "--out", "d", "--quality", quality]).quality == quality
    assert get_args(Plan.model_fields["quality"].annotation) == tuple(QUALITIES)
    assert set(RENDER_SECONDS) == set(QUALITIES)
