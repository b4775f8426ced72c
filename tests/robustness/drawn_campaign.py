"""A whole campaign on drawn drives: all is real but the pictures, which are laid where played drives would lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robustness.campaign import run
from robustness.cells import DriveCell, expand
from robustness.plan import Plan
from robustness.store import Store
from robustness.summary import Summary
from tests.robustness.drawn_world import HEIGHT, WIDTH, frames, write_drive

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Finished:
    """A campaign's folder and summary."""

    out: Path
    summary: Summary


def plan(weights: Path) -> Plan:
    """Clear weather and glare on five runs, PGD of two strengths, the glare audit."""
    return Plan.model_validate(
        {
            "title": "Drawn <world> & co",
            "models": [str(weights)],
            "scenarios": ["low_sun"],
            "weather": ["clear", "low-sun-snow"],
            "seeds": list(SEEDS),
            "frames": 2,
            "size": {"width": WIDTH, "height": HEIGHT},
            "quality": "preview",
            "attacks": [{"pgd": {"eps": ["2/255", "8/255"], "steps": 4, "objectives": ["hide", "bend_lanes", "all"]}}],
            "audits": [{"grad_cam": {"frames": 1}}],
            "accept": [
                {"name": "lines in clear", "metric": "lane_f1", "where": {"weather": "clear"}, "at_least": 0.5},
                {
                    "name": "lines in glare",
                    "metric": "lane_f1",
                    "where": {"weather": "low-sun-snow"},
                    "relative_to": {"weather": "clear"},
                    "at_least": 0.95,
                },
                {
                    "name": "cars under attack",
                    "metric": "car_ap50",
                    "where": {"weather": "clear", "attack": "pgd", "eps": "8/255"},
                    "at_least": 0.9,
                },
            ],
        }
    )


def lay_drives(plan: Plan, out: Path) -> None:
    """Draw every drive of the plan."""
    store = Store(out)
    for cell in expand(plan):
        if isinstance(cell, DriveCell) and not store.has(cell):
            glare = 0.9 if cell.weather == "low-sun-snow" else 0.0
            write_drive(store.drive_path(cell), frames(cell.frames, cell.seed, glare=glare))


def finish(plan: Plan, out: Path, *, workers: int) -> Finished:
    """Draw the drives and run the campaign."""
    lay_drives(plan, out)
    return Finished(out, run(plan, out, workers=workers, command="whiteout report", quiet=True))
