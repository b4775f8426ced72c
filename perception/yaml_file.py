"""Reading a YAML file that a user wrote into a validated model, so that an error names file, line, field and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from perception.errors import WhiteoutError

Location = tuple[int | str, ...]
Content = TypeVar("Content", bound=BaseModel)


def read_yaml(
    path: Path,
    kind: type[Content],
    what: str,
    parts: Mapping[str, type[BaseModel]],
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Content:
    """Read and check a file.

    Args:
        path: a YAML file; only plain values are read from it, nothing in it runs.
        kind: what it must hold.
        what: the file's noun with its article, for sentences, such as "a plan".
        parts: which part a key holds, "" for the whole, for the names it may have instead of an unknown one.
        prepare: applied to the content before it is checked.

    Raises:
        WhiteoutError: the file, the line and the field at fault, and what to write instead.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        noun = what.partition(" ")[2]
        raise WhiteoutError(f"{path}: the {noun} cannot be read ({error}); give the path of a YAML file") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        _refuse_repeated_keys(path, node)
    except yaml.YAMLError as error:
        raise WhiteoutError(f"{path}: {_yaml_fault(error)}; correct the YAML there") from error
    except (ValueError, RecursionError) as error:
        raise WhiteoutError(f"{path}: a value cannot be read ({error}); correct the YAML there") from error
    if node is None or not isinstance(content, dict):
        needed = [name for name, field in kind.model_fields.items() if field.is_required()]
        raise WhiteoutError(f"{path}: {what} is a mapping with the keys {' and '.join(needed)} at least")
    try:
        return kind.model_validate(prepare(content))
    except ValidationError as error:
        raise WhiteoutError(_sentence(path, what, node, error, parts)) from error


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown `name`: the nearest known one, or all of them."""
    choices = list(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; write one of {', '.join(choices)}"


def line_of(node: yaml.Node, location: Location) -> int:
    """The line (from 1) of the value at `location`, or of the deepest part of it that is there."""
    line = node.start_mark.line
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line + 1


def _yaml_fault(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not valid YAML"
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def _sentence(
    path: Path, what: str, node: yaml.Node, error: ValidationError, parts: Mapping[str, type[BaseModel]]
) -> str:
    """The first fault (an unknown key before what it may have left missing), its place, and how many more there are."""
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    first = faults[0]
    location = tuple(first["loc"])
    field = ".".join(str(part) for part in location) or f"the {what.partition(' ')[2]}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{path}: line {line_of(node, location)}: {field}: {_remedy(first, location, parts)}{more}"


def _remedy(fault: ErrorDetails, location: Location, parts: Mapping[str, type[BaseModel]]) -> str:
    if fault["type"] == "extra_forbidden":
        owner = next((part for part in reversed(location[:-1]) if isinstance(part, str)), "")
        return f"unknown key{suggestion(str(location[-1]), parts[owner].model_fields)}"
    if fault["type"] == "missing":
        return "this key is missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    return message if fault["type"] == "value_error" else f"{message[0].lower()}{message[1:]}, not {fault['input']!r}"


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None


def _refuse_repeated_keys(path: Path, node: yaml.Node | None) -> None:
    """YAML's loader keeps the last of two equal keys in silence; a user's file must not."""
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
