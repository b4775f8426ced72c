"""A whole campaign on drawn drives: verdicts, health, and the same bytes every time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel
from robustness.attack_cell import attack
from robustness.campaign import PLAN, TABLE, drives_differ, run
from robustness.cells import AttackCell, AuditCell, DriveCell, ScoreCell, expand, spread
from robustness.measures import METRICS
from robustness.page import render
from robustness.plan import Plan
from robustness.store import Store
from robustness.summary import as_dict
from robustness.table import SCHEMA
from robustness.work import Workshop
from tests.robustness.drawn_campaign import SEEDS, Finished, finish, lay_drives
from tests.robustness.drawn_world import frame, write_drive


def test_every_cell_was_computed_and_every_check_passes(finished: Finished) -> None:
    assert finished.summary.failures == ()
    assert [check for check in finished.summary.health if not check.passed] == []
    assert len(finished.summary.health) == 9


def test_the_model_reads_the_clear_road_and_not_the_glare(finished: Finished) -> None:
    verdicts = {criterion.name: criterion for criterion in finished.summary.criteria}
    assert verdicts["lines in clear"].verdict == "PASS"
    assert verdicts["lines in glare"].verdict != "PASS"
    assert verdicts["lines in glare"].measured.value < 0.9
    assert finished.summary.exit_code in (1, 3)


def test_conditions_are_listed_worst_first_with_their_twins(finished: Finished) -> None:
    names = [condition.weather for condition in finished.summary.conditions]
    assert names[0] == "low-sun-snow"
    assert "low-sun-snow without glare" in names
    by_name = {condition.weather: condition for condition in finished.summary.conditions}
    assert by_name["low-sun-snow without glare"].metrics["lane_f1"] == by_name["clear"].metrics["lane_f1"]


def test_every_interval_holds_its_value_and_counts_runs(finished: Finished) -> None:
    for condition in finished.summary.conditions:
        for name, interval in condition.metrics.items():
            assert name in METRICS
            assert interval.runs == len(SEEDS)
            if np.isfinite(interval.low):
                assert interval.low - 1e-9 <= interval.value <= interval.high + 1e-9


def test_attacks_never_help_the_model(finished: Finished) -> None:
    by_eps = [result.metrics["lane_f1"].value for result in finished.summary.attacks]
    assert [result.eps for result in finished.summary.attacks] == ["0", "2/255", "8/255"]
    assert by_eps == sorted(by_eps, reverse=True)
    assert by_eps[-1] < by_eps[0]


def test_the_finding_states_condition_evidence_and_metres(finished: Finished) -> None:
    finding = finished.summary.findings[0]
    assert finding.moved_m.value > 0.03
    assert finding.error_m.value > finding.error_no_glare_m.value
    assert finding.pixels_glare.value == pytest.approx(30 * 60 / (96 * 160), abs=0.03)
    assert "m (" in finding.statement
    assert finding.condition in finding.statement


def test_every_picture_is_there(finished: Finished) -> None:
    kinds = {figure.kind for figure in finished.summary.figures}
    assert kinds == {"weather", "glare", "heat", "attack"}
    for figure in finished.summary.figures:
        for picture in figure.pictures:
            assert (finished.out / picture.path).is_file()


def test_the_table_is_long_and_the_summary_is_json_without_a_path_of_this_machine(
    finished: Finished, weights: Path
) -> None:
    table = pq.read_table(finished.out / TABLE)
    assert table.schema.equals(SCHEMA)
    assert set(table["weather"].to_pylist()) == {"clear", "low-sun-snow"}
    text = json.dumps(as_dict(finished.summary), allow_nan=False)
    assert str(weights.parent) in (finished.out / PLAN).read_text()
    assert str(weights.parent) not in text
    assert str(finished.out) not in text


def test_a_second_run_does_nothing_and_gives_the_same(finished: Finished, plan: Plan) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished.out / "cells").rglob("*.json")}
    table = (finished.out / TABLE).read_bytes()
    again = run(plan, finished.out, workers=2, command="whiteout report", quiet=True)
    assert {path: path.stat().st_mtime_ns for path in (finished.out / "cells").rglob("*.json")} == before
    assert (finished.out / TABLE).read_bytes() == table
    assert as_dict(again) == as_dict(finished.summary)


def test_another_number_of_workers_and_a_hole_give_the_same_bytes(
    finished: Finished, plan: Plan, tmp_path: Path
) -> None:
    """As after a kill: some cells are there, one is cut short, a picture is lost."""
    small = plan.model_copy(update={"seeds": SEEDS[:2]})
    one = finish(small, tmp_path / "one", workers=1)
    whole = (one.out / TABLE).read_bytes()
    cells = list((one.out / "cells" / "attack").glob("*.json"))
    cells[0].unlink()
    cells[1].write_text(cells[1].read_text()[:100])
    next((one.out / "cells" / "audit").glob("*.png")).unlink()
    again = run(small, one.out, workers=2, quiet=True)
    assert (one.out / TABLE).read_bytes() == whole
    assert again.failures == ()
    shared = pq.read_table(finished.out / TABLE).to_pylist()
    assert all(row in shared for row in pq.read_table(one.out / TABLE).to_pylist()[::97])


def test_cells_are_named_by_what_they_depend_on(plan: Plan) -> None:
    cells = expand(plan)
    kinds = {
        kind: [cell for cell in cells if isinstance(cell, kind)]
        for kind in (DriveCell, ScoreCell, AttackCell, AuditCell)
    }
    assert [len(found) for found in kinds.values()] == [10, 10, 15, 5]
    assert len({cell.key for cell in cells}) == len(cells)
    drive = next(cell for cell in cells if isinstance(cell, DriveCell))
    assert dataclasses.replace(drive, seed=99).key != drive.key
    assert dataclasses.replace(drive, scenario="/elsewhere/low_sun.py").key == drive.key
    score = next(cell for cell in cells if isinstance(cell, ScoreCell))
    other = dataclasses.replace(score.model, weights_hash="0")
    assert dataclasses.replace(score, model=other).key != score.key
    moved = dataclasses.replace(score.model, source="/elsewhere")
    assert dataclasses.replace(score, model=moved).key == score.key


def test_frames_are_spread_away_from_the_ends() -> None:
    assert spread(1, 6) == (3,)
    assert spread(2, 6) == (1, 4)
    assert spread(9, 3) == (0, 1, 2)


def test_the_store_refuses_what_it_cannot_read(finished: Finished, plan: Plan, tmp_path: Path) -> None:
    store, other = Store(finished.out), Store(tmp_path)
    cell = next(cell for cell in expand(plan) if isinstance(cell, ScoreCell))
    assert store.has(cell)
    assert not other.has(cell)
    path = other.result_path(cell)
    path.parent.mkdir(parents=True)
    path.write_bytes(store.result_path(cell).read_bytes()[:-50])
    assert not other.has(cell)
    with pytest.raises(WhiteoutError, match="remove it and run again"):
        other.read(cell)


def test_a_weather_that_changed_no_picture_is_told(finished: Finished, plan: Plan) -> None:
    store = Store(finished.out)
    results = [(cell, store.read(cell)) for cell in expand(plan) if isinstance(cell, ScoreCell)]
    assert drives_differ(results)[0].passed
    clear = next(result for cell, result in results if cell.drive.weather == "clear" and cell.drive.seed == 0)
    same = [(cell, clear if cell.drive.seed == 0 else result) for cell, result in results]
    assert not drives_differ(same)[0].passed


def test_a_campaign_with_a_hole_is_told_and_never_passes(plan: Plan, tmp_path: Path) -> None:
    """The clean score of an attacked picture is missing: the report goes on without it."""
    small = plan.model_copy(update={"seeds": SEEDS[:2]})
    lay_drives(small, tmp_path)
    store = Store(tmp_path)
    for cell in expand(small):
        if isinstance(cell, AttackCell) and cell.drive.seed == 0:
            Workshop(store).compute(cell)
    broken = next(cell for cell in expand(small) if isinstance(cell, DriveCell) and cell.weather == "clear")
    (store.drive_path(broken) / "coco.json").write_text("{")
    summary = run(small, tmp_path, workers=1, quiet=True)
    assert len(summary.failures) == 1
    assert summary.exit_code == 2
    assert summary.verdict != "PASS"
    assert "low-sun-snow" in render(summary, tmp_path)


def test_nothing_to_attack_is_no_failure(plan: Plan, tmp_path: Path, model: LaneDetectionModel) -> None:
    empty = dataclasses.replace(frame(0), boxes=())
    drive = write_drive(tmp_path / "drive", [empty])
    cell = next(cell for cell in expand(plan) if isinstance(cell, AttackCell) and cell.eps != "0")
    result, pictures = attack(dataclasses.replace(cell, objectives=("hide",)), drive, model)
    assert (result.rows, pictures) == ((), [])
    assert "shown" not in result.facts
