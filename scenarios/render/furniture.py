"""What a map's `<objects>` and `<signals>` put on and beside its roads: paint, signs, poles, trees, rails and walls."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.actors import pieces_of
from scenarios.render.facades import PLASTERS
from scenarios.render.geometry import Mesh, joined, mesh
from scenarios.render.ground_paint import Spot, painted
from scenarios.render.materials import MaterialTable
from scenarios.render.models.mesh import Model
from scenarios.render.models.roadside import bollard, gantry, guide_post, plain_pole, street_lamp
from scenarios.render.models.signs import HALF, HANGS, hung_sign, sign
from scenarios.render.models.trees import bush, tree
from scenarios.render.opendrive_number import number_in
from scenarios.render.planting import Standing
from scenarios.render.reference_line import ReferenceLine, cubic_at, latest
from scenarios.render.roads import DRIVABLE

LIGHT_TYPE = "1000001"
"""Signal type of traffic lights: those are actors, not scenery."""
RAIL_STEP = 4.0
"""Distance between a guard rail's posts [m]; 1 to 4 m are usual (patent EP 2159327, paragraph 3)."""

OVERHEAD = 4.5
"""Signs whose lowest edge is at least so high over the carriageway hang on a gantry [m]: they clear lorries of 4 m."""
HUNG = "hung "
"""Before the type of a sign without a pole."""
ONE_ROW, POST_BESIDE, CANTILEVER = 2.0, 1.2, 7.5
"""How far apart along the road signs share a gantry, how far its posts stand beside the carriageway, and the farthest
that a beam reaches from one post [m]."""

_BEAM = ((0.0, 0.44), (0.05, 0.5), (0.0, 0.56), (0.0, 0.62), (0.05, 0.68), (0.0, 0.75))
_JERSEY = ((0.3, 0.0), (0.3, 0.08), (0.13, 0.33), (0.09, 0.81), (-0.09, 0.81), (-0.13, 0.33), (-0.3, 0.08), (-0.3, 0.0))
"""Outlines across the way: distance to the road's side and height [m]; the second one is the New Jersey shape."""


@dataclass(frozen=True, eq=False)
class Furniture:
    """Meshes that lie or stand in one place, and things that stand in many."""

    meshes: list[Mesh]
    standing: list[Standing]


def furnish(opendrive: str, table: MaterialTable) -> Furniture:
    """Everything that the map's own objects and signals ask for."""
    meshes: list[Mesh] = []
    places: dict[tuple[str, str], list[Float[ndarray, "4 4"]]] = {}
    for road in ET.fromstring(opendrive).iter("road"):  # noqa: S314  (maps are the user's own files)
        line = ReferenceLine.of(road)
        for element in road.findall("objects/object"):
            found = _object(element, line, table, places)
            meshes += [] if found is None else [found]
        hung = [signal for signal in road.findall("signals/signal") if _signal(signal, road, line, places)]
        _gantries(road, hung, line, places)
    models = {key: _mesh(_model(*key), table) for key in places}
    return Furniture(meshes, [Standing(models[key], matrices) for key, matrices in sorted(places.items())])


def _mesh(model: Model, table: MaterialTable) -> Mesh:
    return joined([part for _, part in pieces_of(model, table).pieces])


def _model(kind: str, value: str) -> Model:
    if kind.startswith(HUNG):
        return hung_sign(kind.removeprefix(HUNG), value)
    return _THINGS[kind](value) if kind in _THINGS else sign(kind, value)


def _gantry(value: str) -> Model:
    height, low, high, *posts = (float(number) for number in value.split())
    return gantry(tuple(posts), (low, high), height)


_THINGS: dict[str, Callable[[str], Model]] = {
    "tree": lambda value: tree("deciduous" if value == "0" else "conifer", int(value)),
    "bush": lambda _: bush(0),
    "street_lamp": lambda _: street_lamp(),
    "guide_post": lambda _: guide_post(),
    "bollard": lambda _: bollard(),
    "pole": lambda value: plain_pole(float(value)),
    "gantry": _gantry,
}


def _signal(
    signal: ET.Element,
    road: ET.Element,
    line: ReferenceLine,
    places: dict[tuple[str, str], list[Float[ndarray, "4 4"]]],
) -> bool:
    """Put a sign up, its face towards the traffic that it is for; returns whether it hangs over the road."""
    kind = signal.get("type", "")
    if kind == LIGHT_TYPE or signal.get("dynamic") == "yes" or kind in {"", "-1", "0", "none"}:
        return False
    x, y, z, heading = line.at(number_in(signal, "s"), number_in(signal, "t"))
    turn = heading + number_in(signal, "hOffset") + (math.pi if signal.get("orientation", "+") == "+" else 0.0)
    value = next((v for v in (signal.get("value", ""), signal.get("subtype", "")) if v not in {"", "-1", "-1.0"}), "")
    value = str(round(float(value))) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", value) else value
    lift = number_in(signal, "zOffset")
    hangs = lift >= OVERHEAD and _over_carriageway(signal, road)
    if hangs:
        x, y, z, kind = x + HANGS * math.cos(turn), y + HANGS * math.sin(turn), z + lift, HUNG + kind
    places.setdefault((kind, value), []).append(_upright(x, y, z, turn))
    return hangs


