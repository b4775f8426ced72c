"""The report of a whole campaign, from the plan file to the page: no number here is made up."""

from __future__ import annotations

import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from perception.errors import WhiteoutError
from robustness.plan import Plan
from robustness.report import report
from robustness.summary import as_dict
from tests.robustness.drawn_campaign import Finished
from tests.robustness.test_report_page import Page


@dataclass(frozen=True)
class Reported:
    """A campaign's folder after `report`, what it held before, and the exit code."""

    out: Path
    before: dict[Path, bytes]
    code: int


@pytest.fixture(scope="module")
def reported(finished: Finished, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """`report` with every cell already there."""
    before = {path: path.read_bytes() for path in finished.out.rglob("*") if path.is_file()}
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    file.write_text(plan.as_yaml())
    return Reported(finished.out, before, report(file, finished.out, workers=1, quiet=True))


def test_finished_cells_and_the_table_stay_as_they_are(reported: Reported) -> None:
    assert (reported.out / "results.parquet") in reported.before
    assert all(path.read_bytes() == content for path, content in reported.before.items())
    new = {path.name for path in reported.out.rglob("*") if path.is_file() and path not in reported.before}
    assert new == {"report.html", "summary.json", "junit.xml"}


def test_every_verdict_is_in_every_file(reported: Reported, finished: Finished) -> None:
    content = json.loads((reported.out / "summary.json").read_text())
    assert content["exit_code"] == reported.code == finished.summary.exit_code
    assert content["criteria"] == json.loads(json.dumps(as_dict(finished.summary)))["criteria"]
    assert {entry["label"] for entry in content["errors"]} >= {"car", "lane line"}
    names = {criterion.name for criterion in finished.summary.criteria}
    suite = ET.parse(reported.out / "junit.xml").getroot().findall("testsuite")[0]
    assert {case.get("name") for case in suite} == names
    text = Page((reported.out / "report.html").read_text()).text
    assert all(criterion.name in text and criterion.reason in text for criterion in finished.summary.criteria)


def test_the_page_shows_what_was_found(reported: Reported, finished: Finished) -> None:
    html = (reported.out / "report.html").read_text()
    page = Page(html)
    assert (page.open, page.faults) == ([], [])
    assert {"weather", "glare", "heat", "attack"} <= set(" ".join(page.values("class")).split())
    assert html.count("data:image/jpeg") == sum(len(figure.pictures) for figure in finished.summary.figures)
    assert len(html) < 8_000_000
    for words in ("Drawn <world> & co", "low-sun-snow without glare", "counterfactual", "Under attack", "8/255"):
        assert words in page.text
    assert all(finding.condition in page.text for finding in finished.summary.findings)


def test_every_number_is_traced_to_rows_that_are_there(reported: Reported) -> None:
    table = pq.read_table(reported.out / "results.parquet")
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE results ({', '.join(table.column_names)})")
    marks = ", ".join("?" * table.num_columns)
    base.executemany(f"INSERT INTO results VALUES ({marks})", [tuple(row.values()) for row in table.to_pylist()])
    page = (reported.out / "report.html").read_text()
    cells = re.findall(r"<td><code>(.*?)</code></td></tr>", page[page.index('id="T-evidence"') :], re.DOTALL)
    filters = [part for cell in cells for part in re.split(r"\n-- .*\n", unescape(cell))]
    assert len(filters) > 10
    assert any("eps IN ('2/255', '8/255')" in condition for condition in filters)
    assert any("attack = 'no_glare'" in condition for condition in filters)
    for condition in filters:
        found = base.execute(f"SELECT COUNT(*) FROM results WHERE {condition}").fetchone()[0]
        assert found > 0, condition


def test_a_bad_plan_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("scenarios: [nowhere]\nweather: [clear]\n")
    with pytest.raises(WhiteoutError, match="line 1"):
        report(tmp_path / "plan.yaml", tmp_path / "out", workers=1, quiet=True)
    assert not (tmp_path / "out").exists()
