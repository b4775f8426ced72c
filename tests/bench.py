"""How fast the parts are, on this machine, in one run: `make bench`.

Frames per second of the renderer, ticks per second of the server under CARLA's traffic manager, and images x steps per
second of PGD beside the bare forward and backward pass of the same model. Medians; the ratio is what carries over.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import carla
import torch
from rich.console import Console
from rich.table import Table

from perception.allocator import keep_memory, settle
from perception.weights import load_model
from robustness.attacks.objectives import objective
from robustness.attacks.pgd import PGD
from scenarios.server.launch import start_server
from tests.perception import scenes

REPEATS = 5
CARS = 21
TICKS = 400
PICTURE = (640, 384)


def main() -> None:
    """Print the table."""
    table = Table(
        "what", "figure", "unit", title=f"{os.cpu_count()} cores, torch with {torch.get_num_threads()} threads"
    )
    for rows in (attack_rates, tick_rate, lambda: frame_rate("physical"), lambda: frame_rate("preview")):
        for what, figure, unit in rows():
            table.add_row(what, f"{figure:.2f}", unit)
    Console().print(table)


def attack_rates() -> list[tuple[str, float, str]]:
    """PGD against its floor: the same forward and backward passes with nothing around them."""
    keep_memory()
    model = load_model("reference").requires_grad_(False)
    frames = [scenes.frame(seed, width=PICTURE[0], height=PICTURE[1]) for seed in range(2)]
    images = torch.stack([torch.from_numpy(f.image).permute(2, 0, 1).float() / 255 for f in frames])
    wish = objective("all", model, frames)
    steps = 4

    def floor() -> None:
        for _ in range(steps):
            leaf = images.clone().requires_grad_(True)
            wish(leaf).sum().backward()  # type: ignore[no-untyped-call]

    def attack() -> None:
        PGD(eps=2 / 255, steps=steps)(wish, images, generator=torch.Generator().manual_seed(0))

    bare, full = in_turn(floor, attack)
    work = len(frames) * steps
    return [
        ("forward + backward", work / bare, "images x steps / s"),
        ("PGD, its two scorings included", work / full, "images x steps / s"),
        ("PGD time over floor", full / bare, "ratio"),
    ]


def tick_rate() -> list[tuple[str, float, str]]:
    """Synchronous ticks with cars under CARLA's traffic manager and no camera."""
    with start_server("small_town") as server:
        client = carla.Client(server.host, server.port)
        client.set_timeout(60)
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        manager = client.get_trafficmanager(server.port + 100)
        manager.set_synchronous_mode(True)
        blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
        cars = [world.try_spawn_actor(blueprint, place) for place in world.get_map().get_spawn_points()[:CARS]]
        placed = [car for car in cars if car is not None]
        for car in placed:
            car.set_autopilot(True, server.port + 100)
        world.tick()
        begin = time.perf_counter()
        for _ in range(TICKS):
            world.tick()
        rate = TICKS / (time.perf_counter() - begin)
        manager.shut_down()
    return [(f"ticks with {len(placed)} cars on autopilot", rate, "1 / s"), ("that is", rate * 0.05, "x real time")]


def frame_rate(quality: str) -> list[tuple[str, float, str]]:
    """One camera behind a car, colour and labels, in low sun on snow."""
    from scenarios.instant import ActorState, Instant, Pose, View
    from scenarios.maps.world_map import load_map
    from scenarios.render.renderer import Renderer
    from scenarios.weather import preset

    world_map = load_map("country_road")
    begin = time.perf_counter()
    renderer = Renderer(world_map, quality=quality)
    place = world_map.carla_map().generate_waypoints(50.0)[4].transform
    eye = Pose(place.location.x, place.location.y, place.location.z + 1.45, yaw=place.rotation.yaw)
    ahead = place.transform(carla.Location(x=18.0))
    car = ActorState(7, "vehicle.tesla.model3", Pose(ahead.x, ahead.y, ahead.z, yaw=place.rotation.yaw))
    weather = preset("low-sun-snow", place.rotation.yaw)
    build = time.perf_counter() - begin
    pictures, glares = [], []
    for frame in range(REPEATS + 1):
        instant = Instant(frame, frame * 0.05, weather, (car,))
        start = time.perf_counter()
        shot = renderer.shoot(instant, View(eye, *PICTURE, fov=75.0))
        shot.rgb(), shot.depth(), shot.semantic(), shot.instance(), shot.visibility()
        middle = time.perf_counter()
        shot.twin("no_glare"), shot.glare()
        pictures.append(middle - start)
        glares.append(time.perf_counter() - middle)
        if frame == 0:
            settle()
    return [
        (f"{quality}: scene built", build, "s"),
        (f"{quality}: first picture {PICTURE[0]}x{PICTURE[1]} with labels", pictures[0], "s"),
        (f"{quality}: every further one", statistics.median(pictures[1:]), "s"),
        (f"{quality}: its twin without glare, and the glare mask", statistics.median(glares[1:]), "s more"),
    ]


def in_turn(*works: Callable[[], None]) -> list[float]:
    """Median seconds of each, run one after the other several times so that a change of the machine's pace hits all."""
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(REPEATS + 1):
        for work, times in zip(works, seconds, strict=True):
            begin = time.perf_counter()
            work()
            if turn:
                times.append(time.perf_counter() - begin)
    return [statistics.median(times) for times in seconds]


if __name__ == "__main__":
    main()
