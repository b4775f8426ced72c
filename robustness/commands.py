"""The subcommands of this package: `report` and `doctor`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from perception.adapters.spec import SHORT_HELP
from perception.arguments import positive


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Mount `report` and `doctor`."""
    report = commands.add_parser("report", help="play scenarios, attack and audit a model, write the report")
    report.add_argument("plan", nargs="?", type=Path, metavar="PLAN.yaml", help="what to ask (default: bundled)")
    report.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="SPEC",
        help=f"{SHORT_HELP}; instead of the plan's, may be repeated",
    )
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the report and its results")
    report.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes (default: all cores)")
    report.set_defaults(run=_report)
    doctor = commands.add_parser("doctor", help="say what is installed, what is missing and how to get it")
    doctor.set_defaults(run=_doctor)


def _report(options: argparse.Namespace) -> int:
    from robustness.report import report

    return report(options.plan, options.out, workers=options.workers, models=tuple(options.model))


def _doctor(_: argparse.Namespace) -> int:
    from robustness.doctor import doctor

    return doctor()
