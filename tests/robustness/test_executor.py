"""The executor with real worker processes: failures, deaths and interruptions lose nothing that is finished."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robustness.campaign import TABLE, run
from robustness.cells import Cell, ScoreCell, expand
from robustness.executor import execute
from robustness.plan import Plan
from robustness.store import Store
from robustness.worker import Message
from tests.robustness.drawn_campaign import Finished, lay_drives


def scores(plan: Plan) -> list[Cell]:
    """The drives and score cells of a plan."""
    return [cell for cell in expand(plan) if cell.kind in ("drive", "score")]


def test_a_broken_drive_is_reported_and_the_others_are_done(plan: Plan, tmp_path: Path) -> None:
    lay_drives(plan, tmp_path)
    store, cells = Store(tmp_path), scores(plan)
    broken = next(cell for cell in cells if isinstance(cell, ScoreCell))
    (store.drive_path(broken.drive) / "coco.json").write_text("{")
    failures = execute(cells, store, workers=1)
    assert [failure.cell for failure in failures] == [broken]
    assert "coco.json" in failures[0].sentence
    assert all(store.has(cell) for cell in cells if cell != broken)


def test_a_killed_worker_is_replaced_and_its_cell_done_again(plan: Plan, tmp_path: Path) -> None:
    lay_drives(plan, tmp_path)
    store, cells = Store(tmp_path), scores(plan)
    killed: list[int] = []

    def kill_once(cell: Cell, message: Message) -> None:
        del cell, message
        if not killed:
            killed.extend(child.pid or 0 for child in multiprocessing.active_children())
            os.kill(killed[0], signal.SIGKILL)

    assert execute(cells, store, workers=1, listen=kill_once) == ()
    assert killed
    assert all(store.has(cell) for cell in cells)
    assert not multiprocessing.active_children()


INTERRUPTED = """
import signal, sys
from pathlib import Path
from robustness.campaign import run
from robustness.plan_file import read_plan
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job would ignore it
    run(read_plan(Path(sys.argv[1])), Path(sys.argv[2]), workers=1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_campaign_keeps_its_cells_leaves_no_process_and_ends_with_the_same_bytes(
    plan: Plan, finished: Finished, tmp_path: Path, number: signal.Signals
) -> None:
    lay_drives(plan, tmp_path / "out")
    (tmp_path / "plan.yaml").write_text(plan.as_yaml())
    script = tmp_path / "go.py"
    script.write_text(INTERRUPTED)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(script), str(tmp_path / "plan.yaml"), str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment, start_new_session=True)
    results = tmp_path / "out" / "cells"
    try:
        wait_for(lambda: any(results.glob("*/*.json")))
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.kill()
        assert process.wait(60) != 0
        wait_for(lambda: not members(process.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    store = Store(tmp_path / "out")
    kept = [cell for cell in expand(plan) if cell.kind != "drive" and store.has(cell)]
    assert kept
    before = {store.result_path(cell): store.result_path(cell).stat().st_mtime_ns for cell in kept}  # type: ignore[arg-type]
    run(plan, tmp_path / "out", workers=1, quiet=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "out" / TABLE).read_bytes() == (finished.out / TABLE).read_bytes()


def members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(condition: object, patience: float = 100.0) -> None:
    """Until `condition()` holds."""
    assert callable(condition)
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
