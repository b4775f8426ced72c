"""The report's pictures: which ones, where they lie, and what is drawn over them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from robustness.cells import AttackCell, AuditCell, Cell, DriveCell, ModelCell, ScoreCell, spread
from robustness.overlays import from_json
from robustness.plan import Plan, eps_value
from robustness.store import Result, Store
from robustness.summary import Figure, Overlay, Picture

Results = Sequence[tuple[ModelCell, Result]]


def figures(plan: Plan, store: Store, results: Results) -> tuple[Figure, ...]:
    """Per model, weather and scenario: the weather beside the reference, glare and heat maps, the strongest attack."""
    first = [(cell, result) for cell, result in results if cell.drive.seed == plan.seeds[0]]
    return (*_weather_figures(plan, store, first), *_audit_figures(store, first), *_attack_figures(store, first))


def _weather_figures(plan: Plan, store: Store, results: Results) -> Iterable[Figure]:
    """The middle frame of a run in the reference weather and in every other."""
    scores = {_place(cell): (cell, result) for cell, result in results if isinstance(cell, ScoreCell)}
    for (model, scenario, weather), (cell, result) in scores.items():
        reference = scores.get((model, scenario, plan.reference_weather))
        if reference is None or weather == plan.reference_weather:
            continue
        frame = f"{spread(1, cell.drive.frames)[0]:06d}"
        pictures = (
            _scored(store, *reference, frame, f"{plan.reference_weather}"),
            _scored(store, cell, result, frame, f"{weather}"),
        )
        yield _figure(
            "weather",
            cell,
            frame,
            f"The same instant of {scenario} in {plan.reference_weather} and {weather}",
            pictures,
        )


def _audit_figures(store: Store, results: Results) -> Iterable[Figure]:
    for cell, result in results:
        shown: Any = result.facts.get("shown")
        if not isinstance(cell, AuditCell) or shown is None:
            continue
        frame, drive = str(shown["frame"]), store.drive_path(cell.drive)
        truth, here, without = (from_json(shown[name]) for name in ("truth", "prediction", "without"))
        glare = (
            _picture(store, cell.drive, drive / "images" / f"{frame}.png", "with glare", truth, here),
            _picture(
                store,
                cell.drive,
                drive / "masks" / "no_glare" / f"{frame}.png",
                "glare removed by the renderer",
                truth,
                without,
            ),
        )
        yield _figure("glare", cell, frame, "The same instant with glare and without", glare)
        captions = {
            "heat": "with glare",
            "heat-no-glare": "without glare",
            "heat-random": "randomised network, with glare",
        }
        heat = tuple(
            _picture(store, cell.drive, store.picture_path(cell, name), caption, truth, Overlay())
            for name, caption in captions.items()
        )
        yield _figure("heat", cell, frame, f"Evidence for the lane line in slot {int(shown['slot']):+d}", heat)
        shown = result.facts.get("shown_object")
        if shown is not None:
            captions = {"object-heat": "with glare", "object-heat-random": "randomised network, with glare"}
            prediction = from_json(shown["prediction"])
            heat = tuple(
                _picture(store, cell.drive, store.picture_path(cell, name), caption, Overlay(), prediction)
                for name, caption in captions.items()
            )
            title = f"Evidence for the surest object, a {shown['label']}"
            yield _figure("heat", cell, str(shown["frame"]), title, heat)


def _attack_figures(store: Store, results: Results) -> Iterable[Figure]:
    """The strongest eps of each attacked weather and scenario, beside the clean picture."""
    strongest: dict[tuple[str, str, str], tuple[AttackCell, Result]] = {}
    clean = {_place(cell): (cell, result) for cell, result in results if isinstance(cell, ScoreCell)}
    for cell, result in results:
        if isinstance(cell, AttackCell) and "shown" in result.facts:
            best = strongest.get(_place(cell))
            if best is None or eps_value(cell.eps) > eps_value(best[0].eps):
                strongest[_place(cell)] = (cell, result)
    for place, (cell, result) in strongest.items():
        if place not in clean:
            continue  # its score could not be computed
        shown: Any = result.facts["shown"]
        frame = str(shown["frame"])
        attacked = store.picture_path(cell, "attacked")
        words = f"attacked: {str(shown['objective']).replace('_', ' ')}, eps {cell.eps}"
        pictures = (
            _scored(store, *clean[place], frame, "clean"),
            _picture(store, cell.drive, attacked, words, from_json(shown["truth"]), from_json(shown["prediction"])),
            _picture(
                store, cell.drive, store.picture_path(cell, "change"), "the change, magnified", Overlay(), Overlay()
            ),
        )
        yield _figure("attack", cell, frame, f"PGD with eps {cell.eps}", pictures)


def _place(cell: ModelCell) -> tuple[str, str, str]:
    return cell.model.name, cell.drive.run[0], cell.drive.weather


def _scored(store: Store, cell: ModelCell, result: Result, frame: str, caption: str) -> Picture:
    """A frame of a drive with the model's answer."""
    frames: Any = result.facts["frames"]
    path = store.drive_path(cell.drive) / "images" / f"{frame}.png"
    truth, prediction = from_json(frames[frame]["truth"]), from_json(frames[frame]["prediction"])
    return _picture(store, cell.drive, path, caption, truth, prediction)


def _picture(store: Store, drive: DriveCell, path: Path, caption: str, truth: Overlay, prediction: Overlay) -> Picture:
    relative = Path(os.path.relpath(path, store.out)).as_posix()
    return Picture(relative, drive.width, drive.height, caption, truth, prediction)


def _figure(kind: Any, cell: ModelCell, frame: str, title: str, pictures: tuple[Picture, ...]) -> Figure:
    model, scenario, weather = _place(cell)
    return Figure(kind, model, scenario, weather, cell.drive.seed, frame, title, pictures)


def cell_name(cell: Cell) -> str:
    """A cell in words, for messages."""
    drive = cell if isinstance(cell, DriveCell) else cell.drive
    scenario, seed = drive.run
    words = f"{scenario} in {drive.weather}, seed {seed}"
    if isinstance(cell, DriveCell):
        return f"playing {words}"
    what = (
        f"attack of eps {cell.eps} on"
        if isinstance(cell, AttackCell)
        else "glare audit of"
        if isinstance(cell, AuditCell)
        else "scores of"
    )
    return f"{what} {cell.model.name}, {words}"
