"""Hand-written roads with marks, objects, signals, bridges and tunnels: each is drawn where paper and pencil put it."""

from __future__ import annotations

import math
import tracemalloc
import xml.etree.ElementTree as ET
from pathlib import Path

import carla
import numpy as np
import pytest

from perception.errors import WhiteoutError
from scenarios.maps.world_map import WorldMap, load_map
from scenarios.render import terrain
from scenarios.render.furniture import carriageway, furnish
from scenarios.render.geometry import Mesh
from scenarios.render.houses import house_meshes
from scenarios.render.junctions import Covered, junction_meshes, trimmed
from scenarios.render.materials import MATERIALS, MaterialTable
from scenarios.render.reference_line import ReferenceLine
from scenarios.render.roads import RAISED, Lane, lanes_of, marking_meshes
from scenarios.render.structures import TUNNEL_HEIGHT
from scenarios.render.terrain import Land
from scenarios.render.world import bridged, build_world
from tests.scenarios.roads import straight_road

NAMES = list(MATERIALS)


def marked(mark: str) -> list[Mesh]:
    """The paint of a road of 180 m whose middle line is `mark`, and nothing else on it."""
    text = straight_road(180.0).replace('type="solid"', 'type="none"')
    begin, end = text.index('<roadMark sOffset="0" type="broken"'), text.index("</lane>\n</center>")
    text = text[:begin] + mark + text[end:]
    world_map = WorldMap("marks", text, Path("marks.xodr"))
    return marking_meshes(lanes_of(text, world_map.carla_map()), MaterialTable())


def area(meshes: list[Mesh]) -> float:
    corners = np.concatenate([m.vertices[m.faces].astype(float) for m in meshes])
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(crossed, axis=1).sum() / 2)


def test_dashes_have_the_lengths_that_the_map_states() -> None:
    line = '<line length="4" space="8" tOffset="0" sOffset="0" width="0.2"/>'
    meshes = marked(f'<roadMark sOffset="0" type="broken" color="white" width="0.2"><type>{line}</type></roadMark>')
    assert len(meshes) == 15
    assert area(meshes) == pytest.approx(15 * 4 * 0.2, rel=0.01)


@pytest.mark.parametrize("color", ["yellow", "blue", "red", "green", "orange", "violet"])
def test_paint_has_the_stated_colour(color: str) -> None:
    (line,) = marked(f'<roadMark sOffset="0" type="solid" color="{color}" width="0.15"/>')
    assert NAMES[line.materials[0]] == f"marking_{color}"


def test_the_left_of_a_double_line_is_the_one_that_is_named_first() -> None:
    meshes = marked('<roadMark sOffset="0" type="solid broken" color="white" width="0.12"/>')
    solid = max(meshes, key=lambda m: float(np.ptp(m.vertices[:, 0])))
    assert np.ptp(solid.vertices[:, 0]) > 170
    assert solid.vertices[:, 1].min() > 0
    assert all(m.vertices[:, 1].max() < 0 for m in meshes if m is not solid)


def test_studs_kerbs_and_grass_are_no_paint() -> None:
    (studs,) = marked('<roadMark sOffset="0" type="botts dots" color="yellow"/>')
    assert studs.vertices[:, 2].max() == pytest.approx(0.02, abs=1e-3)
    assert len(studs.faces) == 150 * 24
    kerb = marked('<roadMark sOffset="0" type="curb" color="white" width="0.15"/>')
    assert {NAMES[m.materials[0]] for m in kerb} == {"kerb"}
    assert marked('<roadMark sOffset="0" type="grass" color="white"/>') == []


def with_objects(inner: str) -> tuple[list[Mesh], dict[int, int]]:
    text = straight_road(100.0).replace("</road>", f"<objects>{inner}</objects></road>")
    found = furnish(text, MaterialTable())
    return found.meshes, {i: len(item.matrices) for i, item in enumerate(found.standing)}


def test_a_crosswalk_is_bars_along_the_road() -> None:
    (bars,), _ = with_objects('<object type="crosswalk" s="50" t="0" hdg="1.5707963" length="7" width="3"/>')
    assert area([bars]) == pytest.approx(7 * 0.5 * 3, rel=0.01)
    assert np.ptp(bars.vertices[:, 0]) == pytest.approx(3, abs=0.01)
    assert (bars.normals[:, 2] > 0.99).all()


