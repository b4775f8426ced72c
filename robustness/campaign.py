"""A campaign: a plan becomes cells, cells become a table, the table becomes a summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from perception.errors import WhiteoutError
from perception.weights import replace_file
from robustness import table
from robustness.attacks.health import Attempt, checks
from robustness.cells import AttackCell, AuditCell, Cell, DriveCell, ModelCell, ModelRef, ScoreCell, expand
from robustness.conditions import attack_results, condition_results, sample_of
from robustness.error_types import error_types
from robustness.executor import Failure, execute
from robustness.findings import findings, saliency_check
from robustness.gallery import cell_name, figures
from robustness.measures import METRICS
from robustness.plan import Plan, eps_value
from robustness.progress import Progress
from robustness.provenance import PACKAGES, commit, file_hash, source_hash, versions
from robustness.scoring import damage
from robustness.store import Result, Store
from robustness.summary import DriveSource, HealthCheck, ModelSource, Omission, Provenance, Summary, ThreatModel
from robustness.verdict import judge, overall

TABLE = "results.parquet"
"""The results table's name in the output folder."""

TRACES = "failures.log"
"""Tracebacks of cells that failed in a way nobody foresaw."""

PLAN = "plan.yaml"
"""The validated plan's, every default written out."""

THREAT = ThreatModel(
    goal="evasion, an integrity violation: hide objects, invent objects, bend lane lines, or all at once",
    knowledge="white box: architecture, weights and gradients are known",
    capability="changes every pixel of a picture by at most eps (L-infinity, stored as 8 bits); queries unlimited",
    stage="test time; training data and weights are out of reach",
)


def run(plan: Plan, out: Path, *, workers: int, command: str = "", quiet: bool = False) -> Summary:
    """Do whatever of the plan is not done yet, and sum it up.

    Args:
        plan: what is asked.
        out: the campaign's folder; what it holds already is used.
        workers: processes that share the cores.
        command: what a reader types to repeat the run.
        quiet: show no progress.

    Raises:
        WhiteoutError: nothing could be computed at all.
    """
    replace_file(out / PLAN, plan.as_yaml().encode())
    store = Store(out)
    cells = expand(plan)
    with Progress(cells, [cell for cell in cells if store.has(cell)], quiet=quiet) as progress:
        failures = execute(cells, store, workers=workers, listen=progress.hear)
    traces = [f"{cell_name(failure.cell)}\n{failure.trace}" for failure in failures if failure.trace]
    if traces:
        replace_file(out / TRACES, "\n".join(traces).encode())
    return summarise(plan, store, cells, failures, command=command)


def summarise(
    plan: Plan, store: Store, cells: Sequence[Cell], failures: Sequence[Failure] = (), *, command: str = ""
) -> Summary:
    """Write the results table and sum up the cells that are there."""
    results = [(cell, store.read(cell)) for cell in cells if isinstance(cell, ModelCell) and store.has(cell)]
    if not results:
        raise WhiteoutError(
            sentences(failures)[0] if failures else f"{store.out}: no cell was computed; run the plan again"
        )
    whole = table.build((cell, result.rows) for cell, result in results)
    table.write(whole, store.out / TABLE)
    columns = table.Columns(whole)
    refs = {cell.model.name: cell.model for cell, _ in results}
    models = list(refs)
    health = (*checks(*_attempts(results)), *saliency_check(columns), *drives_differ(results))
    omissions = tuple(omission for ref in refs.values() for omission in omissions_of(plan, ref))
    criteria = judge(plan, columns, models, health, omissions)
    conditions, comparisons = condition_results(plan, columns, models)
    layers = {cell.model.name: str(r.facts["layer"]) for cell, r in results if isinstance(cell, AuditCell)}
    return Summary(
        title=plan.title,
        verdict=overall(criteria, complete=not failures),
        criteria=criteria,
        conditions=conditions,
        attacks=attack_results(plan, columns, models),
        findings=findings(plan, columns, models, layers),
        health=health,
        figures=figures(plan, store, results),
        failures=sentences(failures),
        threat=THREAT,
        provenance=_provenance(plan, store, results, command),
        metrics={name: (metric.words, metric.unit, metric.better) for name, metric in METRICS.items()},
        reference_weather=plan.reference_weather,
        comparisons=comparisons,
        errors=tuple(
            entry
            for model in models
            for weather in plan.weather
            for entry in error_types(sample_of(columns, model, weather), model, weather)
        ),
        omissions=omissions,
    )


