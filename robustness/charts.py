"""Small vector charts for the report: intervals against bounds, scores against attack strength, labels over pictures.

Every function returns SVG as `Markup`; all text that comes in is escaped here. Truth and prediction differ in dash as
well as in colour, verdicts in words: no chart needs colour vision. Colours are Okabe and Ito's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from robustness.summary import Interval, Overlay, Picture

TRUTH = "#56b4e9"
PREDICTION = "#ff7f2a"
INK = "#1d2733"
FAINT = "#c3ccd6"
SERIES: tuple[tuple[str, str], ...] = (("#0072b2", ""), ("#d55e00", "6 3"), ("#007a5e", "2 3"), ("#8a4b7d", "8 3 2 3"))
"""Colour and dash pattern of each curve."""


@dataclass(frozen=True)
class Curve:
    """A named curve: x values and the estimate at each."""

    name: str
    x: tuple[float, ...]
    y: tuple[Interval, ...]


def interval_chart(measured: Interval, *, low: float, high: float, bound: float | None = None, alt: str = "") -> Markup:
    """A dot with its 95 % interval on an axis from `low` to `high`, and the bound as a vertical line."""
    width, height, middle, margin = 180, 36, 13, 8

    def place(value: float) -> str:
        share = (min(max(value, low), high) - low) / (high - low) if high > low else 0.5
        return f"{margin + share * (width - 2 * margin):.1f}"

    parts = [f'<line class="axis" x1="{margin}" x2="{width - margin}" y1="{middle}" y2="{middle}"/>']
    for value in (low, high):
        parts.append(f'<line class="axis" x1="{place(value)}" x2="{place(value)}" y1="{middle}" y2="{middle + 4}"/>')
        parts.append(f'<text class="end" x="{place(value)}" y="{height - 8}" text-anchor="middle">{value:.2g}</text>')
    if bound is not None:
        x = place(bound)
        parts.append(f'<line class="bound" x1="{x}" x2="{x}" y1="1" y2="{2 * middle - 1}"/>')
    if math.isfinite(measured.low) and math.isfinite(measured.high):
        left, right = place(measured.low), place(measured.high)
        parts.append(f'<line class="whisker" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>')
        parts += [f'<line class="cap" x1="{x}" x2="{x}" y1="{middle - 5}" y2="{middle + 5}"/>' for x in (left, right)]
    if math.isfinite(measured.value):
        parts.append(f'<circle class="dot" cx="{place(measured.value)}" cy="{middle}" r="4"/>')
    return _svg(width, height, parts, alt, "interval")


def chart_range(values: Sequence[float]) -> tuple[float, float]:
    """An axis that holds all finite `values` and 0; up to 1 where they are shares."""
    finite = [value for value in values if math.isfinite(value)]
    top = max([*finite, 0.0])
    bottom = min([*finite, 0.0])
    return bottom * 1.05, 1.0 if 0 < top <= 1 else (top * 1.05 or 1.0)


def curves_chart(curves: Sequence[Curve], *, x_words: str, y_words: str, ticks: Sequence[tuple[float, str]]) -> Markup:
    """Estimates with their 95 % intervals against x; `ticks` are the x values to name."""
    width, height, left, bottom, top, right = 460, 260, 46, 44, 12, 14
    x_high = max([x for curve in curves for x in curve.x] + [1e-9])
    y_low, y_high = chart_range([v for curve in curves for i in curve.y for v in (i.value, i.low, i.high)])

    def px(x: float) -> float:
        return left + x / x_high * (width - left - right)

    def py(y: float) -> float:
        return height - bottom - (min(max(y, y_low), y_high) - y_low) / (y_high - y_low) * (height - bottom - top)

    parts = _axes(width, height, left, bottom, right)
    for share in range(5):
        value = y_low + share / 4 * (y_high - y_low)
        y = py(value)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for x, words in ticks:
        spot = f'x="{px(x):.1f}" y="{height - bottom + 16}"'
        parts.append(f'<text class="tick" {spot} text-anchor="middle">{escape(words)}</text>')
    middle = (left + width - right) / 2
    parts.append(f'<text class="label" x="{middle}" y="{height - 8}" text-anchor="middle">{escape(x_words)}</text>')
    for index, curve in enumerate(curves):
        parts += _curve(curve, index, len(curves), px, py)
    names = ", ".join(curve.name for curve in curves)
    return _svg(width, height, parts, f"{y_words} against {x_words}: {names}; the numbers are in the table", "curves")


def legend(names: Sequence[str]) -> Markup:
    """A key to the curves: a sample of each line and its name."""
    items = []
    for (color, dash), name in zip(_styles(len(names)), names, strict=True):
        line = f'<line x1="1" x2="31" y1="6" y2="6" stroke="{color}" stroke-width="2.5" stroke-dasharray="{dash}"/>'
        items.append(f'<li><svg width="32" height="12" aria-hidden="true">{line}</svg> {escape(name)}</li>')
    return Markup('<ul class="key">{}</ul>').format(Markup("".join(items)))  # noqa: S704 - escaped above


def overlay(picture: Picture, uri: str, alt: str) -> Markup:
    """A picture with prediction (solid orange) and truth (dashed blue, on top) drawn over it."""
    parts = [f'<image href="{escape(uri)}" width="{picture.width}" height="{picture.height}"/>']
    unit = picture.width / 640
    parts += _labels(picture.prediction, "prediction", unit, "")
    parts += _labels(picture.truth, "truth", unit, f"{7 * unit:.2f} {7 * unit:.2f}")
    return _svg(picture.width, picture.height, parts, alt, "picture")


def _labels(labels: Overlay, kind: str, unit: float, dash: str) -> list[str]:
    """Boxes and lines of one kind; each drawn twice, first as a dark rim that shows on snow."""
    color = TRUTH if kind == "truth" else PREDICTION
    shapes = [_path(line) for line in labels.lanes if len(line) > 1]
    for box in labels.boxes:
        x0, y0, x1, y1 = box.xyxy
        shapes.append(f"M{x0:.1f} {y0:.1f}H{x1:.1f}V{y1:.1f}H{x0:.1f}Z")
    if not shapes:
        return []
    path = "".join(shapes)
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    parts = [
        f'<path d="{path}" fill="none" stroke="#000" stroke-opacity=".55" stroke-width="{3.6 * unit:.2f}"{dashes}/>',
        f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{1.9 * unit:.2f}"{dashes}/>',
    ]
    for box in labels.boxes if kind == "prediction" else ():
        x, y = box.xyxy[0], max(box.xyxy[1] - 3 * unit, 12 * unit)
        words = f"{escape(box.label)} {box.score:.2f}"
        size = f'font-size="{12 * unit:.1f}" stroke-width="{2.5 * unit:.2f}"'
        parts.append(f'<text class="tag" x="{x:.1f}" y="{y:.1f}" {size}>{words}</text>')
    return parts


def _path(line: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line if math.isfinite(x) and math.isfinite(y))


def _axes(width: int, height: int, left: int, bottom: int, right: int) -> list[str]:
    floor = height - bottom
    return [
        f'<line class="axis" x1="{left}" x2="{width - right}" y1="{floor}" y2="{floor}"/>',
        f'<line class="axis" x1="{left}" x2="{left}" y1="12" y2="{floor}"/>',
    ]


def _curve(
    curve: Curve, index: int, count: int, px: Callable[[float], float], py: Callable[[float], float]
) -> list[str]:
    color, dash = _styles(count)[index]
    shift = 3.0 * (index - (count - 1) / 2)
    known = [(px(x) + shift, i) for x, i in zip(curve.x, curve.y, strict=True) if math.isfinite(i.value)]
    line = " ".join(f"{x:.1f},{py(i.value):.1f}" for x, i in known)
    parts = [f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>']
    for x, i in known:
        if math.isfinite(i.low) and math.isfinite(i.high):
            ends = f'y1="{py(i.low):.1f}" y2="{py(i.high):.1f}"'
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" {ends} stroke="{color}" stroke-width="1.2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{py(i.value):.1f}" r="3.2" fill="{color}"/>')
    return parts


def _styles(count: int) -> list[tuple[str, str]]:
    return [SERIES[index % len(SERIES)] for index in range(count)]


def _svg(width: int, height: int, parts: Sequence[str], alt: str, kind: str) -> Markup:
    role = f'role="img" aria-label="{escape(alt)}"' if alt else 'aria-hidden="true"'
    size = f'viewBox="0 0 {width:g} {height:g}"' + (
        "" if kind == "picture" else f' width="{width:g}" height="{height:g}"'
    )
    inside = "".join(parts)
    return Markup(f'<svg class="{kind}" {size} {role}>{inside}</svg>')  # noqa: S704 - all text was escaped above