def _gantries(
    road: ET.Element,
    hung: list[ET.Element],
    line: ReferenceLine,
    places: dict[tuple[str, str], list[Float[ndarray, "4 4"]]],
) -> None:
    """Stand up what the overhead signs of a road hang on, one gantry for those that are at one place along it."""
    rows: dict[float, list[ET.Element]] = {}
    for signal in sorted(hung, key=lambda one: number_in(one, "s")):
        s = number_in(signal, "s")
        near = next((at for at in rows if s - at < ONE_ROW), s)
        rows.setdefault(near, []).append(signal)
    for s, signals in rows.items():
        sides = [number_in(signal, "t") for signal in signals]
        height = max(number_in(signal, "zOffset") for signal in signals) + HALF
        low, high = carriageway(road, s)
        right, left = low - POST_BESIDE, high + POST_BESIDE
        posts: tuple[float, ...]
        if max(sides) - right <= CANTILEVER:
            posts, ends = (right,), (right, max(sides) + 0.6)
        elif left - min(sides) <= CANTILEVER:
            posts, ends = (left,), (min(sides) - 0.6, left)
        else:
            posts, ends = (right, left), (right, left)
        x, y, z, heading = line.at(s)
        value = " ".join(f"{number:.2f}" for number in (height, *ends, *posts))
        places.setdefault(("gantry", value), []).append(_upright(x, y, z, heading))


def _over_carriageway(signal: ET.Element, road: ET.Element) -> bool:
    low, high = carriageway(road, number_in(signal, "s"))
    return low < number_in(signal, "t") < high


def carriageway(road: ET.Element, s: float) -> tuple[float, float]:
    """Lowest and highest t of what vehicles drive or stop on at `s`, the reference line included [m]."""
    section = latest(road.findall("lanes/laneSection"), "s", s)
    begin = 0.0 if section is None else number_in(section, "s")
    offset = cubic_at(road.findall("lanes/laneOffset"), "s", s)
    ends = [0.0, 0.0]
    for side, name in enumerate(("right", "left")):
        reach = 0.0
        lanes = [] if section is None else section.findall(f"{name}/lane")
        for lane in sorted(lanes, key=lambda one: abs(number_in(one, "id"))):
            reach += cubic_at(lane.findall("width"), "sOffset", s - begin)
            if lane.get("type") in DRIVABLE | {"shoulder"}:
                ends[side] = reach
    return offset - ends[0], offset + ends[1]


def _object(
    element: ET.Element,
    line: ReferenceLine,
    table: MaterialTable,
    places: dict[tuple[str, str], list[Float[ndarray, "4 4"]]],
) -> Mesh | None:
    """Add an object's copies to `places`, or return its own mesh."""
    kind = " ".join(element.get(key, "") for key in ("type", "subtype", "name")).lower()
    s, t, lift = number_in(element, "s"), number_in(element, "t"), number_in(element, "zOffset")
    paint = painted(element, Spot(line, s, t, number_in(element, "hdg"), lift), table)
    if paint is not None:
        return paint
    if any(word in kind for word in ("barrier", "guardrail", "railing", "wall", "fence")):
        return _barrier(element, line, kind, table)
    if "building" in kind:
        return _building(element, line, table)
    name = next((name for word, name in _NAMES.items() if word in kind), None)
    if name is None:
        return None
    for at, beside in _repeats(element, s, t):
        x, y, z, heading = line.at(at, beside)
        value = {"tree": str(int(at) % 2), "pole": f"{number_in(element, 'height', 4.0) or 4.0:.1f}"}.get(name, "")
        turn = heading + number_in(element, "hdg") - math.copysign(math.pi / 2, beside)
        places.setdefault((name, value), []).append(_upright(x, y, z + lift, turn))
    return None


_NAMES = {
    "streetlamp": "street_lamp", "lamp": "street_lamp", "guidepost": "guide_post", "delineator": "guide_post",
    "bollard": "bollard", "bush": "bush", "tree": "tree", "vegetation": "tree", "pole": "pole", "signpost": "pole",
    "post": "bollard",
}  # fmt: skip
"""Words in an object's type, subtype or name, and the thing that is stood up for them."""


def _repeats(element: ET.Element, s: float, t: float) -> list[tuple[float, float]]:
    """Places s and t of every copy of an object [m]."""
    found = []
    for repeat in element.findall("repeat"):
        length, gap = number_in(repeat, "length"), max(number_in(repeat, "distance", 10.0), 1.0)
        first, sides = number_in(repeat, "s", s), (number_in(repeat, "tStart", t), number_in(repeat, "tEnd", t))
        for ds in np.arange(0.0, length + 1e-6, gap):
            share = float(ds) / max(length, 1e-9)
            found.append((first + float(ds), sides[0] + share * (sides[1] - sides[0])))
    return found or [(s, t)]


