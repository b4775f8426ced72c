"""Which names a plan may use."""

from __future__ import annotations

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
