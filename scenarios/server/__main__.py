"""`python -m scenarios.server`: a server as a process of its own; people use `whiteout serve`."""

from __future__ import annotations

import sys

from perception.errors import WhiteoutError
from scenarios.server.main import main

if __name__ == "__main__":
    try:
        sys.exit(main())
    except WhiteoutError as error:
        sys.exit(f"error: {error}")
