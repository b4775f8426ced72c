"""How fast the parts are, on this machine, in one run: `make bench`.

Frames per second of the renderer, ticks per second of the server under CARLA's traffic manager, and images x steps per
second of PGD beside the bare forward and backward pass of the same model. Medians; the ratio is what carries over.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import carla
import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from rich.console import Console
from rich.table import Table

from perception.allocator import keep_memory, settle
from perception.weights import load_model
from robustness.attacks.objectives import objective
from robustness.attacks.pgd import PGD
from scenarios.instant import ActorState, Instant, Pose, View
from scenarios.maps.world_map import WorldMap, load_map
from scenarios.qualities import QUALITIES, Quality
from scenarios.render.geometry import Mesh
from scenarios.server.launch import start_server
from scenarios.weather import preset
from tests.perception import scenes

REPEATS = 5
CARS = 21
TICKS = 400
PICTURE = (640, 384)
SMALL = (240, 144)
COMPARED = ("clear", "low-sun-wet", "low-sun-snow")


def main() -> None:
    """Print the table."""
    table = Table(
        "what", "figure", "unit", title=f"{os.cpu_count()} cores, torch with {torch.get_num_threads()} threads"
    )
    for rows in (
        attack_rates,
        tick_rate,
        lambda: frame_rate("physical"),
        lambda: frame_rate("preview"),
        picture_errors,
        bare_ratio,
    ):
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
    from scenarios.render.renderer import Renderer

    begin = time.perf_counter()
    world_map, view, instant_of = behind_a_car()
    renderer = Renderer(world_map, quality=quality)
    build = time.perf_counter() - begin
    pictures, glares = [], []
    for frame in range(REPEATS + 1):
        instant = instant_of(frame, "low-sun-snow")
        start = time.perf_counter()
        shot = renderer.shoot(instant, view(*PICTURE))
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


def behind_a_car() -> tuple[WorldMap, Callable[[int, int], View], Callable[[int, str], Instant]]:
    """A map, the view of a driver on it by picture size, and the instant of a frame in a weather, a car ahead."""
    world_map = load_map("country_road")
    place = world_map.carla_map().generate_waypoints(50.0)[4].transform
    eye = Pose(place.location.x, place.location.y, place.location.z + 1.45, yaw=place.rotation.yaw)
    ahead = place.transform(carla.Location(x=18.0))
    car = ActorState(7, "vehicle.tesla.model3", Pose(ahead.x, ahead.y, ahead.z, yaw=place.rotation.yaw))

    def instant(frame: int, weather: str) -> Instant:
        return Instant(frame, frame * 0.05, preset(weather, place.rotation.yaw), (car,))

    return world_map, lambda width, height: View(eye, width, height, fov=75.0), instant


def picture_errors() -> list[tuple[str, float, str]]:
    """Peak signal-to-noise ratio of each quality against `reference`, sensor noise left out."""
    from scenarios.render.renderer import Renderer

    world_map, view, instant_of = behind_a_car()
    quiet = replace(view(*SMALL), attributes={"whiteout_sensor_noise": "0"})
    renderers = {quality: Renderer(world_map, quality=quality) for quality in ("reference", "physical", "preview")}
    rows = []
    for weather in COMPARED:
        pictures = {name: one.shoot(instant_of(1, weather), quiet).rgb() for name, one in renderers.items()}
        for name in ("physical", "preview"):
            error = float(np.mean((pictures[name].astype(float) - pictures["reference"]) ** 2))
            rows.append((f"{name} against reference, {weather}", 10 * float(np.log10(255**2 / error)), "dB PSNR"))
    return rows


def bare_ratio() -> list[tuple[str, float, str]]:
    """Our picture beside a bare render: Mitsuba's stock `path` integrator doing the same work on the same triangles.

    Bare is the world of this season with the car, one grey, diffuse mesh under a `directional` sun and a `constant`
    sky: as many paths a pixel as `physical` has, each of as many surface hits with a shadow ray, without Russian
    roulette. It has no materials, snow, lamps, counterfactual parts, denoiser or lens. It is one mesh in a process of
    its own, since Dr.Jit traces the integrator once for each of a process's shapes, and a map has two thousand; that
    favours bare, whose rays go down one tree of boxes.
    """
    from scenarios.render.renderer import Renderer
    from scenarios.render.tracer import trace

    world_map, view, instant_of = behind_a_car()
    renderer, looked = Renderer(world_map, quality="physical"), view(*PICTURE)
    shot = renderer.shoot(instant_of(0, "clear"), looked)
    quality = QUALITIES["physical"]
    scene, light, shader = renderer.prepare(shot.instant, looked)

    def ours() -> None:
        trace(scene, shot.camera, light, shader, samples=quality.samples, bounces=quality.bounces, seed=1)

    def whole() -> None:
        renderer.shoot(instant_of(1, "clear"), looked).rgb()

    given = (_seen(scene), shot.camera.camera_to_world, light.sun, quality)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_build_bare, initargs=given) as bare:
        bare_time, own_time, whole_time = in_turn(lambda: bare.submit(_render_bare).result(), ours, whole)
    return [
        ("bare render with Mitsuba's path integrator", bare_time, "s"),
        ("our traced picture over it", own_time / bare_time, "ratio"),
        ("our picture, denoised and developed, over it", whole_time / bare_time, "ratio"),
    ]


def _seen(scene: Any) -> Mesh:
    """All of a scene that can be seen now as one mesh, renderer axes."""
    from scenarios.render.geometry import joined, moved

    standing = [item for item in scene._standing if item.season in {"", scene._season}]
    placed = [(item.mesh, matrix) for item in standing for matrix in item.matrices]
    placed += [piece for pieces in scene.matrices.values() for piece in pieces]
    return joined([moved(part, matrix) for part, matrix in placed])


_bare: list[Any] = []
"""The bare scene, in the process that renders it."""


def _build_bare(
    world: Mesh, camera_to_world: Float[ndarray, "4 4"], sun: Float[ndarray, "3"], quality: Quality
) -> None:
    from scenarios.render.geometry import shape
    from scenarios.render.mitsuba_setup import mi

    pose = mi.ScalarTransform4f(camera_to_world.tolist()) @ mi.ScalarTransform4f().rotate([0, 0, 1], 180)
    film = {"type": "hdrfilm", "width": PICTURE[0], "height": PICTURE[1], "rfilter": {"type": "box"}}
    scene = mi.load_dict({
        "type": "scene", "sky": {"type": "constant"},
        "sun": {"type": "directional", "direction": (-sun).tolist()},
        "integrator": {"type": "path", "max_depth": quality.bounces + 1, "rr_depth": 1000},
        "sensor": {"type": "perspective", "fov": 75.0, "to_world": pose, "film": film,
                   "sampler": {"type": "independent", "sample_count": quality.samples}},
        "world": shape(world, "world"),
    }, optimize=False)  # fmt: skip
    _bare.append(scene)


def _render_bare() -> None:
    from scenarios.render.mitsuba_setup import dr, mi

    dr.eval(mi.render(_bare[0], seed=1))
    dr.sync_thread()


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