def test_a_stop_line_and_an_arrow_lie_in_their_lane() -> None:
    inner = '<object type="roadMark" subtype="stopLine" s="40" t="-1.75" length="0.4" width="3"/>'
    inner += '<object type="roadMark" subtype="arrowLeft" name="a" s="60" t="-1.75" length="4"/>'
    (line, arrow), _ = with_objects(inner)
    assert area([line]) == pytest.approx(1.2, rel=0.01)
    assert -3.5 < arrow.vertices[:, 1].min() < arrow.vertices[:, 1].max() < 0
    ahead = arrow.vertices[arrow.vertices[:, 0] > 60.5]
    assert ahead[:, 1].max() > -1.2, "the arrow's head points to the left"


def test_rails_stand_beside_the_road_and_poles_in_their_rows() -> None:
    rail = (
        '<object type="barrier" subtype="guardRail" s="10" t="-5"><repeat s="10" length="40" distance="0" tStart="-5"'
    )
    inner = f'{rail} tEnd="-5"/></object>'
    inner += '<object type="pole" s="5" t="6" height="4"><repeat s="5" length="40" distance="10" tStart="6" tEnd="6"/>'
    meshes, standing = with_objects(inner + "</object>")
    low, high = meshes[0].vertices.min(axis=0), meshes[0].vertices.max(axis=0)
    np.testing.assert_allclose((low[0], high[0]), (10, 50), atol=0.1)
    assert -5.1 < low[1] < high[1] < -4.9
    assert high[2] == pytest.approx(0.75, abs=0.01)
    assert list(standing.values()) == [5]


def test_a_sign_faces_the_traffic_that_it_is_for() -> None:
    signs = '<signal id="1" type="274" value="80" s="30" t="-5" orientation="+" dynamic="no"/>'
    signs += '<signal id="2" type="206" s="60" t="5" orientation="-" dynamic="no"/>'
    signs += '<signal id="3" type="1000001" s="60" t="5" orientation="-" dynamic="yes"/>'
    text = straight_road(100.0).replace("</road>", f"<signals>{signs}</signals></road>")
    places = [matrix for item in furnish(text, MaterialTable()).standing for matrix in item.matrices]
    assert len(places) == 2, "a traffic light is an actor"
    facing = {round(float(m[0, 3])): float(m[0, 0]) for m in places}
    assert facing == {30: pytest.approx(-1), 60: pytest.approx(1)}


def test_reference_lines_agree_with_carlas() -> None:
    world_map = load_map("country_road")
    for road in ET.fromstring(world_map.opendrive).iter("road"):
        line, length = ReferenceLine.of(road), float(road.get("length", "0"))
        for s in np.linspace(1.0, length - 1.0, 7):
            waypoint = world_map.carla_map().get_waypoint_xodr(int(road.get("id", "0")), -1, float(s))
            x, y, z, heading = line.at(float(s), -waypoint.lane_width / 2)
            there = waypoint.transform
            np.testing.assert_allclose((x, -y, z), (there.location.x, there.location.y, there.location.z), atol=0.05)
            assert math.cos(heading + math.radians(there.rotation.yaw)) > 0.999


def crossing_roads() -> str:
    """A road along +x at a height of 6.5 m over one along +y."""
    above = straight_road(200.0, '<elevation s="0" a="6.5" b="0" c="0" d="0"/>')
    below = straight_road(200.0).replace('x="0" y="0" hdg="0"', f'x="100" y="-100" hdg="{math.pi / 2}"')
    below = below.replace('id="1" junction', 'id="2" junction')
    return above.replace("</OpenDRIVE>", below[below.index("<road ") :])


def test_a_road_that_passes_over_another_has_a_bridge_there_and_only_there() -> None:
    text = crossing_roads()
    lanes = lanes_of(text, carla.Map("bridge", text))
    land = Land.around(lanes, 0)
    edges = bridged(lanes, text, land)
    upper = [edge for edge in edges if edge.lane.road == 1]
    for edge in upper:
        where = edge.points[edge.bridge][:, 0]
        assert 85 < where.min() < 96
        assert 104 < where.max() < 115
    assert not any(edge.bridge.any() for edge in edges if edge.lane.road == 2)
    under = np.column_stack([np.full(9, 100.0), np.linspace(-40, 40, 9)])
    assert (land.height(under) < 0).all(), "the land leaves the lower road free"


