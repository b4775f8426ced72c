"""Calls that make, find, move and remove actors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scenarios.instant import Pose
from scenarios.server.actors import Actor, Vehicle
from scenarios.server.blueprints import definitions
from scenarios.server.calls.registry import call
from scenarios.server.geometry import Vector
from scenarios.server.records import decode_pose, decode_vector, encode_actor, encode_box
from scenarios.server.simulation import Simulation
from scenarios.server.spawning import destroy, spawn
from scenarios.server.wire import CallError

_UNKNOWN_BOX = [[0.0, 0.0, 0.75], [2.0, 1.0, 0.75], [0.0, 0.0, 0.0]]


def find(simulation: Simulation, id_: int) -> Actor:
    """The actor with that id.

    Raises:
        CallError: there is none.
    """
    actor = simulation.world.actors.get(id_)
    if actor is None:
        raise CallError(f"unable to find actor {id_}: it was destroyed, or belongs to an earlier episode")
    return actor


@call()
def get_actor_definitions(simulation: Simulation) -> list[Any]:  # noqa: ARG001 - every call takes the simulation
    """The blueprint library."""
    return definitions()


@call()
def get_spectator(simulation: Simulation) -> list[Any]:
    """The spectator's record."""
    return encode_actor(find(simulation, simulation.world.spectator), simulation.streams)


@call()
def get_actors_by_id(simulation: Simulation, ids: list[int]) -> list[Any]:
    """The records of those that exist."""
    actors = simulation.world.actors
    return [encode_actor(actors[id_], simulation.streams) for id_ in ids if id_ in actors]


@call()
def spawn_actor(simulation: Simulation, description: list[Any], transform: Any) -> list[Any]:
    """Make an actor at a place in the world."""
    actor = spawn(simulation, description, decode_pose(transform))
    return encode_actor(actor, simulation.streams)


@call()
def spawn_actor_with_parent(
    simulation: Simulation,
    description: list[Any],
    transform: Any,
    parent: int,
    attachment: int = 0,  # noqa: ARG001 - spring arms are rigid here, and the byte may be anything
    socket: str = "",  # noqa: ARG001 - bodies have no named sockets
) -> list[Any]:
    """Make an actor on another one; the transform is in its parent's axes."""
    find(simulation, parent)
    actor = spawn(simulation, description, decode_pose(transform), parent)
    return encode_actor(actor, simulation.streams)


@call()
def destroy_actor(simulation: Simulation, id_: int) -> bool:
    """Remove an actor and what it carries."""
    find(simulation, id_)
    destroy(simulation, id_)
    return True


@call(returns=False)
def set_actor_location(simulation: Simulation, id_: int, location: Any) -> None:
    """Move an actor."""
    pose = find(simulation, id_).pose
    place = decode_vector(location)
    _place(simulation, id_, replace(pose, x=place.x, y=place.y, z=place.z))


@call(returns=False)
def set_actor_transform(simulation: Simulation, id_: int, transform: Any) -> None:
    """Move and turn an actor; one that is attached, in its parent's axes."""
    _place(simulation, id_, decode_pose(transform))


@call(returns=False)
def set_actor_target_velocity(simulation: Simulation, id_: int, velocity: Any) -> None:
    """Give an actor a velocity [m/s]."""
    find(simulation, id_).velocity = decode_vector(velocity)


@call(returns=False)
def set_actor_target_angular_velocity(simulation: Simulation, id_: int, velocity: Any) -> None:
    """Give an actor a turning [deg/s]."""
    find(simulation, id_).angular_velocity = decode_vector(velocity)


@call(returns=False)
def enable_actor_constant_velocity(simulation: Simulation, id_: int, velocity: Any) -> None:
    """Keep a vehicle at a velocity in its own axes [m/s]."""
    actor = find(simulation, id_)
    if isinstance(actor, Vehicle):
        actor.constant_velocity = decode_vector(velocity)


@call(returns=False)
def disable_actor_constant_velocity(simulation: Simulation, id_: int) -> None:
    """Let a vehicle drive again."""
    actor = find(simulation, id_)
    if isinstance(actor, Vehicle):
        actor.constant_velocity = None


@call(returns=False)
def add_actor_impulse(simulation: Simulation, id_: int, impulse: Any) -> None:
    """Push an actor [N s]."""
    actor = find(simulation, id_)
    if actor.mass != float("inf"):
        push = decode_vector(impulse)
        actor.velocity = Vector(*(v + p / actor.mass for v, p in zip(actor.velocity, push, strict=True)))


@call(returns=False)
def add_actor_force(simulation: Simulation, id_: int, force: Any) -> None:
    """Push an actor for one step [N]."""
    delta = simulation.step_length
    add_actor_impulse(simulation, id_, [delta * value for value in decode_vector(force)])


@call(returns=False)
def add_actor_impulse_at_location(simulation: Simulation, id_: int, impulse: Any, location: Any) -> None:  # noqa: ARG001
    """Push an actor [N s]; where is of no account, since tyres keep it from spinning."""
    add_actor_impulse(simulation, id_, impulse)


@call(returns=False)
def add_actor_force_at_location(simulation: Simulation, id_: int, force: Any, location: Any) -> None:  # noqa: ARG001
    """Push an actor for one step [N]; where is of no account."""
    add_actor_force(simulation, id_, force)


@call(returns=False)
def add_actor_angular_impulse(simulation: Simulation, id_: int, impulse: Any) -> None:
    """Accepted, but tyres hold the heading: nothing spins here."""
    find(simulation, id_)
    decode_vector(impulse)


@call(returns=False)
def add_actor_torque(simulation: Simulation, id_: int, torque: Any) -> None:
    """Accepted, but tyres hold the heading: nothing spins here."""
    add_actor_angular_impulse(simulation, id_, torque)


@call(returns=False)
def set_actor_simulate_physics(simulation: Simulation, id_: int, enabled: bool) -> None:
    """Let physics move an actor or not. An actor just destroyed is no error: the client would die of it."""
    actor = simulation.world.actors.get(id_)
    if actor is not None:
        actor.simulated = enabled
        if not enabled:
            actor.velocity = actor.angular_velocity = actor.acceleration = Vector()


@call(returns=False)
def set_actor_collisions(simulation: Simulation, id_: int, enabled: bool) -> None:
    """Let others run into an actor or not."""
    find(simulation, id_).collides = enabled


@call(returns=False)
def set_actor_enable_gravity(simulation: Simulation, id_: int, enabled: bool) -> None:
    """Let an actor fall or not."""
    find(simulation, id_).gravity = enabled


@call(returns=False)
def set_actor_autopilot(simulation: Simulation, id_: int, enabled: bool) -> None:  # noqa: ARG001
    """The autopilot is the client's traffic manager; the server has nothing to do."""
    find(simulation, id_)


@call()
def get_actor_bounding_box(simulation: Simulation, id_: int) -> list[Any]:
    """An actor's box. One just destroyed gets a car's: an error would kill the traffic manager's process."""
    actor = simulation.world.actors.get(id_)
    return [*_UNKNOWN_BOX, id_] if actor is None else encode_box(actor.box, id_)


def _place(simulation: Simulation, id_: int, pose: Pose) -> None:
    actor = find(simulation, id_)
    if actor.parent in simulation.world.actors:
        actor.mount = pose
        return
    actor.pose = pose
    if isinstance(actor, Vehicle):
        actor.ground = None
        actor.airborne = True
