"""Making actors from what a client describes, and removing them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scenarios.instant import Pose
from scenarios.server.actors import Actor, Sensor, Vehicle, Walker
from scenarios.server.blueprints import Blueprint, catalogue
from scenarios.server.camera_checks import check_camera, number_of
from scenarios.server.collisions import blocking
from scenarios.server.geometry import BoundingBox, Vector, compose
from scenarios.server.physics import physics_of
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError

CLIENT_SIDE = frozenset({"sensor.other.lane_invasion"})
"""Sensors that the client computes by itself; they have no stream."""

OCCUPIED = "Spawn failed because of collision at spawn position"
"""CARLA's own words: scripts look for them."""


def spawn(simulation: Simulation, description: list[Any], pose: Pose, parent: int = 0) -> Actor:
    """Make an actor. `pose` is the world's, or in the parent's axes.

    Raises:
        CallError: no such blueprint, a bad attribute, or something stands there.
    """
    world = simulation.world
    blueprint = catalogue().get(description[1])
    if blueprint is None:
        raise CallError(f"there is no blueprint {description[1]!r}")
    attributes = _attributes(blueprint, description[2])
    carrier = world.actors.get(parent)
    place = compose(carrier.pose, pose) if carrier is not None else pose
    if blueprint.id.startswith(("vehicle.", "walker.")) and blocking(place, blueprint.box, world.actors.values()):
        raise CallError(OCCUPIED)
    actor = _make(simulation, blueprint, place, attributes)
    actor.description = list(description)
    actor.parent, actor.mount = parent, pose
    return world.add(actor)


def destroy(simulation: Simulation, id_: int) -> None:
    """Remove an actor and all that it carries."""
    if id_ == simulation.world.spectator:
        raise CallError("the spectator cannot be destroyed")
    gone = simulation.world.remove(id_)
    simulation.cameras.forget(gone)


def _attributes(blueprint: Blueprint, sent: list[Any]) -> dict[str, str]:
    """The blueprint's defaults with what the client has set."""
    values = {attribute.name: attribute.values[0] for attribute in blueprint.attributes}
    values.update({str(name): str(value) for name, _, value in sent})
    return dict(sorted(values.items()))


def _make(simulation: Simulation, blueprint: Blueprint, pose: Pose, attributes: dict[str, str]) -> Actor:
    world, tags = simulation.world, bytes(blueprint.tags)
    common: dict[str, Any] = {"attributes": attributes, "tags": tags, "box": _box(blueprint, attributes)}
    if blueprint.drivetrain is not None:
        return Vehicle(world.next_id, blueprint.id, pose, physics=physics_of(blueprint), **common)
    if blueprint.id.startswith("walker."):
        return Walker(world.next_id, blueprint.id, pose, **common)
    if blueprint.id.startswith("sensor."):
        return _sensor(simulation, Sensor(world.next_id, blueprint.id, pose, **common))
    return Actor(world.next_id, blueprint.id, pose, **common)


def _sensor(simulation: Simulation, sensor: Sensor) -> Sensor:
    sensor.interval = max(0.0, number_of(sensor, "sensor_tick"))
    if sensor.blueprint.startswith("sensor.camera."):
        check_camera(sensor, simulation.world)
        simulation.cameras.prepare()
    if sensor.blueprint not in CLIENT_SIDE:
        sensor.stream = simulation.streams.new_stream()
    return sensor


def _box(blueprint: Blueprint, attributes: dict[str, str]) -> BoundingBox:
    if blueprint.id != "static.trigger.friction":
        return blueprint.box
    extent = Vector(*(float(attributes[f"extent_{axis}"]) for axis in "xyz"))
    return replace(blueprint.box, extent=extent)