def test_a_tunnel_is_closed_above_and_open_at_its_ends() -> None:
    text = straight_road(100.0).replace("</road>", '<objects><tunnel s="30" length="40" id="1"/></objects></road>')
    world = build_world(WorldMap("tunnel", text, Path("tunnel.xodr")), MaterialTable(), 0)
    ground = world.meshes[0]
    middles = ground.vertices[ground.faces].mean(axis=1)
    walls = middles[ground.materials == NAMES.index("wall")]
    assert 28 < walls[:, 0].min() < walls[:, 0].max() < 72
    over_lane = walls[np.abs(walls[:, 1]) < 3.4]
    assert over_lane[:, 2].min() > TUNNEL_HEIGHT - 0.2
    assert (ground.materials == NAMES.index("tunnel_lamp")).sum() >= 8
    assert len(world.tunnel_lamps) >= 3


def test_sidewalks_leave_junctions_to_the_traffic() -> None:
    town = load_map("small_town")
    lanes = trimmed(lanes_of(town.opendrive, town.carla_map()))
    traffic = Covered([lane for lane in lanes if lane.traffic])
    for lane in lanes:
        if lane.kind in RAISED:
            middle = (lane.inner + lane.outer) / 2
            assert not traffic.at(middle, -0.2, but=lane.road).any()
    table = MaterialTable()
    paved = junction_meshes(town.opendrive, lanes, table)
    assert any((m.materials == table.number("junction")).all() for m in paved)
    assert all(np.isfinite(m.vertices).all() for m in paved)


def test_a_map_of_one_metre_is_built_and_one_without_lanes_is_told() -> None:
    tiny = WorldMap("tiny", straight_road(1.0), Path("tiny.xodr"))
    assert build_world(tiny, MaterialTable(), 0).meshes
    bare = straight_road(50.0).replace('type="driving"', 'type="shoulder"')
    with pytest.raises(WhiteoutError, match="no lane to drive on"):
        build_world(WorldMap("bare", bare, Path("bare.xodr")), MaterialTable(), 0)


def test_lanes_that_grow_keep_their_width() -> None:
    text = straight_road(100.0).replace('a="3.5" b="0"', 'a="2.5" b="0.01"')
    lanes: list[Lane] = lanes_of(text, carla.Map("widening", text))
    for lane in lanes:
        width = np.linalg.norm(lane.outer - lane.inner, axis=1)
        np.testing.assert_allclose(width, 2.5 + 0.01 * lane.s, atol=0.01)


def test_houses_of_our_own_stand_clear_of_the_lanes_and_of_each_other() -> None:
    town = load_map("small_town")
    lanes = lanes_of(town.opendrive, town.carla_map())
    land = Land.around(lanes, 0)
    houses = house_meshes(bridged(lanes, town.opendrive, land), land, MaterialTable(), 0)
    assert len(houses) > 20
    for house in houses:
        assert land.distance(house.vertices[:, :2].astype(float)).min() > 0.3
        assert 3 < np.ptp(house.vertices[:, 2]) < 25
    again = house_meshes(bridged(lanes, town.opendrive, land), land, MaterialTable(), 0)
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(houses, again, strict=True))


@pytest.mark.parametrize(
    "odd",
    [
        '<object type="barrier" id="1" s="20" t="5" hdg="" length="4"/>',
        '<object type="crosswalk" id="1" s="20" length=""><outline><cornerLocal u="" v="1"/></outline></object>',
        '<object type="pole" id="1" s="nan" t="inf"/>',
        '<object type="barrier" id="1" s="20" t="5" length="4"><repeat s="x" length="" tStart="2"/></object>',
    ],
)
def test_numbers_that_say_nothing_do_not_keep_a_map_from_being_drawn(odd: str) -> None:
    text = straight_road(60.0).replace("</road>", f"<objects>{odd}</objects></road>")
    world_map = WorldMap("odd", text, Path("odd.xodr"))
    for one in build_world(world_map, MaterialTable(), 0).standing:
        assert np.isfinite(one.matrices).all()


