"""Vehicles, walkers and props: their meshes, kept in slots of the scene and moved there every frame."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.instant import ActorState
from scenarios.render.frames import pose_matrix
from scenarios.render.geometry import Mesh, joined, mesh
from scenarios.render.materials import LAMP_KINDS, MaterialTable
from scenarios.render.models.catalog import model_for
from scenarios.render.models.mesh import Joint, Model

VARIANTS = 6
"""Shapes a blueprint comes in; an actor's id picks one."""
Key = tuple[str, tuple[tuple[str, str], ...], int]


def key_of(actor: ActorState) -> Key:
    """What decides an actor's shape and colour; actors of one key share meshes."""
    looks = tuple(sorted((k, v) for k, v in actor.attributes.items() if k in {"color", "size", "gender", "age"}))
    return actor.blueprint, looks, actor.id % VARIANTS


@dataclass(frozen=True, eq=False)
class Body:
    """The rigid pieces of one model: each with the joint that moves it, None for what does not move by itself."""

    pieces: tuple[tuple[Joint | None, Mesh], ...]


def body_of(key: Key, table: MaterialTable) -> Body:
    """The pieces of the model that belongs to a key."""
    blueprint, looks, variant = key
    seed = zlib.crc32(f"{blueprint}/{variant}".encode())
    return pieces_of(model_for(blueprint, dict(looks), seed), table)


def pieces_of(model: Model, table: MaterialTable) -> Body:
    """A model's parts, joined by joint."""
    groups: dict[Joint | None, list[Mesh]] = {}
    for part in model.parts:
        color = None if part.color is None else (part.color[0], part.color[1], part.color[2])
        number = table.number(part.material, color)
        groups.setdefault(part.joint, []).append(mesh(part.vertices, part.faces, number, flat=not part.smooth))
    return Body(tuple((joint, joined(meshes)) for joint, meshes in groups.items()))


def piece_matrix(actor: ActorState, joint: Joint | None) -> Float[ndarray, "4 4"]:
    """Where a piece of the actor is, renderer axes."""
    place = pose_matrix(actor.pose)
    if joint is None:
        return place
    gait = float(np.clip(abs(actor.speed) / 0.8, 0, 1))
    return np.asarray(place @ joint.matrix(actor.travelled, actor.steer, gait))


POSITION, LOW_BEAM, HIGH_BEAM, BRAKE, RIGHT, LEFT = 1, 2, 4, 8, 16, 32
"""CARLA's VehicleLightState."""


def lamp_bits(actor: ActorState) -> int:
    """Which kinds of lamps are on, as bits by number in LAMP_KINDS."""
    on: set[str] = set()
    if actor.lights & (LOW_BEAM | HIGH_BEAM | POSITION):
        on |= {"headlight", "taillight"}
    if actor.lights & BRAKE:
        on |= {"brakelight"}
    if actor.lights & (LEFT | RIGHT):
        on |= {"indicator"}
    if "traffic_light" in actor.blueprint:
        on |= (
            {("lamp_red", "lamp_yellow", "lamp_green")[actor.light_state]} if actor.light_state in {0, 1, 2} else set()
        )
    return sum(1 << LAMP_KINDS.index(name) for name in on)


@dataclass(eq=False)
class Slot:
    """One seat for an actor of one key: the Mitsuba instances of its pieces and their numbers."""

    key: Key
    names: list[str] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


def seats(slots: dict[Key, list[Slot]], actors: list[ActorState]) -> dict[int, Slot] | None:
    """A slot for each actor by id, in the order of ids; None if there are not enough."""
    taken: dict[Key, int] = {}
    chosen: dict[int, Slot] = {}
    for actor in sorted(actors, key=lambda a: a.id):
        key = key_of(actor)
        number = taken.get(key, 0)
        if number >= len(slots.get(key, ())):
            return None
        chosen[actor.id] = slots[key][number]
        taken[key] = number + 1
    return chosen
