"""The same instant gives the same bytes: in another process, after other pictures, with other threads."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import replace

import numpy as np

from scenarios.instant import ActorState, Before, Instant, Pose
from scenarios.render.frames import camera_of
from scenarios.render.geometry import mesh
from scenarios.render.hits import cast
from scenarios.render.materials import MaterialTable
from scenarios.render.mitsuba_setup import dr
from scenarios.render.renderer import Renderer
from scenarios.render.scene import Scene
from scenarios.render.shot import Shot
from scenarios.weather import preset
from tests.processes import finished
from tests.scenarios.rendered import LANE, car, look, straight_map, view

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


UNEVEN = re.compile(r"= load (?:<\d+ x )?(?:float|double|i32|i64)>?, ptr \S+ align 1,")
"""What Dr.Jit writes for LLVM where numbers lie at an uneven place in memory."""


def compiled_again(first: int = 5, last: int = 7) -> tuple[list[int], list[int]]:
    """Sizes of the kernels that frames from `first` on compile, and of those that read from uneven places.

    The frames are of other places, noise, weathers, crowds and earlier instants than the four before, and ever larger.
    """
    own = Renderer(straight_map(), quality="preview", seed=3)

    def frame(number: int) -> None:
        at = view(60 + number, 48, pose=Pose(30.0 + number / 9, 1.75, 1.5, yaw=number / 7))
        name = ("low-sun-snow", "low-sun-wet", "rain-night")[number % 3]
        actors = (replace(car(x=42.0 + number / 10), lights=3), car(8, 60.0 + number, -1.75))[: number - 1]
        shot = own.shoot(Instant(number, number * 0.05, preset(name, 0.0), actors), at)
        shot.rgb(), shot.glare(), shot.normals(), shot.visibility()
        shot.flow(Before(view().pose, (car(),)))
        shot.twin("no_snow"), shot.twin("no_sun"), shot.twin("sun+10")

    again, uneven = [], []
    for number in range(1, last + 1):
        with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
            dr.kernel_history_clear()
            frame(number)
            launched = dr.kernel_history([dr.KernelType.JIT])
        assert len(launched) > 5
        uneven += [kernel["size"] for kernel in launched if UNEVEN.search(kernel["ir"].getvalue())]
        again += [kernel["size"] for kernel in launched if number >= first and not kernel["cache_hit"]]
    return again, uneven


def test_nothing_is_compiled_again_between_frames() -> None:
    """All numbers reach the kernels as data, at even places in memory: for others Dr.Jit writes other code.

    In a process of its own, as a server's renderer is: what others did before may have compiled a kernel already.
    """
    code = "from tests.scenarios.test_render_repeatable import compiled_again; print(compiled_again())"
    done = finished([sys.executable, "-c", code], timeout=240)
    assert done.stdout.strip() == "([], [])", done.stderr


def test_an_empty_street_takes_the_kernels_of_a_busy_one() -> None:
    square = np.array([[0.0, -50, 0], [50, -50, 0], [50, 50, 0], [0, 50, 0]])
    ground = [mesh(square - side, np.array([[0, 1, 2], [0, 2, 3]]), 0) for side in ([0, 0, 0], [50.0, 0, 0])]
    scene = Scene(ground, [], MaterialTable())

    def kernels(*actors: ActorState) -> set[str]:
        scene.place(list(actors), 0, "")
        with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
            dr.kernel_history_clear()
            seen = cast(scene, camera_of(view(32, 20 + len(actors))))
            launched = dr.kernel_history([dr.KernelType.JIT])
        assert len(np.unique(scene.actor_of_instance[seen.number])) == 1 + len(actors)
        return {kernel["hash"] for kernel in launched}

    empty = kernels()
    assert len(empty) == 1
    assert kernels(car()) == kernels(car(), car(8, 50.0, -LANE)) == empty
