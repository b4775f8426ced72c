"""Lane lines from raw outputs of segmentation networks and of Ultra-Fast-Lane-Detection, and polylines from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import softplus

from perception.adapters.description import ROWS_HEIGHT, Lanes
from perception.adapters.picture import Placement
from perception.errors import WhiteoutError
from perception.evidence import LaneEvidence
from perception.prediction import LanePrediction

LEAST_PROBABILITY = 1e-6
"""Probabilities are held this far from 0 and 1 before their log-odds are taken."""

LEAST_RISE = 0.06
"""A line spans at least this share of the picture's height."""

WIDEST = 0.12
"""A run of line pixels in a row, wider than this share of the picture's width, is no lane line (a stop line, say)."""

JUMP, GAP = 0.02, 0.04
"""From row to row a line moves sideways by at most this share of the width beyond its course; and it may have gaps of
this share of the height."""

COURSE = 0.08
"""A line's course is taken from so much of the height below."""

SPACING = 1 / 96
"""Points of a polyline are this share of the picture's height apart."""

UFLD_WIDTH = 800.0
"""Width of Ultra-Fast-Lane-Detection's input, whose columns its cells divide [px]."""


def read_lanes(raw: Tensor, how: Lanes, place: Placement, where: str) -> LaneEvidence:
    """The evidence for lane lines in a raw output.

    Raises:
        WhiteoutError: the output has another shape than the decoder takes; `where` names the file and field.
    """
    if raw.ndim != 4:
        raise WhiteoutError(
            f"{where}: the output has the shape {list(raw.shape)}, but decoder {how.decoder} takes four axes; name"
            " another output or decoder"
        )
    return _ufld(raw, how, place, where) if how.decoder == "ufld" else _segmentation(raw, how, place, where)


def decode_lines(evidence: LaneEvidence, index: int, picture_size: tuple[int, int]) -> tuple[LanePrediction, ...]:
    """Lines in picture `index`, near to far, best first; their slots are ranks where they reach the lower edge."""
    odds = evidence.log_odds[index].detach().double().cpu().numpy()
    xs, ys = (values.double().cpu().numpy() for values in (evidence.xs, evidence.ys))
    if evidence.one_line_each:
        found = [_row_by_row(channel, xs, ys) for channel in odds]
        lines = [line for line in found if line is not None]
    else:
        lines = _trace(odds[0], xs, ys, picture_size)
    return _ranked(lines, picture_size)


def line_evidence(evidence: LaneEvidence, picture_size: tuple[int, int], slot: int) -> Float[Tensor, "batch"]:
    """How strongly each picture speaks for its line in `slot`: mean log-odds at its points; 0 where there is none."""
    values = []
    for index in range(len(evidence.log_odds)):
        line = next((one for one in decode_lines(evidence, index, picture_size) if one.slot == slot), None)
        odds = evidence.log_odds[index]
        if line is None:
            values.append(odds.sum() * 0)
            continue
        points = torch.from_numpy(line.pixels).to(odds)
        row = (points[:, 1:] - evidence.ys[None]).abs().argmin(1)
        column = (points[:, :1] - evidence.xs[None]).abs().argmin(1)
        values.append(odds[:, row, column].amax(0).mean())
    return torch.stack(values)


def _segmentation(raw: Tensor, how: Lanes, place: Placement, where: str) -> LaneEvidence:
    """A score per pixel, of two classes or of one."""
    channels, rows, columns = raw.shape[1:]
    if how.decoder == "yolop" or (channels == 1 and how.activation == "probability"):  # YOLOP ends in a sigmoid
        raw = raw.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).logit()
    if channels == 2:
        odds = raw[:, 1:] - raw[:, :1]
    elif channels == 1:
        odds = raw
    else:
        raise WhiteoutError(
            f"{where}: the output has the shape {list(raw.shape)}, but decoder {how.decoder} takes one channel or two;"
            " name another output or decoder"
        )
    height, width = place.canvas
    xs = place.x((torch.arange(columns).to(raw) + 0.5) * (width / columns))
    ys = place.y((torch.arange(rows).to(raw) + 0.5) * (height / rows))
    inside_x, inside_y = (xs >= 0) & (xs <= place.picture[1]), (ys >= 0) & (ys <= place.picture[0])
    return LaneEvidence(odds[:, :, inside_y][..., inside_x], xs[inside_x], ys[inside_y])


def _ufld(raw: Tensor, how: Lanes, place: Placement, where: str) -> LaneEvidence:
    """A choice among cells, or none, per row and line.

    Cell k is placed as the authors' demonstration does: at (k + 1) times the spacing of `cells` columns over 800 px.
    """
    cells, rows = raw.shape[1] - 1, raw.shape[2]
    if rows != len(how.rows) or cells < 2:
        raise WhiteoutError(
            f"{where}: the output has the shape {list(raw.shape)}, but decoder ufld takes 1 x cells+1 x rows x lines"
            f" with {len(how.rows)} rows; correct row_anchors or output"
        )
    odds = (raw[:, :-1] - raw[:, -1:]).permute(0, 3, 2, 1)
    height, width = place.picture
    spacing = (UFLD_WIDTH - 1) / (cells - 1) / UFLD_WIDTH
    xs = (torch.arange(cells).to(raw) + 1) * spacing * width - 0.5
    ys = raw.new_tensor(how.rows) * (height / ROWS_HEIGHT) - 0.5
    return LaneEvidence(odds, xs, ys, one_line_each=True)


