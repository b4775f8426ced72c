from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from robustness.junit import junit
from tests.robustness.report_example import HOSTILE, summary


def read(text: str) -> ET.Element:
    return ET.fromstring(text.encode())


def test_criteria_become_cases_with_counts(tmp_path: Path) -> None:
    found = summary(tmp_path)
    root = read(junit(found))
    suite, instruments = root.findall("testsuite")
    assert [case.get("name") for case in suite] == [criterion.name for criterion in found.criteria]
    kinds = [[child.tag for child in case] for case in suite]
    assert kinds == [["failure"], ["skipped"], ["system-out"]]
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert (root.get("tests"), root.get("failures"), instruments.get("failures")) == ("5", "2", "1")


def test_messages_carry_numbers_and_stay_text(tmp_path: Path) -> None:
    root = read(junit(summary(tmp_path)))
    failure = root.find(".//failure")
    assert failure is not None
    assert "lane_f1 0.550 (0.490 to 0.610), demanded \u2265 0.9 of clear" in str(failure.get("message"))
    assert root.findall("testsuite")[0].get("name") == f"Lanes in low sun {HOSTILE}"
    assert root.find(".//script") is None


def test_what_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    found = summary(tmp_path)
    nasty = replace(found, title="a\x00b\x1b\ud800c", failures=("lost \x07",))
    root = read(junit(nasty))
    assert root.findall("testsuite")[0].get("name") == "a\ufffdb\ufffd\ufffdc"
    assert root.get("errors") == "1"
