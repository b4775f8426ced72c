"""Bodies that meet: which boxes overlap, what that does to their motion, and what collision sensors hear of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scenarios.instant import Pose
from scenarios.server.actors import Actor, Vehicle, Walker
from scenarios.server.geometry import BoundingBox, Contact, Footprint, Vector, footprint, overlap

RESTITUTION = 0.1
"""How much of the closing speed comes back."""

_SKIN = 0.01
"""Overlap that is left to stand, so that what touches keeps touching [m]."""


class Collision(NamedTuple):
    """Two actors that touched in a step.

    Attributes:
        first, second: actor ids.
        impulse: what the second received from the first [N s].
    """

    first: int
    second: int
    impulse: Vector


def bodies(actors: Iterable[Actor]) -> list[Actor]:
    """Those that others can run into."""
    return [one for one in actors if one.collides and one.box.solid and not _is_area(one)]


def blocking(pose: Pose, box: BoundingBox, others: Iterable[Actor]) -> Actor | None:
    """The first actor whose body is where a new one would be, or None."""
    if not box.solid:
        return None
    wanted = footprint(pose, box)
    return next((other for other in bodies(others) if overlap(wanted, other.footprint)), None)


def collide(actors: Iterable[Actor]) -> list[Collision]:
    """Push apart what overlaps, exchange momentum, and say who met whom. The order is that of the actors."""
    everyone = list(actors)
    solid = [(one, one.footprint) for one in bodies(everyone)]
    parents = {one.id: one.parent for one in everyone}
    found = []
    for (first, a), (second, b) in _close_pairs(solid):
        if not (isinstance(first, (Vehicle, Walker)) or isinstance(second, (Vehicle, Walker))):
            continue
        if _carrier(first, parents) == _carrier(second, parents):
            continue
        contact = overlap(a, b)
        if contact is not None:
            found.append(_respond(first, second, contact))
    return found


def _carrier(actor: Actor, parents: dict[int, int]) -> int:
    """The actor at the end of a chain of attachments: what is carried does not run into what carries it."""
    id_ = actor.id
    while parent := parents.get(id_, 0):
        id_ = parent
    return id_


def _is_area(actor: Actor) -> bool:
    return actor.blueprint.startswith(("traffic.", "static.trigger", "sensor."))


_Body = tuple[Actor, Footprint]


def _close_pairs(solid: list[_Body]) -> Iterable[tuple[_Body, _Body]]:
    """Pairs whose circles overlap along x, by sweeping; then sorted by id, so that the order is always the same."""
    by_start = sorted(solid, key=lambda body: (body[1].x - body[1].radius, body[0].id))
    pairs = []
    for index, first in enumerate(by_start):
        end = first[1].x + first[1].radius
        for second in by_start[index + 1 :]:
            if second[1].x - second[1].radius > end:
                break
            if abs(second[1].y - first[1].y) <= first[1].radius + second[1].radius:
                pairs.append((first, second) if first[0].id < second[0].id else (second, first))
    return sorted(pairs, key=lambda pair: (pair[0][0].id, pair[1][0].id))


def _respond(first: Actor, second: Actor, contact: Contact) -> Collision:
    a, b = _mobility(first), _mobility(second)
    if a + b == 0:
        return Collision(first.id, second.id, Vector())
    nx, ny = contact.x, contact.y
    closing = (first.velocity.x - second.velocity.x) * nx + (first.velocity.y - second.velocity.y) * ny
    size = max(0.0, (1 + RESTITUTION) * closing / (a + b))
    _push(first, -size * a, -(contact.depth - _SKIN) * a / (a + b), nx, ny)
    _push(second, size * b, (contact.depth - _SKIN) * b / (a + b), nx, ny)
    return Collision(first.id, second.id, Vector(size * nx, size * ny, 0.0))


def _mobility(actor: Actor) -> float:
    """One over its mass [1/kg]; 0 for what stands fast."""
    return 1.0 / actor.mass


def _push(actor: Actor, speed: float, distance: float, nx: float, ny: float) -> None:
    pose, velocity = actor.pose, actor.velocity
    actor.velocity = Vector(velocity.x + speed * nx, velocity.y + speed * ny, velocity.z)
    actor.pose = Pose(pose.x + distance * nx, pose.y + distance * ny, pose.z, pose.pitch, pose.yaw, pose.roll)
