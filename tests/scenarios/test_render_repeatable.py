"""The same instant gives the same bytes: in another process, after other pictures, with other threads."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace

from scenarios.instant import Before, Instant, Pose
from scenarios.render.mitsuba_setup import dr
from scenarios.render.renderer import Renderer
from scenarios.render.shot import Shot
from scenarios.weather import preset
from tests.processes import finished
from tests.scenarios.rendered import car, look, straight_map, view

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
    there = finished([sys.executable, "-c", SCRIPT], env=environment, timeout=240)
    assert there.returncode == 0, there.stderr
    assert there.stdout.split() == here


def test_what_was_rendered_before_leaves_no_trace() -> None:
    before = digests()
    look("night", replace(car(9, 50.0), blueprint="vehicle.audi.tt"), frame=77, at=view(80, 40)).rgb()
    assert digests() == before


def compiled_again() -> list[int]:
    """Sizes of the kernels that later frames compile: other places, noise, weathers and earlier instants."""
    own = Renderer(straight_map(), quality="preview", seed=3)

    def frame(number: int) -> None:
        at = view(64, 48, pose=Pose(30.0 + number / 9, 1.75, 1.5, yaw=number / 7))
        name = ("low-sun-snow", "low-sun-wet")[number % 2]
        actors = (car(x=42.0 + number / 10), car(8, 60.0 + number, -1.75))
        shot = own.shoot(Instant(number, number * 0.05, preset(name, 0.0), actors), at)
        shot.rgb(), shot.glare(), shot.normals(), shot.visibility()
        shot.flow(Before(view().pose, (car(),)))
        shot.twin("no_snow"), shot.twin("sun+10")

    for number in (1, 2, 3, 4):
        frame(number)
    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        dr.kernel_history_clear()
        for number in (5, 6):
            frame(number)
        launched = dr.kernel_history([dr.KernelType.JIT])
    assert len(launched) > 10
    return [kernel["size"] for kernel in launched if not kernel["cache_hit"]]


def test_nothing_is_compiled_again_between_frames() -> None:
    """All numbers reach the kernels as data.

    In a process of its own, as a server's renderer is: Dr.Jit's own small arrays lie at other places in one that has
    done a thousand other things, and it writes other code for some of those.
    """
    code = "from tests.scenarios.test_render_repeatable import compiled_again; print(compiled_again())"
    done = finished([sys.executable, "-c", code], timeout=240)
    assert done.stdout.strip() == "[]", done.stderr