def _row_by_row(
    odds: Float[ndarray, "rows columns"], xs: Float[ndarray, "columns"], ys: Float[ndarray, "rows"]
) -> LanePrediction | None:
    """The line of a channel that holds one: where a cell of a row beats "none", the mean of the cells' distribution."""
    there = odds.max(1) > 0
    if there.sum() < 3:
        return None
    share = np.exp(odds - odds.max(1, keepdims=True))
    places = (share * xs).sum(1) / share.sum(1)
    pixels = np.column_stack([places[there], ys[there]])[::-1]
    return LanePrediction(np.ascontiguousarray(pixels), _mean_probability(odds[there].max(1)))


@dataclass(frozen=True, eq=False)
class _Line:
    """A line on its way up the picture.

    Attributes:
        xs, ys: middles of its runs [px], from below.
        odds: the largest log-odds in each run.
    """

    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)
    odds: list[float] = field(default_factory=list)

    def ahead(self, y: float, reach: float) -> float:
        """Where the course of the last `reach` pixels leads at height `y`."""
        first = len(self.ys) - 1
        while first > 0 and self.ys[first - 1] <= self.ys[-1] + reach:
            first -= 1
        rise = self.ys[first] - self.ys[-1]
        slope = (self.xs[-1] - self.xs[first]) / rise if rise > 0 else 0.0
        return self.xs[-1] + slope * (self.ys[-1] - y)


def _trace(
    odds: Float[ndarray, "rows columns"],
    xs: Float[ndarray, "columns"],
    ys: Float[ndarray, "rows"],
    picture_size: tuple[int, int],
) -> list[LanePrediction]:
    """Lines in a mask: runs of pixels are followed from row to row, from below; each goes to the line nearest to it."""
    height, width = picture_size
    gap = max(GAP * height, 1.5 * float(np.diff(ys).max(initial=0.0)))
    active: list[_Line] = []
    done: list[_Line] = []
    for row in range(len(ys) - 1, -1, -1):
        y = float(ys[row])
        done += [line for line in active if line.ys[-1] - y > gap]
        active = [line for line in active if line.ys[-1] - y <= gap]
        free = _runs(odds[row], xs, WIDEST * width)
        pairs = sorted(
            (abs(line.ahead(y, COURSE * height) - run[0]), number, place)
            for number, line in enumerate(active) for place, run in enumerate(free)
        )  # fmt: skip
        lines_used, runs_used = set(), set()
        for distance, number, place in pairs:
            if distance <= JUMP * width + free[place][2] / 2 and number not in lines_used and place not in runs_used:
                _extend(active[number], free[place], y)
                lines_used.add(number)
                runs_used.add(place)
        for place, run in enumerate(free):
            if place not in runs_used:
                active.append(_Line())
                _extend(active[-1], run, y)
    spans = [line for line in [*done, *active] if line.ys[0] - line.ys[-1] >= LEAST_RISE * height]
    return [_thinned(line, SPACING * height) for line in spans]


def _runs(
    odds: Float[ndarray, "columns"], xs: Float[ndarray, "columns"], widest: float
) -> list[tuple[float, float, float]]:
    """Runs of line pixels in a row: middle [px], largest log-odds, width [px]; wider ones than `widest` left out."""
    line: Bool[ndarray, "columns"] = odds > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    step = float(xs[1] - xs[0]) if len(xs) > 1 else 1.0
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        width = float(end - start) * step
        if width <= widest:
            found.append((float(xs[start:end].mean()), float(odds[start:end].max()), width))
    return found


def _extend(line: _Line, run: tuple[float, float, float], y: float) -> None:
    line.xs.append(run[0])
    line.ys.append(y)
    line.odds.append(run[1])


def _thinned(line: _Line, spacing: float) -> LanePrediction:
    """A polyline near to far with points `spacing` apart, each the mean of the rows around it, the ends as they are."""
    xs, ys = np.array(line.xs), np.array(line.ys)
    bins = np.floor((ys[0] - ys) / spacing).astype(int)
    counts = np.bincount(bins)
    kept = counts > 0
    middle = [np.bincount(bins, values)[kept] / counts[kept] for values in (xs, ys)]
    pixels = np.column_stack(middle)
    pixels[[0, -1]] = [[xs[0], ys[0]], [xs[-1], ys[-1]]]
    return LanePrediction(pixels, _mean_probability(np.array(line.odds)))


def _ranked(lines: Sequence[LanePrediction], picture_size: tuple[int, int]) -> tuple[LanePrediction, ...]:
    """Lines with their slots (see `Lane.slot`), best first: ranks where they, or their course, meet the lower edge."""
    height, width = picture_size
    feet = [(_foot(line.pixels, height) - width / 2, number) for number, line in enumerate(lines)]
    left, right = sorted((foot for foot in feet if foot[0] < 0), reverse=True), sorted(f for f in feet if f[0] >= 0)
    slots = {number: -(rank + 1) for rank, (_, number) in enumerate(left)}
    slots |= {number: rank + 1 for rank, (_, number) in enumerate(right)}
    ranked = [replace(line, slot=slots[number]) for number, line in enumerate(lines)]
    return tuple(sorted(ranked, key=lambda line: (-line.score, line.slot)))


def _foot(pixels: Float[ndarray, "n 2"], height: int) -> float:
    """Where the nearer third of a line, drawn on straight, meets the picture's lower edge [px]."""
    near = pixels[: max(2, len(pixels) // 3)]
    rise = near[0, 1] - near[-1, 1]
    slope = (near[-1, 0] - near[0, 0]) / rise if rise > 0 else 0.0
    return float(near[0, 0] - slope * (height - near[0, 1]))


def _mean_probability(odds: Float[ndarray, "n"]) -> float:
    return float((1 / (1 + np.exp(-np.clip(odds, -30, 30)))).mean())


def lane_absence(evidence: LaneEvidence) -> Float[Tensor, "batch rows columns"]:
    """Log-probability of "no line" at each cell, of the channel that is surest of one."""
    return -softplus(evidence.log_odds.amax(1))
