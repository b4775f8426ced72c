"""A whole campaign on drawn drives with a fitted model, from the plan file to the page: no number here is made up."""

from __future__ import annotations

import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from perception.weights import save_model
from robustness.cells import drive_cells
from robustness.plan_file import read_plan
from robustness.report import report
from robustness.store import Store
from tests.robustness.drawn_world import HEIGHT, WIDTH, fitted_model, frames, write_drive
from tests.robustness.test_report_page import Page

PLAN = {
    "title": "Drawn roads",
    "models": ["model.safetensors"],
    "scenarios": ["lead_brakes", "low_sun"],
    "weather": ["clear", "low-sun-snow"],
    "seeds": [0, 1, 2],
    "frames": 2,
    "size": {"width": WIDTH, "height": HEIGHT},
    "attacks": [{"pgd": {"eps": ["4/255"], "steps": 2, "objectives": ["hide", "bend_lanes"], "weather": ["clear"]}}],
    "audits": [{"grad_cam": {"frames": 1, "weather": ["low-sun-snow"]}}],
    "accept": [
        {"name": "lines in clear weather", "metric": "lane_f1", "where": {"weather": "clear"}, "at_least": 0.3},
        {
            "name": "lines in low sun",
            "metric": "lane_f1",
            "where": {"weather": "low-sun-snow"},
            "relative_to": {"weather": "clear"},
            "at_least": 0.9,
        },
        {"name": "no miracle", "metric": "lane_error_m", "where": {"weather": "clear"}, "at_most": 0.000001},
    ],
}


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """The plan file, the output folder, the exit code."""
    home = tmp_path_factory.mktemp("report")
    save_model(fitted_model(30), home / "model.safetensors", {"trained": "on drawn roads"})
    plan = home / "plan.yaml"
    plan.write_text(yaml.safe_dump(PLAN))
    store = Store(home / "out")
    for cell in drive_cells(read_plan(plan)):
        snow = cell.weather != "clear"
        scenario, seed = cell.run
        run = frames(cell.frames, 10 * seed + len(scenario), glare=0.8 * snow, snow=snow)
        write_drive(store.drive_path(cell), run)
    return plan, store.out, report(plan, store.out, workers=1, quiet=True)


def test_a_missed_criterion_fails_the_run_and_everything_is_written(campaign: tuple[Path, Path, int]) -> None:
    _, out, code = campaign
    content = json.loads((out / "summary.json").read_text())
    assert content["failures"] == []
    verdicts = {criterion["name"]: criterion["verdict"] for criterion in content["criteria"]}
    assert verdicts["no miracle"] == "FAIL"
    assert code == content["exit_code"] == 1
    cases = ET.parse(out / "junit.xml").getroot().findall("testsuite")[0]
    assert {case.get("name") for case in cases} == set(verdicts)
    assert content["errors"]


def test_the_page_shows_what_was_found(campaign: tuple[Path, Path, int]) -> None:
    _, out, _ = campaign
    html = (out / "report.html").read_text()
    page = Page(html)
    assert (page.open, page.faults) == ([], [])
    assert {"weather", "glare", "heat", "attack"} <= set(" ".join(page.values("class")).split())
    assert len(html) < 8_000_000
    for words in ("lines in low sun", "low-sun-snow without glare", "bend_lanes", "model.safetensors", "Under attack"):
        assert words in page.text


def test_every_number_is_traced_to_rows_that_are_there(campaign: tuple[Path, Path, int]) -> None:
    _, out, _ = campaign
    table = pq.read_table(out / "results.parquet")
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE results ({', '.join(table.column_names)})")
    marks = ", ".join("?" * table.num_columns)
    base.executemany(f"INSERT INTO results VALUES ({marks})", [tuple(row.values()) for row in table.to_pylist()])
    page = (out / "report.html").read_text()
    cells = re.findall(r"<td><code>(.*?)</code></td></tr>", page[page.index('id="T-evidence"') :], re.DOTALL)
    filters = [part for cell in cells for part in unescape(cell).split("\n-- relative to\n")]
    assert len(filters) > 10
    for condition in filters:
        found = base.execute(f"SELECT COUNT(*) FROM results WHERE {condition}").fetchone()[0]
        assert found > 0, condition


def test_a_second_run_only_writes_the_page_again(campaign: tuple[Path, Path, int]) -> None:
    plan, out, code = campaign
    before = {path: path.read_bytes() for path in (out / "results.parquet", out / "summary.json", out / "junit.xml")}
    cells = {path: path.stat().st_mtime_ns for path in (out / "cells").rglob("*") if path.is_file()}
    assert report(plan, out, workers=1, quiet=True) == code
    assert all(path.read_bytes() == content for path, content in before.items())
    assert cells == {path: path.stat().st_mtime_ns for path in (out / "cells").rglob("*") if path.is_file()}
