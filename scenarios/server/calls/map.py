"""Calls about the map: its name, its text, its spawn points, other maps, and questions about its surface."""

from __future__ import annotations

from typing import Any

from perception.errors import WhiteoutError
from scenarios.maps.world_map import BUNDLED, WorldMap, load_map
from scenarios.server.calls.registry import call
from scenarios.server.geometry import Vector
from scenarios.server.records import decode_vector, encode_pose
from scenarios.server.simulation import Simulation, load_episode
from scenarios.server.wire import CallError

UPLOADED = "OpenDriveMap"
"""CARLA's name of the map that a client has sent."""

ROADS = 1
"""CityObjectLabel of what `project_point` and `cast_ray` hit."""

RAY_STEP = 0.5
"""How finely rays are followed [m]."""


@call()
def get_map_info(simulation: Simulation) -> list[Any]:
    """The map's name and recommended spawn points."""
    world = simulation.world
    return [f"Carla/Maps/{world.map.name}", [encode_pose(pose) for pose in world.roads.spawn_points()]]


@call()
def get_map_data(simulation: Simulation) -> str:
    """The OpenDRIVE text."""
    return simulation.world.map.opendrive


@call()
def get_available_maps(simulation: Simulation) -> list[str]:
    """What `load_world` takes."""
    return [f"/Game/Carla/Maps/{name}" for name in sorted({*BUNDLED, *simulation.maps})]


@call(returns=False)
def load_new_episode(simulation: Simulation, name: str, reset_settings: bool, layers: int) -> None:  # noqa: ARG001
    """Begin anew on a map, given by name or by CARLA's path of it."""
    load_episode(simulation, _find_map(simulation, name.rsplit("/", 1)[-1]), reset_settings=reset_settings)


@call(returns=False)
def copy_opendrive_to_file(simulation: Simulation, opendrive: str, parameters: list[Any]) -> None:  # noqa: ARG001
    """Take the text of a map; `generate_opendrive_world` loads it next."""
    path = simulation.uploads / f"{UPLOADED}.xodr"
    path.write_text(opendrive, encoding="utf-8", errors="surrogateescape")
    simulation.maps[UPLOADED] = load_map(path)


@call(returns=False)
def load_map_layer(simulation: Simulation, layers: int) -> None:  # noqa: ARG001
    """Maps have no layers here."""
    raise CallError("maps have no layers on this server")


@call(returns=False)
def unload_map_layer(simulation: Simulation, layers: int) -> None:
    """Maps have no layers here."""
    load_map_layer(simulation, layers)


@call()
def get_environment_objects(simulation: Simulation, label: int) -> list[Any]:  # noqa: ARG001
    """Houses and trees belong to the renderer; none of them can be switched off."""
    return []


@call()
def get_all_level_BBs(simulation: Simulation, label: int) -> list[Any]:  # noqa: ARG001, N802 - CARLA's name
    """Boxes of houses and trees: none are known to the server."""
    return []


@call()
def get_names_of_all_objects(simulation: Simulation) -> list[str]:  # noqa: ARG001
    """Names of houses and trees: none are known to the server."""
    return []


@call()
def query_lights_state(simulation: Simulation, client: str) -> list[Any]:  # noqa: ARG001
    """Street lamps: there are none to switch."""
    return []


@call(returns=False)
def update_lights_state(simulation: Simulation, client: str, lights: list[Any], discard: bool) -> None:
    """Street lamps: there are none to switch."""


@call(returns=False)
def update_day_night_cycle(simulation: Simulation, client: str, active: bool) -> None:
    """Street lamps: there are none to switch."""


@call()
def project_point(simulation: Simulation, start: Any, direction: Any, distance: float) -> list[Any]:
    """Where a ray first meets the road's surface: CARLA's optional LabelledPoint as a pair."""
    way = decode_vector(direction)
    length = way.length
    if length == 0:
        return [False, [[0.0, 0.0, 0.0], 0]]
    origin = decode_vector(start)
    end = Vector(*(a + b * distance / length for a, b in zip(origin, way, strict=True)))
    hit = _first_hit(simulation, origin, end)
    return [False, [[0.0, 0.0, 0.0], 0]] if hit is None else [True, [list(hit), ROADS]]


@call()
def cast_ray(simulation: Simulation, start: Any, end: Any) -> list[Any]:
    """Where the line between two points first meets the road's surface; bodies do not stop it."""
    hit = _first_hit(simulation, decode_vector(start), decode_vector(end))
    return [] if hit is None else [[list(hit), ROADS]]


def _find_map(simulation: Simulation, name: str) -> WorldMap:
    if name in simulation.maps:
        return simulation.maps[name]
    if name in BUNDLED:
        try:
            return load_map(name)
        except (OSError, WhiteoutError) as error:
            raise CallError(f"map {name!r} cannot be loaded: {error}") from error
    known = ", ".join(sorted({*BUNDLED, *simulation.maps}))
    raise CallError(f"map {name!r} not found; this server has {known}")


def _first_hit(simulation: Simulation, start: Vector, end: Vector) -> Vector | None:
    """Follow a line down to the ground: step until below it, then halve."""
    way = Vector(*(b - a for a, b in zip(start, end, strict=True)))
    steps = max(1, min(2000, int(way.length / RAY_STEP)))
    before = 0.0
    if _clearance(simulation, start, way, 0.0) < 0:
        return None
    for number in range(1, steps + 1):
        share = number / steps
        if _clearance(simulation, start, way, share) <= 0:
            return _halve(simulation, start, way, before, share)
        before = share
    return None


def _halve(simulation: Simulation, start: Vector, way: Vector, above: float, below: float) -> Vector:
    for _ in range(20):
        middle = (above + below) / 2
        if _clearance(simulation, start, way, middle) > 0:
            above = middle
        else:
            below = middle
    return Vector(*(a + below * b for a, b in zip(start, way, strict=True)))


def _clearance(simulation: Simulation, start: Vector, way: Vector, share: float) -> float:
    x, y, z = (a + share * b for a, b in zip(start, way, strict=True))
    return z - simulation.world.roads.ground(x, y, z).height(x, y)
