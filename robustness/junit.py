"""`junit.xml`: the criteria as test cases, for a CI that reads nothing else.

A missed criterion is a failure, an inconclusive one is skipped with its reason, and a failed check of the instruments
is a failure of its own: a pipeline that ignores skipped cases must not take a broken instrument for a good model.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from robustness.summary import CriterionResult, Summary
from robustness.words import bound, interval, where

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def junit(summary: Summary) -> str:
    """The file's text."""
    root = ET.Element("testsuites", name="whiteout")
    criteria = ET.SubElement(root, "testsuite", name=_clean(summary.title))
    for criterion in summary.criteria:
        _add_criterion(criteria, criterion)
    instruments = ET.SubElement(root, "testsuite", name="checks of the instruments")
    for check in summary.health:
        case = _case(instruments, f"instruments.{check.covers}", check.name)
        if not check.passed:
            _outcome(case, "failure", check.detail)
    for index, failure in enumerate(summary.failures, 1):
        _outcome(_case(instruments, "instruments.cells", f"cell {index}"), "error", failure)
    for suite in (criteria, instruments):
        _count(suite)
    _count(root)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ['<?xml version="1.0" encoding="UTF-8"?>\n', "\n"]
    )


def _add_criterion(suite: ET.Element, criterion: CriterionResult) -> None:
    case = _case(suite, f"{criterion.model}.{where(criterion.where)}", criterion.name)
    found = interval(criterion.measured, "" if criterion.relative_to else criterion.unit)
    message = f"{criterion.metric} {found}, demanded {bound(criterion)}: {criterion.reason}"
    if criterion.verdict == "FAIL":
        _outcome(case, "failure", message)
    elif criterion.verdict == "INCONCLUSIVE":
        _outcome(case, "skipped", message)
    else:
        ET.SubElement(case, "system-out").text = _clean(message)


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name), time="0")


def _outcome(case: ET.Element, kind: str, message: str) -> None:
    ET.SubElement(case, kind, message=_clean(message)).text = _clean(message)


def _count(element: ET.Element) -> None:
    """Write the numbers of test cases and of their outcomes."""
    element.set("tests", str(len(list(element.iter("testcase")))))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(len(list(element.iter(kind)))))
    element.set("time", "0")


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