@pytest.mark.parametrize("heading", [0.4, 2.5, -2.5])
def test_a_barrier_lies_along_its_heading(heading: float) -> None:
    """A line through two of its corners: headings half a turn apart are the same barrier."""
    barrier = (
        f'<object type="barrier" name="wall" id="1" s="30" t="6" hdg="{heading}" length="8" width="0.2" height="1"/>'
    )
    text = straight_road(60.0).replace("</road>", f"<objects>{barrier}</objects></road>")
    (made,) = furnish(text, MaterialTable()).meshes
    away = made.vertices[:, :2].astype(float) - made.vertices[:, :2].mean(0)
    main = np.linalg.svd(away, full_matrices=False)[2][0]
    assert math.remainder(math.atan2(main[1], main[0]) - heading, math.pi) == pytest.approx(0, abs=0.05)


def test_land_is_as_high_in_small_parts_and_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    world_map = WorldMap("land", straight_road(200.0), Path("land.xodr"))
    land = Land.around(lanes_of(world_map.opendrive, world_map.carla_map()), seed=1)
    places = np.random.default_rng(0).uniform(-400, 400, (40_000, 2))
    whole = land.height(places)
    monkeypatch.setattr(terrain, "AT_ONCE", 999)
    np.testing.assert_array_equal(land.height(places), whole)
    assert land.height(np.zeros((0, 2))).shape == (0,)
    tracemalloc.start()
    land.height(places)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, "40,000 places at once take 30 MB"


def overhead(signs: list[tuple[float, float, float]], width: float = 3.5) -> dict[str, list[np.ndarray]]:
    """Meshes in place, by material, of a road that has a sign at each (s, t, height)."""
    text = straight_road(100.0).replace('a="3.5"', f'a="{width}"')
    inner = "".join(
        f'<signal id="{i}" type="274" value="80" s="{s}" t="{t}" zOffset="{z}" orientation="+" dynamic="no"/>'
        for i, (s, t, z) in enumerate(signs)
    )
    found: dict[str, list[np.ndarray]] = {}
    for item in furnish(text.replace("</road>", f"<signals>{inner}</signals></road>"), MaterialTable()).standing:
        for matrix in item.matrices:
            for number in np.unique(item.mesh.materials[item.mesh.materials < len(NAMES)]):
                corners = item.mesh.vertices[item.mesh.faces[item.mesh.materials == number]].reshape(-1, 3)
                found.setdefault(NAMES[number], []).append(corners @ matrix[:3, :3].T + matrix[:3, 3])
    return found


@pytest.mark.parametrize(("width", "posts"), [(3.5, 1), (11.0, 2)])
def test_signs_over_a_carriageway_hang_on_one_gantry_that_stands_beside_it(width: float, posts: int) -> None:
    lanes = [(50.0, -width / 3, 5.5), (50.5, -2 * width / 3, 5.5), (50.0, width / 2 if posts == 2 else -1.0, 5.5)]
    found = overhead(lanes, width)
    assert "pole" not in found
    faces, (frame, *_) = found["sign"], sorted(found["metal"], key=len, reverse=True)
    assert len(faces) == 3
    assert min(face[:, 2].min() for face in faces) > 5.5
    over = np.abs(frame[:, 1]) < width
    assert frame[over, 2].min() > 5.5
    standing = frame[frame[:, 2] < 1.0]
    assert len(np.unique(np.sign(standing[:, 1]))) == posts
    assert np.abs(standing[:, 1]).min() > width + 0.5
    for face in faces:
        nearest = np.linalg.norm(frame[over][:, None, :2] - face[None, :, :2].mean(axis=1), axis=-1).min()
        assert nearest < 0.7


def test_signs_beside_the_road_or_low_over_it_keep_their_poles() -> None:
    found = overhead([(30.0, -6.0, 6.0), (60.0, -2.0, 2.0)])
    assert len(found["pole"]) == 2
    assert "metal" not in found
    assert max(pole[:, 2].max() for pole in found["pole"]) < 3.0


def test_the_carriageway_ends_with_its_last_lane_for_vehicles() -> None:
    text = straight_road(100.0).replace(
        "</right>", '<lane id="-2" type="sidewalk"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane></right>'
    )
    text = text.replace("<lanes>", '<lanes><laneOffset s="0" a="0.5" b="0.01" c="0" d="0"/>')
    road = next(ET.fromstring(text).iter("road"))
    assert carriageway(road, 50.0) == pytest.approx((1.0 - 3.5, 1.0 + 3.5))
