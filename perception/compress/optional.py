"""Packages that only compression needs, imported where they are used; a missing one is one sentence."""

from __future__ import annotations

import importlib
from types import ModuleType

from perception.errors import WhiteoutError


def need(package: str, extra: str) -> ModuleType:
    """The package, or a `WhiteoutError` with the command that installs it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise WhiteoutError(
            f"the package {package} cannot be imported ({error});"
            f" install it with: pip install -c constraints.txt -e '.[{extra}]'"
        ) from error
