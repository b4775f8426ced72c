"""The main way through: a plan in, a verdict out.

`report` runs whatever of the campaign is not done yet and writes four files: `results.parquet` (by the campaign),
`summary.json`, `report.html` and `junit.xml`. Each is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from datetime import UTC, datetime
from pathlib import Path

from perception.weights import replace_file
from robustness.campaign import run
from robustness.junit import junit
from robustness.page import render
from robustness.plan_file import read_plan
from robustness.summary import Summary, as_dict

PAGE, SUMMARY, JUNIT = "report.html", "summary.json", "junit.xml"


def report(plan: Path | None, out: Path, *, workers: int, models: tuple[str, ...] = (), quiet: bool = False) -> int:
    """Play, score, attack, audit, judge, and write it all down.

    Args:
        plan: a YAML file; None for the bundled plan.
        out: folder of the report; what an earlier run finished there is used.
        workers: processes that share the cores.
        models: texts of models (see `perception.adapters.spec`) that stand in for the plan's; none for the plan's own.
        quiet: print nothing.

    Returns:
        The exit code: 0 all criteria pass, 1 one fails, 3 none fails but one is inconclusive, 2 a cell failed.
    """
    asked = read_plan(plan, models)
    summary = run(asked, out, workers=workers, command=command(plan, out, models), quiet=quiet)
    write(summary, out)
    if not quiet:
        print(closing_words(summary, out))
    return summary.exit_code


def write(summary: Summary, out: Path) -> None:
    """Write the three files that are made from a summary."""
    content = json.dumps(as_dict(summary), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(out / SUMMARY, content.encode())
    replace_file(out / JUNIT, junit(summary).encode())
    replace_file(out / PAGE, render(summary, out, machine()).encode())


def command(plan: Path | None, out: Path, models: tuple[str, ...] = ()) -> str:
    """What a reader types to repeat the run."""
    named = [word for model in models for word in ("--model", model)]
    words = ["whiteout", "report", *([str(plan)] if plan else []), *named, "--out", str(out)]
    return shlex.join(words)


def machine() -> dict[str, str]:
    """When and on what the report was written."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {cores} cores used",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def closing_words(summary: Summary, out: Path) -> str:
    """The last lines on the screen: each verdict, then where to read on."""
    width = max(len(criterion.verdict) for criterion in summary.criteria)
    lines = [f"{c.verdict:<{width}}  {c.name} [{c.model}]: {c.reason}" for c in summary.criteria]
    lines += [f"{omission.sentence} [{omission.model}]" for omission in summary.omissions]
    lines += [f"not computed: {failure}" for failure in summary.failures]
    return "\n".join([*lines, f"{summary.verdict}: open {out / PAGE}"])


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
