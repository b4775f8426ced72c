"""Whether a renderer that takes thousands of pictures keeps what it no longer needs: `make memory`.

Prints the resident memory of a process after 100, 500, 1,000 and 2,000 small frames of a drive with a picture, all
labels, a glare mask and a twin, in changing weather and with actors that come and go, as a server's renderer takes
them. Ends with code 1 if it grew by more than `GROWTH` from 100 frames to 2,000.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception.allocator import settle
from scenarios.instant import ActorState, Instant, Pose, View
from scenarios.server.pictures import Order, render, visible
from tests.bench import behind_a_car

FRAMES, LOOKS = 2000, (100, 500, 1000, 2000)
SIZE = (64, 48)
GROWTH = 0.05
WEATHERS = ("low-sun-snow", "low-sun-wet", "clear", "rain", "night")
KINDS = (
    ("sensor.camera.rgb", "none"),
    ("sensor.camera.rgb", "no_glare"),
    ("sensor.camera.depth", "none"),
    ("sensor.camera.semantic_segmentation", "none"),
    ("sensor.camera.instance_segmentation", "none"),
    ("sensor.camera.glare", "none"),
)


def main() -> int:
    """Take the pictures, print a line at each of `LOOKS`."""
    from scenarios.render.renderer import Renderer

    world_map, view, instant_of = behind_a_car()
    renderer = Renderer(world_map, quality="preview")
    newest: dict[int, Any] = {}
    seen: dict[int, float] = {}
    for frame in range(1, FRAMES + 1):
        take(renderer, instant_of(frame, WEATHERS[frame // 20 % len(WEATHERS)]), view(*SIZE), newest)
        if frame == 1:
            settle()
        if frame in LOOKS:
            seen[frame] = resident()
            print(f"{frame:5d} frames: {seen[frame]:7.1f} MB resident", flush=True)
    grown = seen[FRAMES] / seen[LOOKS[0]] - 1
    print(f"{100 * grown:+.1f} per cent from {LOOKS[0]} to {FRAMES} frames (at most {100 * GROWTH:+.0f})")
    return int(grown > GROWTH)


def take(renderer: Any, instant: Instant, view: View, newest: dict[int, Any]) -> None:
    """All pictures of one frame; the camera drives on, and a pedestrian is there in half of all stretches of 50."""
    pose = replace(view.pose, x=view.pose.x + 0.02 * instant.frame)
    walker = ActorState(9, "walker.pedestrian.0001", Pose(pose.x + 9, pose.y + 2, pose.z - 1.4))
    actors = instant.actors + ((walker,) if instant.frame // 50 % 2 else ())
    orders = [
        Order(number, number, kind, twin, b"", replace(view, pose=pose)) for number, (kind, twin) in enumerate(KINDS)
    ]
    render(renderer, replace(instant, actors=actors), orders, newest)
    visible(newest[0])


def resident() -> float:
    """Resident memory of this process [MB]."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    sys.exit(main())
