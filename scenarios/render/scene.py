"""The scene: a map's static world, built once, and slots for actors that are only moved.

Those are two scenes of Mitsuba's, for it builds a scene anew, with all its meshes, whenever one instance moves: 0.16 s
for a map's trees, a few milliseconds for a few cars. Rays look into both. Slots are kept, and the unused ones wait far
below the ground; the scene grows when an instant brings an actor for whom there is no slot.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from jaxtyping import Float, Int32
from numpy import ndarray

from scenarios.instant import ActorState
from scenarios.render.actors import Body, Key, Slot, body_of, key_of, lamp_bits, piece_matrix, seats
from scenarios.render.geometry import Buffers, Mesh, mesh, shape
from scenarios.render.materials import MaterialTable
from scenarios.render.mitsuba_setup import dr, mi, on_device
from scenarios.render.models.mesh import Joint
from scenarios.render.planting import Standing

_log = logging.getLogger(__name__)
PARKED = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -3000], [0, 0, 0, 1]])
SPECK = mesh(np.eye(3), np.array([[0, 1, 2]]), 0)
"""Two of it wait below the ground, so that two things at least may move: for none or one Mitsuba has other kernels."""


class Scene:
    """What stands still and what moves, with its lookup tables."""

    def __init__(self, world: list[Mesh], standing: list[Standing], table: MaterialTable) -> None:
        """`world` stays where it is; `standing` are the meshes that stand in many places."""
        self.table = table
        self._standing = [Standing(m, [np.eye(4)]) for m in world] + standing
        self._bodies: dict[Key, Body] = {}
        self._groups: dict[int, Any] = {}
        self._slots: dict[Key, list[Slot]] = {}
        self._static = {
            f"static_{i}_{j}": (self._instance(item.mesh, matrix), item, matrix)
            for i, item in enumerate(self._standing)
            for j, matrix in enumerate(item.matrices)
        }
        self._specks = [self._instance(SPECK, PARKED) for _ in range(2)]
        self._season = ""
        self._laid: Mesh | None = None
        self._lies = False
        self._lay_before: bool | None = None
        self._in_use: set[str] = set()
        self.matrices: dict[int, list[tuple[Mesh, Float[ndarray, "4 4"]]]] = {}
        self.actor_of_instance: Int32[ndarray, "n"] = np.zeros(1, np.int32)
        self._piece_of: dict[int, tuple[int, Joint | None, Float[ndarray, "4 4"]]] = {}
        self._build_still()
        self._build({})
        _log.info("%s", self.size())

    def nearest(self, ray: Any, *, coherent: Any = False, active: Any = True) -> Any:
        """Mitsuba's preliminary intersection of each ray with what it meets first (device)."""
        still = self._still.ray_intersect_preliminary(ray, coherent=coherent, active=active)
        rest = mi.Ray3f(ray)
        rest.maxt = dr.minimum(ray.maxt, still.t)
        moving = self._moving.ray_intersect_preliminary(rest, coherent=coherent, active=active)
        return dr.select(moving.is_valid(), moving, still)

    def blocked(self, ray: Any, active: Any = True) -> Any:
        """Whether each ray meets anything (device)."""
        behind = self._still.ray_test(ray, active)
        return behind | self._moving.ray_test(ray, active & ~behind)

    def size(self) -> str:
        """How large the scene is, in words."""
        seen = sum(len(item.mesh.faces) * len(item.matrices) for item in self._standing)
        stored = self.buffers.nbytes / 1e6
        return f"{seen:,} triangles in {len(self._static):,} instances, {stored:.0f} MB of meshes"

    def place(self, actors: list[ActorState], scenery_lamps: int, season: str) -> None:
        """Put the actors in their places; `scenery_lamps` are the static world's lamp bits, `season` its foliage."""
        chosen = seats(self._slots, actors)
        if chosen is None:
            wanted: dict[Key, int] = {}
            for actor in actors:
                wanted[key_of(actor)] = wanted.get(key_of(actor), 0) + 1
            kept = {k: max(wanted.get(k, 0), len(s)) for k, s in self._slots.items()} if len(self._slots) < 300 else {}
            self._build({**kept, **{k: max(n, kept.get(k, 0)) for k, n in wanted.items()}})
            chosen = seats(self._slots, actors)
            assert chosen is not None
        self._dress(season)
        self._move(actors, chosen, scenery_lamps)

    def _dress(self, season: str) -> None:
        """Change the static world's foliage, and what lies in it, where they are to be others than before."""
        if (season, self._lies) == (self._season, self._lay_before):
            return
        if season != self._season:
            for name, (_, item, matrix) in self._static.items():
                if item.season:
                    _put(self._still_places, name, matrix if item.season == season else PARKED)
        if self._laid is not None:
            _put(self._still_places, "laid", np.eye(4) if self._lies else PARKED)
        self._still_places.update()
        self._season, self._lay_before = season, self._lies

    def lay(self, mesh: Mesh | None) -> None:
        """Let one mesh lie in the static world instead of the one before, or none, from the next `place` on.

        The newest mesh waits far below the ground while none lies: only another one makes the scene be built anew.
        """
        self._lies = mesh is not None
        if mesh is None or mesh is self._laid:
            return
        self._standing = [item for item in self._standing if item.mesh is not self._laid]
        self._groups.pop(id(self._laid), None)
        item = Standing(mesh, [np.eye(4)])
        self._standing.append(item)
        self._static["laid"] = (self._instance(mesh, np.eye(4)), item, np.eye(4))
        self._laid = mesh
        self._build_still()
        self._build({key: len(slots) for key, slots in self._slots.items()})

    def _move(self, actors: list[ActorState], chosen: dict[int, Slot], scenery_lamps: int) -> None:
        placement, bits = self._rest.copy(), np.full(self._count, scenery_lamps, np.uint32)
        self.actor_of_instance = np.zeros(self._count, np.int32)
        self.matrices = {}
        self._piece_of = {}
        moved: dict[str, Float[ndarray, "4 4"]] = {}
        for actor in actors:
            slot = chosen[actor.id]
            pieces = self._bodies[slot.key].pieces
            for (joint, part), name, number in zip(pieces, slot.names, slot.numbers, strict=True):
                matrix = piece_matrix(actor, joint)
                moved[name] = matrix
                placement[number, :, :3] = matrix[:3, :3]
                bits[number] = lamp_bits(actor)
                self.actor_of_instance[number] = actor.id
                self._piece_of[number] = (actor.id, joint, matrix)
                self.matrices.setdefault(actor.id, []).append((part, matrix))
        for name in self._in_use - set(moved):
            _put(self._places, name, PARKED)
        for name, matrix in moved.items():
            _put(self._places, name, matrix)
        self._places.update()
        self._in_use = set(moved)
        self.placement = on_device(placement)
        self.lamp_bits = on_device(bits, mi.UInt32)

    def motion_of(self, number: int, earlier: dict[int, ActorState]) -> Float[ndarray, "4 4"]:
        """From where the piece in an instance is to where it was when its actor, by id, was as in `earlier`."""
        actor_id, joint, matrix = self._piece_of[number]
        if actor_id not in earlier:
            return np.eye(4)
        return np.asarray(piece_matrix(earlier[actor_id], joint) @ np.linalg.inv(matrix))

    def _build_still(self) -> None:
        instances = {name: instance for name, (instance, *_) in self._static.items()}
        self._still = self._mitsuba([item.mesh for item in self._standing], instances)
        self._still_places = mi.traverse(self._still)
        self._season = ""
        self._lay_before = None

    def _build(self, wanted: dict[Key, int]) -> None:
        for key in wanted:
            if key not in self._bodies:
                self._bodies[key] = body_of(key, self.table)
        parts = [part for body in self._bodies.values() for _, part in body.pieces]
        meshes = [*(item.mesh for item in self._standing), *parts]
        self.buffers = Buffers(meshes)
        entries: dict[str, Any] = {f"speck_{i}": speck for i, speck in enumerate(self._specks)}
        self._slots = {}
        for k, (key, count) in enumerate(sorted(wanted.items())):
            self._slots[key] = []
            for n in range(count):
                slot = Slot(key)
                for p, (_, part) in enumerate(self._bodies[key].pieces):
                    name = f"slot_{k}_{n}_{p}"
                    entries[name] = self._instance(part, PARKED)
                    slot.names.append(name)
                    slot.shapes.append(entries[name])
                self._slots[key].append(slot)
        self._moving = self._mitsuba([SPECK, *parts], entries)
        self._places = mi.traverse(self._moving)
        self._in_use = set()
        self._number(meshes)

    def _mitsuba(self, meshes: list[Mesh], instances: dict[str, Any]) -> Any:
        groups = {f"group_{i}": self._groups[id(part)] for i, part in enumerate(meshes) if id(part) in self._groups}
        return mi.load_dict({"type": "scene", **groups, **instances}, optimize=False)

    def _instance(self, part: Mesh, matrix: Float[ndarray, "4 4"]) -> Any:
        if id(part) not in self._groups:
            self._groups[id(part)] = mi.load_dict({"type": "shapegroup", "mesh": shape(part, "mesh")})
        transform = mi.ScalarTransform4f(matrix.tolist())
        return mi.load_dict({"type": "instance", "group": self._groups[id(part)], "to_world": transform})

    def _number(self, meshes: list[Mesh]) -> None:
        """Fill the tables that turn Dr.Jit's registry numbers of instances into ours."""
        start = {id(m): int(begin) for m, begin in zip(meshes, self.buffers.face_start, strict=True)}
        for slots in self._slots.values():
            for slot in slots:
                slot.numbers = [number_of(s) for s in slot.shapes]
        standing = [(number_of(instance), item.mesh, matrix) for instance, item, matrix in self._static.values()]
        waiting = [
            (number, part)
            for key, slots in self._slots.items()
            for slot in slots
            for number, (_, part) in zip(slot.numbers, self._bodies[key].pieces, strict=True)
        ]
        specks = [number_of(speck) for speck in self._specks]
        self._count = max([n for n, *_ in standing] + [n for n, _ in waiting] + specks) + 1
        self._rest = np.tile(np.eye(3, 4), (self._count, 1, 1))
        self.face_start = np.zeros(self._count, np.uint32)
        for number, part, matrix in standing:
            self._rest[number, :, :3] = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))
            self.face_start[number] = start[id(part)]
        for number, part in waiting:
            self.face_start[number] = start[id(part)]
        self.first_face = on_device(self.face_start, mi.UInt32)


def _put(places: Any, name: str, matrix: Float[ndarray, "4 4"]) -> None:
    places[f"{name}.to_world"] = mi.ScalarAffineTransform4f(matrix.tolist())


def number_of(instance: Any) -> int:
    """Dr.Jit's registry number of a shape."""
    return int(dr.reinterpret_array(mi.UInt32, mi.ShapePtr(instance)).numpy()[0])