def _path(element: ET.Element, line: ReferenceLine) -> Float[ndarray, "n 4"]:
    """x, y, z and heading along a long object."""
    s, t, length = number_in(element, "s"), number_in(element, "t"), max(number_in(element, "length"), 0.2)
    repeat = element.find("repeat")
    if repeat is not None:
        first, reach = number_in(repeat, "s", s), number_in(repeat, "length")
        sides = (number_in(repeat, "tStart", t), number_in(repeat, "tEnd", t))
    else:
        turn = number_in(element, "hdg")
        first, reach = s - length / 2 * abs(math.cos(turn)), length * abs(math.cos(turn))
        shift = length / 2 * math.sin(turn) * math.copysign(1, math.cos(turn))
        sides = (t - shift, t + shift)
    shares = np.linspace(0, 1, max(2, int(max(reach, length) / 2) + 1))
    return np.array([line.at(first + q * reach, sides[0] + q * (sides[1] - sides[0])) for q in shares])


def _barrier(element: ET.Element, line: ReferenceLine, kind: str, table: MaterialTable) -> Mesh:
    """A guard rail, a concrete barrier, a railing or a wall along its path."""
    path = _path(element, line)
    height = number_in(element, "height")
    inward = -1.0 if number_in(element, "t") > 0 else 1.0
    if "guardrail" in kind or "railing" in kind or "fence" in kind:
        beam = swept(path, [(inward * x, z) for x, z in _BEAM], table.number("rail"))
        posts = [_post(point, inward, table.number("rail")) for point in path[:: max(1, int(RAIL_STEP / 2))]]
        return joined([beam, *posts])
    if "wall" in kind:
        half, top = max(number_in(element, "width", 0.3), 0.1) / 2, height or 2.0
        return swept(path, ((half, 0.0), (half, top), (-half, top), (-half, 0.0)), table.number("wall"), ends=True)
    scale = (height or 0.81) / 0.81
    return swept(path, [(x, z * scale) for x, z in _JERSEY], table.number("wall"), ends=True)


def _post(point: Float[ndarray, "4"], inward: float, material: int) -> Mesh:
    x, y, z, heading = point
    right = np.array([math.sin(heading), -math.cos(heading), 0.0]) * inward
    along = np.array([math.cos(heading), math.sin(heading), 0.0])
    ring = [(-0.08, -0.05), (-0.02, -0.05), (-0.02, 0.05), (-0.08, 0.05)]
    corners = [np.array([x, y, z + h]) + right * a + along * b for h in (-0.2, 0.72) for a, b in ring]
    faces = [(k, (k + 1) % 4, (k + 1) % 4 + 4) for k in range(4)] + [(k, (k + 1) % 4 + 4, k + 4) for k in range(4)]
    return mesh(np.array(corners), np.array(faces), material, flat=True)


def swept(
    path: Float[ndarray, "n 4"], outline: list[tuple[float, float]] | tuple[tuple[float, float], ...], material: int,
    *, ends: bool = False,
) -> Mesh:  # fmt: skip
    """An outline (to the right, up) [m] carried along a path of x, y, z and heading; `ends` closes them."""
    right = np.column_stack([np.sin(path[:, 3]), -np.cos(path[:, 3]), np.zeros(len(path))])
    shape = np.array(outline)
    points = path[:, None, :3] + right[:, None] * shape[None, :, :1] + shape[None, :, 1:] * [0.0, 0.0, 1.0]
    k = len(shape)
    i, j = np.meshgrid(np.arange(len(path) - 1), np.arange(k - 1), indexing="ij")
    a = (i * k + j).ravel()
    faces = np.concatenate([np.column_stack([a, a + 1, a + k + 1]), np.column_stack([a, a + k + 1, a + k])])
    if ends:
        last = (len(path) - 1) * k
        faces = np.concatenate(
            [faces, [(0, q + 1, q) for q in range(1, k - 1)], [(last, last + q, last + q + 1) for q in range(1, k - 1)]]
        )
    return mesh(points.reshape(-1, 3), faces, material, flat=True)


def _building(element: ET.Element, line: ReferenceLine, table: MaterialTable) -> Mesh:
    """A plain block of the stated size."""
    x, y, z, heading = line.at(number_in(element, "s"), number_in(element, "t"))
    length, width = (max(number_in(element, name), 4.0) for name in ("length", "width"))
    height = max(number_in(element, "height"), 3.0)
    turn = heading + number_in(element, "hdg")
    along = np.array([math.cos(turn), math.sin(turn)]) * length / 2
    path = np.array([(x - along[0], y - along[1], z - 0.5, turn), (x + along[0], y + along[1], z - 0.5, turn)])
    outline = ((width / 2, 0.0), (width / 2, height), (-width / 2, height), (-width / 2, 0.0))
    color = PLASTERS[int(abs(x) + abs(y)) % len(PLASTERS)]
    return swept(path, outline, table.number("plaster", color), ends=True)


def _upright(x: float, y: float, z: float, turn: float) -> Float[ndarray, "4 4"]:
    matrix = np.eye(4)
    matrix[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    matrix[:3, 3] = (x, y, z)
    return matrix
