"""Bridges and tunnels: decks and parapets where the land lies low, tubes with lamps where a road is covered.

A `<tunnel>` of the map is built as it is stated. A bridge is a stretch that a `<bridge>` names, or whose edge lies more
than BRIDGE_FROM metres over the land beside it, as CARLA's towns state none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from scenarios.render.geometry import Mesh, mesh, path_lengths
from scenarios.render.materials import MaterialTable
from scenarios.render.opendrive_number import number_in
from scenarios.render.roads import RAISED, Lane, strip

BRIDGE_FROM = 2.5
"""Height over the land from which a road's edge is a bridge's [m]."""
PARAPET, DECK = 1.0, 1.1
"""Height of a parapet and thickness of a deck [m]."""
TUNNEL_HEIGHT, TUNNEL_WALL = 5.2, 0.6
"""Clear height over the road's edges and thickness of the walls [m]; chosen, no standard."""
LAMP_SPACING = 12.0


@dataclass(frozen=True, eq=False)
class Edge:
    """One outer edge of a road: its lane, points, unit vectors away from the road, and where it has a bridge."""

    lane: Lane
    points: Float[ndarray, "n 3"]
    away: Float[ndarray, "n 3"]
    bridge: Bool[ndarray, "n"]
    tunnel: Bool[ndarray, "n"]


def outer_edges(lanes: list[Lane], opendrive: str) -> list[Edge]:
    """Both outer edges of every road outside junctions, with the bridges and tunnels that the map states."""
    sides = [side for group in sections(lanes).values() for side in _sides(list(group.values()))]
    bridges, tunnels = _spans(opendrive, "bridge", "tunnel")
    found = []
    for lane, points, outward in sides:
        away = outward * [1, 1, 0]
        away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        found.append(Edge(lane, points, away, _within(lane, bridges), _within(lane, tunnels)))
    return found


def sections(lanes: list[Lane]) -> dict[tuple[int, float], dict[int, Lane]]:
    """Lanes by number, of each lane section outside junctions."""
    found: dict[tuple[int, float], dict[int, Lane]] = {}
    for lane in lanes:
        if not lane.junction:
            found.setdefault((lane.road, lane.section), {})[lane.lane] = lane
    return found


def partial_edges(lanes: list[Lane]) -> list[Edge]:
    """Outer borders of lanes beside which a further lane begins late or ends early, where it is missing."""
    found = []
    for group in sections(lanes).values():
        for number, lane in group.items():
            outside = group.get(number + (1 if number > 0 else -1))
            if outside is None:
                continue
            alone = (lane.s < outside.s[0] - 0.5) | (lane.s > outside.s[-1] + 0.5)
            away = (lane.outer - lane.inner) * [1, 1, 0]
            away = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
            no = np.zeros(len(lane.s), bool)
            found += [Edge(lane, lane.outer[a:b], away[a:b], no[a:b], no[a:b]) for a, b in stretches(alone)]
    return found


def _sides(lanes: list[Lane]) -> list[tuple[Lane, Float[ndarray, "n 3"], Float[ndarray, "n 3"]]]:
    """The leftmost and the rightmost border of one lane section, each with what points away from the road."""
    left, right = max(lanes, key=lambda lane: lane.lane), min(lanes, key=lambda lane: lane.lane)
    sides = []
    for lane, sign in ((left, 1), (right, -1)):
        outside = lane.lane * sign > 0
        points, inward = (lane.outer, lane.inner) if outside else (lane.inner, lane.outer)
        sides.append((lane, points, points - inward))
    return sides


def _spans(opendrive: str, *kinds: str) -> list[dict[int, list[tuple[float, float]]]]:
    """Where the roads have bridges or tunnels, for each of these kinds: spans of s [m] by road."""
    found: list[dict[int, list[tuple[float, float]]]] = [{} for _ in kinds]
    for road in ET.fromstring(opendrive).iter("road"):  # noqa: S314  (maps are the user's own files)
        for kind, spans in zip(kinds, found, strict=True):
            for one in road.iter(kind):
                start = number_in(one, "s")
                spans.setdefault(int(road.get("id", "0")), []).append((start, start + number_in(one, "length")))
    return found


def _within(lane: Lane, spans: dict[int, list[tuple[float, float]]]) -> Bool[ndarray, "n"]:
    inside = [(lane.s >= low) & (lane.s <= high) for low, high in spans.get(lane.road, [])]
    return np.any(inside, axis=0) if inside else np.zeros(len(lane.s), bool)


def structure_meshes(edges: list[Edge], table: MaterialTable) -> list[Mesh]:
    """Parapets and decks of bridges, walls, roofs and lamps of tunnels."""
    meshes = []
    for first, second in zip(edges[::2], edges[1::2], strict=True):
        for edge in (first, second):
            for a, b in stretches(edge.bridge & ~edge.tunnel):
                meshes += _parapet(edge, a, b, table)
        second = _sampled_as(second, first)  # noqa: PLW2901
        both = first.tunnel & second.tunnel
        for a, b in stretches(both):
            meshes += _tube(first, second, a, b, table)
        deck = first.bridge & second.bridge
        for a, b in stretches(deck):
            low = [edge.points[a:b] + edge.away[a:b] * 0.4 - [0, 0, DECK] for edge in (first, second)]
            meshes.append(_facing(strip(low[0], low[1], table.number("bridge"))))
    return meshes


