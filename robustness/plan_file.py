"""Reading a plan from YAML, so that an error names the line and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from perception.adapters.spec import anchored_spec, checked_spec
from perception.yaml_file import read_yaml
from robustness.plan import FILES, AttackPlan, AuditPlan, Criterion, GradCamPlan, PgdPlan, Plan, Size, Where

DEFAULT_PLAN = Path(__file__).parent / "plans" / "default.yaml"
"""The bundled plan."""

PARTS: dict[str, type[BaseModel]] = {
    "": Plan, "attacks": AttackPlan, "pgd": PgdPlan, "audits": AuditPlan, "grad_cam": GradCamPlan, "accept": Criterion,
    "where": Where, "relative_to": Where, "size": Size,
}  # fmt: skip
"""Which part of a plan a key holds, for the names it may have instead of an unknown one."""


def read_plan(path: Path | None = None, models: Sequence[str] = ()) -> Plan:
    """Read and check a plan; None for the bundled one. Paths in it start from its own folder.

    Args:
        path: the file.
        models: stand in for the plan's own, if there are any; their paths start from the working folder.

    Raises:
        WhiteoutError: the file, the line and the field at fault, and what to write instead.
    """
    path = DEFAULT_PLAN if path is None else path
    chosen = {"models": [str(checked_spec(text)) for text in models]} if models else {}
    return read_yaml(path, Plan, "a plan", PARTS, lambda content: anchored(content, path.parent) | chosen)


def anchored(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content with its paths (models, scenario files, a map file) starting from `folder`; anything odd as it is."""

    def anchor(value: Any, key: object = "") -> Any:
        if isinstance(value, list):
            return [anchor(item, key) for item in value]
        if isinstance(value, dict):
            return {inner: anchor(item, inner) for inner, item in value.items()}
        if isinstance(value, str) and key == "models":
            return anchored_spec(value, folder)
        is_path = isinstance(value, str) and value.endswith(FILES)
        return str(folder / value) if is_path and key in ("scenarios", "scenario", "map") else value

    return {key: anchor(value, key) for key, value in content.items()}
