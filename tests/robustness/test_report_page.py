from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception.raster import encode_png
from robustness.charts import interval_chart
from robustness.page import render
from robustness.summary import Figure, HealthCheck, Picture, Summary
from robustness.words import evidence
from tests.robustness.report_example import HEIGHT, HOSTILE, WIDTH, interval, summary

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; notices elements that are closed in the wrong order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Path]:
    folder = tmp_path_factory.mktemp("campaign")
    return summary(folder), folder


@pytest.fixture(scope="module")
def html(found: tuple[Summary, Path]) -> str:
    return render(*found, {"date": "today", "processor": HOSTILE})


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.open == []
    assert page.faults == []


def test_text_from_outside_stays_text(html: str, page: Page) -> None:
    assert not any(tag in {"script", "b", "iframe", "object", "form"} for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script" not in html
    assert page.text.count(HOSTILE) > 10
    assert "criterion 0 & <b>FAIL</b>" in page.text


def test_nothing_is_fetched_from_anywhere(html: str, page: Page) -> None:
    for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
        for value in page.values(name):
            assert value.startswith(("data:image/jpeg;base64,", "#")), value
    assert not re.search(r"https?://|url\(|@import", html)
    assert "default-src 'none'" in html


def test_every_link_and_label_leads_somewhere(page: Page) -> None:
    ids = page.values("id")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    targets = [value.removeprefix("#") for value in page.values("href") if value.startswith("#")]
    assert len(targets) > 15
    assert set(targets) <= set(ids)
    assert set(page.values("aria-labelledby")) <= set(ids)


def test_the_first_page_answers_may_we_where_how_sure(page: Page) -> None:
    first = page.text.split("Contents")[0]
    for words in (
        "May we use it?",
        "Where?",
        "How sure?",
        "1 of 3 acceptance criteria missed; 1 more cannot be decided",
    ):
        assert words in first
    assert "Not tested: low-sun-dry" in first
    assert "Check failed: heat maps depend on the weights" in first
    assert first.index("low-sun-snow") < first.index("low-sun-wet")


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [(("PASS", "PASS"), "Yes, where it was tested"), (("INCONCLUSIVE", "PASS"), "Not shown"), (("FAIL",), "No")],
)
def test_each_verdict_has_its_answer(tmp_path: Path, verdicts: tuple[str, ...], answer: str) -> None:
    text = Page(render(summary(tmp_path, verdicts), tmp_path)).text  # type: ignore[arg-type]
    assert re.search(rf"May we use it\?\s+{answer}\s", text)


def test_every_criterion_shows_value_interval_sample_bound_and_verdict(page: Page, found: tuple[Summary, Path]) -> None:
    text = re.sub(r"\s+", " ", page.text)
    for index, criterion in enumerate(found[0].criteria, 1):
        start = text.index(f"C{index} {criterion.name}")
        row = text[start : start + 400]
        measured = criterion.measured
        assert f"{measured.value:.3f} {measured.low:.3f} to {measured.high:.3f}" in row
        for words in ("≥ 0.9", "8 runs", "48 pictures", criterion.verdict, criterion.reason):
            assert words in row


def test_pictures_decode_and_have_words(page: Page, found: tuple[Summary, Path]) -> None:
    uris = [attributes["href"] for tag, attributes in page.tags if tag == "image"]
    assert len(uris) == sum(len(figure.pictures) for figure in found[0].figures) == 10
    for uri in uris:
        data = np.frombuffer(base64.b64decode(uri.partition(",")[2], validate=True), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert picture.shape == (HEIGHT, WIDTH, 3)
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all("aria-label" in attributes or attributes.get("aria-hidden") == "true" for attributes in drawings)


def test_tables_have_captions_and_headers(html: str, page: Page) -> None:
    tags = Counter(tag for tag, _ in page.tags)
    assert tags["table"] == tags["caption"] >= 8
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert 'lang="en"' in html


def test_charts_place_interval_and_bound() -> None:
    chart = str(interval_chart(interval(0.5, 0.25), low=0.0, high=1.0, bound=0.9))
    assert 'cx="90.0"' in chart
    assert 'class="whisker" x1="49.0" x2="131.0"' in chart
    assert 'class="bound" x1="155.6"' in chart


def test_truth_and_prediction_are_drawn_apart(html: str) -> None:
    drawing = html[html.index('<svg class="picture"') :]
    drawing = drawing[: drawing.index("</svg>")]
    dashed = re.findall(r'stroke="#56b4e9"[^>]*stroke-dasharray', drawing)
    solid = re.findall(r'stroke="#ff7f2a"(?![^>]*stroke-dasharray)', drawing)
    assert len(dashed) == len(solid) == 1
    assert "M20.5 191.0L150.0 92.0" in drawing
    assert "M29.5 191.0L159.0 92.0" in drawing


def test_the_file_stays_small(found: tuple[Summary, Path], tmp_path: Path) -> None:
    base, _ = found
    rng = np.random.default_rng(0)
    figures = []
    for index in range(6):
        name = f"noise{index}.png"
        (tmp_path / name).write_bytes(encode_png(rng.integers(0, 256, (384, 640, 3), dtype=np.uint8)))
        picture = Picture(name, 640, 384, "noise, the hardest picture to compress")
        figures.append(Figure("glare", "reference", "x", "clear", index, "000000", "noise", (picture,)))
    page = render(replace(base, figures=tuple(figures)), tmp_path, largest=1_500_000)
    assert 300_000 < len(page.encode()) < 1_500_000
    assert page.count("data:image/jpeg") == 6


def test_errors_by_class_are_listed_worst_weather_first(page: Page) -> None:
    text = re.sub(r"\s+", "", page.text)
    assert "low-sun-snowcar4040%34to46%0.2000.140to0.260laneline9650%" in text
    assert text.index("laneline9650%") < text.index("clearcar400%")


def test_values_that_could_not_be_measured_say_so(found: tuple[Summary, Path]) -> None:
    text = Page(render(*found)).text
    assert "not measurable" in text
    assert not re.search(r"\bnan\b|\binf\b|None", text)


def test_all_checks_passed_shows_no_alarm(found: tuple[Summary, Path]) -> None:
    good = replace(found[0], health=(HealthCheck("a", True, "b"),))
    assert "What limits trust" not in render(good, found[1])
    broken = replace(good, failures=(f"playing cut_in: {HOSTILE}",))
    assert "Not computed:" in Page(render(broken, found[1])).text


def test_the_same_summary_gives_the_same_page(found: tuple[Summary, Path], html: str) -> None:
    assert render(*found, {"date": "today", "processor": HOSTILE}) == html


def test_every_id_in_the_evidence_table_is_on_the_page(found: tuple[Summary, Path], page: Page) -> None:
    ids = [entry.id for entry in evidence(found[0])]
    assert {"C1", "C2", "C3"} < set(ids)
    assert len(ids) == len(set(ids))
    assert set(ids) <= set(page.values("id"))
