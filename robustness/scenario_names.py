"""Which names a plan may use, and the nearest one to a mistyped name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import scenarios
from scenarios.weather import PRESETS


def known_scenarios() -> tuple[str, ...]:
    """The bundled scenarios: one file each."""
    library = Path(scenarios.__file__).parent / "library"
    return tuple(sorted(file.stem for file in library.glob("[a-z]*.py")))


def known_weathers() -> tuple[str, ...]:
    """The named weathers."""
    return tuple(PRESETS)


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown `name`: the nearest known one, or all of them."""
    choices = list(known)
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; write one of {', '.join(choices)}"