def omissions_of(plan: Plan, ref: ModelRef) -> tuple[Omission, ...]:
    """What the plan asks and a model cannot be asked, and what it never says."""
    found = []
    if plan.attacks and ref.not_attacked:
        found.append(Omission(ref.name, "attack", f"not attacked: the model gives no gradients ({ref.not_attacked})"))
    if plan.audits and ref.not_audited:
        found.append(Omission(ref.name, "audit", f"not audited with Grad-CAM: {ref.not_audited}"))
    words: dict[str, Literal["objects", "lanes"]] = {"lane lines": "lanes"}
    found += [
        Omission(ref.name, words.get(what, "objects"), f"not scored on {what}: the model does not look for them")
        for what in ref.silent
    ]
    return tuple(found)


def sentences(failures: Iterable[Failure]) -> tuple[str, ...]:
    """Failed cells in words."""
    return tuple(
        f"{cell_name(failure.cell)}: {failure.sentence}"
        + (f" ({failure.blocked} other cells waited for it)" if failure.blocked else "")
        for failure in failures
    )


def drives_differ(results: Sequence[tuple[ModelCell, Result]]) -> tuple[HealthCheck, ...]:
    """Whether each weather changed the pictures at all: a condition that was not applied would look harmless."""
    hashes: dict[tuple[str, int], dict[str, str]] = {}
    for cell, result in results:
        if isinstance(cell, ScoreCell):
            hashes.setdefault(cell.drive.run, {})[cell.drive.weather] = str(result.facts["pictures_hash"])
    alike = sum(len(set(by_weather.values())) < len(by_weather) for by_weather in hashes.values())
    detail = f"in {len(hashes) - alike} of {len(hashes)} runs every weather gives pictures of its own"
    return (HealthCheck("every weather changes the pictures", alike == 0, detail, "all"),)


def _attempts(results: Sequence[tuple[ModelCell, Result]]) -> tuple[list[Attempt], list[tuple[str, str, str]]]:
    """Every attack on a picture beside the clean score of the same picture, and the weights' hashes around it."""
    clean: dict[tuple[object, ...], list[tuple[str, float, bool]]] = {}
    for cell, result in results:
        if isinstance(cell, ScoreCell):
            for row in result.rows:
                clean.setdefault((*_run(cell), row.frame), []).append((row.metric, row.value, row.valid))
    attempts: list[Attempt] = []
    hashes: list[tuple[str, str, str]] = []
    for cell, result in results:
        if isinstance(cell, AttackCell):
            hashes.append((cell.model.weights_hash, str(result.facts["hash_before"]), str(result.facts["hash_after"])))
            attempts.extend(_attempts_of(cell, result, clean))
    return attempts, hashes


def _attempts_of(
    cell: AttackCell, result: Result, clean: dict[tuple[object, ...], list[tuple[str, float, bool]]]
) -> Iterable[Attempt]:
    found: Any = result.facts["checks"]
    for check in found:
        rows = [r for r in result.rows if r.frame == check["frame"] and r.attack == f"pgd/{check['objective']}"]
        model, scenario, weather, seed = _run(cell)
        yield Attempt(
            picture=(model, scenario, weather, seed, check["frame"]),
            objective=check["objective"],
            eps=eps_value(cell.eps),
            value=check["value"],
            clean_value=check["clean_value"],
            gradient=check["gradient"],
            inside=check["inside"],
            damage=damage(rows, "objects")[0] + damage(rows, "lanes")[0],
            facts=tuple(sorted((row.metric, row.value, row.valid) for row in rows)),
            clean_facts=tuple(sorted(clean.get((*_run(cell), check["frame"]), []))),
        )


def _run(cell: ModelCell) -> tuple[str, str, str, int]:
    scenario, seed = cell.drive.run
    return cell.model.name, scenario, cell.drive.weather, seed


def _provenance(plan: Plan, store: Store, results: Sequence[tuple[ModelCell, Result]], command: str) -> Provenance:
    models: dict[str, ModelRef] = {cell.model.name: cell.model for cell, _ in results}
    drives: dict[str, DriveSource] = {}
    for cell, result in results:
        if isinstance(cell, ScoreCell):
            drives[cell.drive.key] = _drive_source(store, cell.drive, str(result.facts["content_hash"]))
    return Provenance(
        plan_hash=plan.plan_hash,
        plan_yaml=plan.as_yaml(paths=False),
        table_hash=file_hash(store.out / TABLE),
        source_hash=source_hash("all"),
        commit=commit(),
        models=tuple(ModelSource(ref.name, ref.weights_hash, ref.facts) for ref in models.values()),
        drives=tuple(drives.values()),
        versions=versions(name for names in PACKAGES.values() for name in names),
        seeds=plan.seeds,
        command=command,
    )


def _drive_source(store: Store, cell: DriveCell, content_hash: str) -> DriveSource:
    scenario, seed = cell.run
    path = store.drive_path(cell).relative_to(store.out).as_posix()
    return DriveSource(scenario, cell.weather, seed, cell.frames, content_hash, path)