def _sampled_as(edge: Edge, other: Edge) -> Edge:
    """An edge with its points at the same s as another's of its road."""
    if len(edge.points) == len(other.points):
        return edge
    here, there = edge.lane.s, other.lane.s
    points, away = (np.column_stack([np.interp(there, here, c) for c in v.T]) for v in (edge.points, edge.away))
    bridge, tunnel = (np.interp(there, here, flags.astype(float)) > 0.5 for flags in (edge.bridge, edge.tunnel))
    return Edge(edge.lane, points, away, bridge, tunnel)


def stretches(flags: Bool[ndarray, "n"]) -> list[tuple[int, int]]:
    """First and one-past-last index of each stretch of at least two set flags."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in ends.reshape(-1, 2) if b - a >= 2]


def _facing(part: Mesh) -> Mesh:
    """The sheet seen from below."""
    return mesh(part.vertices.astype(float), part.faces[:, ::-1], int(part.materials[0]))


def _parapet(edge: Edge, a: int, b: int, table: MaterialTable) -> list[Mesh]:
    """A low wall along a bridge's edge, down to the underside of its deck."""
    points, away, bridge = edge.points[a:b], edge.away[a:b], table.number("bridge")
    foot = RAISED.get(edge.lane.kind, 0.0)
    rows = ((0.02, -0.05), (0.06, PARAPET + foot), (0.4, PARAPET + foot), (0.4, -DECK))
    lines = [points + away * out + [0, 0, up] for out, up in rows]
    return [strip(inner, outer, bridge) for inner, outer in pairwise(lines)]


def _tube(first: Edge, second: Edge, a: int, b: int, table: MaterialTable) -> list[Mesh]:
    """Walls, ceiling and roof over a road, closed at both portals, and lamps below the ceiling."""
    wall, meshes = table.number("wall"), []
    tops = []
    for edge in (first, second):
        foot, away = edge.points[a:b] - [0, 0, 0.1], edge.away[a:b]
        rows = [foot + away * 0.05, foot + away * 0.06 + [0, 0, TUNNEL_HEIGHT + 0.1]]
        out = [
            foot + away * TUNNEL_WALL + [0, 0, TUNNEL_HEIGHT + 0.1 + TUNNEL_WALL],
            foot + away * (TUNNEL_WALL + 0.05),
        ]
        meshes += [strip(rows[0], rows[1], wall), strip(out[0], out[1], wall)]
        for k in (0, -1):
            meshes.append(_quad(rows[0][k], rows[1][k], out[0][k], out[1][k], wall))
        tops.append((rows[1], out[0]))
    meshes += [_facing(strip(tops[0][0], tops[1][0], wall)), strip(tops[0][1], tops[1][1], wall)]
    meshes += [_quad(tops[0][0][k], tops[1][0][k], tops[1][1][k], tops[0][1][k], wall) for k in (0, -1)]
    return meshes + _lamps(tops[0][0], tops[1][0], table)


def _lamps(left: Float[ndarray, "n 3"], right: Float[ndarray, "n 3"], table: MaterialTable) -> list[Mesh]:
    """Lamp strips of 2 m along both sides of a ceiling."""
    length = path_lengths(left)
    meshes = []
    for begin in np.arange(LAMP_SPACING / 2, length[-1] - 2, LAMP_SPACING):
        at = np.array([begin, begin + 2.0])
        ends = [np.column_stack([np.interp(at, length, side[:, i]) for i in range(3)]) for side in (left, right)]
        for share in (0.25, 0.75):
            middle = ends[0] + share * (ends[1] - ends[0]) - [0, 0, 0.06]
            across = (ends[1] - ends[0]) / np.maximum(np.linalg.norm(ends[1] - ends[0], axis=1, keepdims=True), 1e-6)
            meshes.append(_facing(strip(middle - across * 0.12, middle + across * 0.12, table.number("tunnel_lamp"))))
    return meshes


def _quad(
    a: Float[ndarray, "3"], b: Float[ndarray, "3"], c: Float[ndarray, "3"], d: Float[ndarray, "3"], material: int
) -> Mesh:
    return mesh(np.array([a, b, c, d]), np.array([(0, 1, 2), (0, 2, 3)]), material, flat=True)


def tunnel_lamps(edges: list[Edge]) -> Float[ndarray, "n 3"]:
    """Places of lamps in tunnels, renderer axes [m]."""
    places = [np.zeros((0, 3))]
    for first, second in zip(edges[::2], edges[1::2], strict=True):
        second = _sampled_as(second, first)  # noqa: PLW2901
        for a, b in stretches(first.tunnel & second.tunnel):
            middle = (first.points[a:b] + second.points[a:b]) / 2 + [0, 0, TUNNEL_HEIGHT - 0.3]
            places.append(middle[:: max(1, round(LAMP_SPACING / 1.5))])
    return np.concatenate(places)
