"""Reading a plan from YAML, so that an error names the line and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from perception.errors import WhiteoutError
from robustness.plan import FILES, AttackPlan, AuditPlan, Criterion, GradCamPlan, PgdPlan, Plan, Size, Where
from robustness.scenario_names import suggestion

DEFAULT_PLAN = Path(__file__).parent / "plans" / "default.yaml"
"""The bundled plan."""

PARTS: dict[str, type[BaseModel]] = {
    "": Plan, "attacks": AttackPlan, "pgd": PgdPlan, "audits": AuditPlan, "grad_cam": GradCamPlan, "accept": Criterion,
    "where": Where, "relative_to": Where, "size": Size,
}  # fmt: skip
"""Which part of a plan a key holds, for the names it may have instead of an unknown one."""

Location = tuple[int | str, ...]


def read_plan(path: Path | None = None) -> Plan:
    """Read and check a plan; None for the bundled one. Paths in it start from its own folder.

    Raises:
        WhiteoutError: the file, the line and the field at fault, and what to write instead.
    """
    path = DEFAULT_PLAN if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WhiteoutError(f"{path}: the plan cannot be read ({error}); give the path of a YAML file") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        _refuse_repeated_keys(path, node)
    except yaml.YAMLError as error:
        raise WhiteoutError(f"{path}: {_yaml_fault(error)}; correct the YAML there") from error
    except (ValueError, RecursionError) as error:
        raise WhiteoutError(f"{path}: a value cannot be read ({error}); correct the YAML there") from error
    if node is None or not isinstance(content, dict):
        raise WhiteoutError(f"{path}: a plan is a mapping with the keys scenarios, weather and accept at least")
    try:
        return Plan.model_validate(anchored(content, path.parent))
    except ValidationError as error:
        raise WhiteoutError(_sentence(path, node, error)) from error


def anchored(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content with its paths (models, scenario files, a map file) starting from `folder`; anything odd as it is."""

    def anchor(value: Any, key: object = "") -> Any:
        if isinstance(value, list):
            return [anchor(item, key) for item in value]
        if isinstance(value, dict):
            return {inner: anchor(item, inner) for inner, item in value.items()}
        is_path = isinstance(value, str) and value.endswith(FILES)
        return str(folder / value) if is_path and key in ("models", "scenarios", "scenario", "map") else value

    return {key: anchor(value, key) for key, value in content.items()}


def _yaml_fault(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not valid YAML"
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def _sentence(path: Path, node: yaml.Node, error: ValidationError) -> str:
    """The first fault, with its place, and how many more there are."""
    faults = error.errors()
    first = faults[0]
    location = tuple(first["loc"])
    field = ".".join(str(part) for part in location) or "the plan"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{path}: line {line_of(node, location)}: {field}: {_remedy(first, location)}{more}"


def _remedy(fault: ErrorDetails, location: Location) -> str:
    if fault["type"] == "extra_forbidden":
        owner = next((part for part in reversed(location[:-1]) if isinstance(part, str)), "")
        return f"unknown key{suggestion(str(location[-1]), PARTS[owner].model_fields)}"
    if fault["type"] == "missing":
        return "this key is missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    return message if fault["type"] == "value_error" else f"{message[0].lower()}{message[1:]}, not {fault['input']!r}"


def line_of(node: yaml.Node, location: Location) -> int:
    """The line (from 1) of the value at `location`, or of the deepest part of it that is there."""
    line = node.start_mark.line
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line + 1


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None


def _refuse_repeated_keys(path: Path, node: yaml.Node | None) -> None:
    """YAML's loader keeps the last of two equal keys in silence; a plan must not."""
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise WhiteoutError(f"{path}: line {key.start_mark.line + 1}: {key.value} is given twice; remove one")
            seen.add(key.value)
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = list(node.value)
    for child in children:
        _refuse_repeated_keys(path, child)
