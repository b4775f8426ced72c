"""The same instant gives the same bytes: in another process, after other pictures, with other threads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

from scenarios.render.shot import Shot
from tests.scenarios.rendered import car, look, view

SCRIPT = "from tests.scenarios.test_render_repeatable import digests; print(' '.join(digests()))"


def digest(shot: Shot) -> str:
    parts = (shot.rgb(), shot.twin("no_glare"), shot.depth(), shot.semantic(), shot.instance(), shot.glare())
    return hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest()


def digests() -> list[str]:
    small = view(64, 48)
    return [
        digest(look("low-sun-snow", car(), car(8, 60.0, -1.75), at=small)),
        digest(look("snowfall", car(), frame=4, at=small)),
    ]


def test_bytes_are_the_same_in_another_process() -> None:
    here = digests()
    environment = {**os.environ, "WHITEOUT_THREADS": "1"}
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment, timeout=240
    )
    assert there.stdout.split() == here


def test_what_was_rendered_before_leaves_no_trace() -> None:
    before = digests()
    look("night", replace(car(9, 50.0), blueprint="vehicle.audi.tt"), frame=77, at=view(80, 40)).rgb()
    assert digests() == before
