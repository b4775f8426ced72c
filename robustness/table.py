"""The results table: long, one row per cell, frame and fact; the same campaign gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ndarray

from perception.weights import replace_file
from robustness.cells import ModelCell
from robustness.measures import Sample
from robustness.scoring import Row

SCHEMA = pa.schema(
    [
        ("cell", pa.string()),
        ("model", pa.string()),
        ("scenario", pa.string()),
        ("weather", pa.string()),
        ("seed", pa.int64()),
        ("frame", pa.string()),
        ("attack", pa.string()),
        ("eps", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("valid", pa.bool_()),
    ]
)
"""Columns; see `scoring.Row` for the last six, `measures.RAW` for the metrics."""


def build(results: Iterable[tuple[ModelCell, tuple[Row, ...]]]) -> pa.Table:
    """One table from the rows of many cells, in an order that does not depend on theirs."""
    lines = sorted(
        (
            (cell.model.name, *cell.drive.run, cell.drive.weather, cell.kind, cell.key, index, row)
            for cell, rows in results
            for index, row in enumerate(rows)
        ),
        key=lambda line: line[:-1],
    )
    values = [_columns(*line) for line in lines]
    columns = [pa.array([line[index] for line in values], field.type) for index, field in enumerate(SCHEMA)]
    return pa.table(columns, schema=SCHEMA)


def write(table: pa.Table, path: Path) -> None:
    """Write a Parquet file, whole or not at all."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=True, write_statistics=True, row_group_size=1 << 20)
    replace_file(path, sink.getvalue().to_pybytes())


class Columns:
    """The table as numpy arrays, to select samples from."""

    def __init__(self, table: pa.Table) -> None:
        self._of = {name: np.asarray(table[name].to_numpy(zero_copy_only=False)) for name in table.column_names}

    def __getitem__(self, name: str) -> ndarray:
        """One column."""
        return self._of[name]

    def text(self, name: str) -> ndarray:
        """A text column as fixed-width text, for numpy's text functions."""
        return self._of[name].astype(np.str_)

    def where(self, **values: str | int) -> ndarray:
        """Which rows have these values; "all" as a scenario is every one."""
        chosen = np.ones(len(self["value"]), dtype=bool)
        for name, value in values.items():
            if not (name == "scenario" and value == "all"):
                chosen &= self[name] == value
        return chosen

    def sample(self, rows: ndarray, runs: tuple[tuple[str, int], ...] | None = None) -> Sample:
        """The valid ones of the chosen rows by run; `runs` fixes which runs and in which order."""
        present = sorted(set(zip(self["scenario"][rows].tolist(), self["seed"][rows].tolist(), strict=True)))
        order = {run: index for index, run in enumerate(runs if runs is not None else present)}
        keys = zip(self["scenario"][rows].tolist(), self["seed"][rows].tolist(), strict=True)
        index = np.array([order.get(key, -1) for key in keys], dtype=np.int64)
        known = index >= 0
        pictures = set(zip(index[known].tolist(), self["frame"][rows][known].tolist(), strict=True))
        frames = np.bincount([run for run, _ in pictures] or [], minlength=len(order)).astype(np.int64)
        kept = known & self["valid"][rows].astype(bool)
        metric, value = self["metric"][rows][kept], self["value"][rows][kept]
        return Sample(tuple(order), frames, index[kept], metric, value, self._blind(rows))

    def _blind(self, rows: ndarray) -> frozenset[str]:
        """Families of which the chosen rows hold no valid fact although they speak of it."""
        metric, valid = self["metric"][rows], self["valid"][rows].astype(bool)
        blind = set()
        for family, start in (("objects", "truths:"), ("lanes", "lane_hits")):
            about = np.char.startswith(metric.astype(np.str_), start)
            if about.any() and not valid[about].any():
                blind.add(family)
        return frozenset(blind)


def _columns(*line: object) -> tuple[object, ...]:
    model, scenario, seed, weather, _, key, _, row = line
    assert isinstance(row, Row)
    return (key, model, scenario, weather, seed, row.frame, row.attack, row.eps, row.metric, row.value, row.valid)
