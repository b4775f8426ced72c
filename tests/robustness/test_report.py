from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from robustness.report import closing_words, command, machine, write
from robustness.summary import Interval, Verdict, as_dict
from tests.robustness.report_example import summary


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(("PASS", "PASS"), 0), (("PASS", "FAIL", "INCONCLUSIVE"), 1), (("INCONCLUSIVE", "PASS"), 3)],
)
def test_exit_codes(tmp_path: Path, verdicts: tuple[Verdict, ...], code: int) -> None:
    found = summary(tmp_path, verdicts)
    assert found.exit_code == code
    assert replace(found, failures=("a cell failed",)).exit_code == 2


def test_three_files_are_written_whole_and_again(tmp_path: Path) -> None:
    found = summary(tmp_path)
    for _ in range(2):
        write(found, tmp_path)
        made = {path.name for path in tmp_path.iterdir() if path.suffix != ".png"}
        assert made == {"report.html", "summary.json", "junit.xml"}
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content == json.loads(json.dumps(as_dict(found)))
    assert (content["exit_code"], content["verdict"], len(content["criteria"])) == (1, "FAIL", 3)
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_summary_json_has_null_where_there_is_no_number(tmp_path: Path) -> None:
    found = summary(tmp_path)
    unknown = Interval(math.nan, -math.inf, math.inf, 0, 0)
    first = replace(found.criteria[0], measured=unknown)
    write(replace(found, criteria=(first,)), tmp_path)
    measured = json.loads((tmp_path / "summary.json").read_text())["criteria"][0]["measured"]
    assert (measured["value"], measured["low"], measured["high"]) == (None, None, None)


def test_the_command_can_be_pasted() -> None:
    assert command(None, Path("out/report")) == "whiteout report --out out/report"
    assert command(Path("my plan.yaml"), Path("o")) == "whiteout report 'my plan.yaml' --out o"


def test_the_last_words_name_every_verdict_and_the_page(tmp_path: Path) -> None:
    found = summary(tmp_path)
    words = closing_words(found, tmp_path)
    lines = words.splitlines()
    for criterion in found.criteria:
        assert any(line.startswith(criterion.verdict) and criterion.name in line for line in lines)
    assert words.endswith(f"FAIL: open {tmp_path / 'report.html'}")


def test_the_machine_is_told() -> None:
    facts = machine()
    assert facts["date"].endswith("UTC")
    assert "cores used" in facts["processor"]
