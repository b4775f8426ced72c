"""The one exception that a user is meant to read."""

from __future__ import annotations

import sys
from collections.abc import Callable


class WhiteoutError(Exception):
    """Bad input or a failed run, told in one sentence: what was wrong, where (file, field), what to do."""


def exit_code(work: Callable[[], object]) -> int:
    """Do a program's work: 0 if it ends well, 2 after a `WhiteoutError`, which is told on standard error."""
    try:
        work()
    except WhiteoutError as error:
        print(f"whiteout: {error}", file=sys.stderr)
        return 2
    return 0
