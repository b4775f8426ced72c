"""Models have the sizes that the table promises, stand on their wheels, move as they should, and repeat for a seed."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest

from scenarios.actor_sizes import EXTENTS, KINDS, WHEELS
from scenarios.render.models.car_body import BodyShape
from scenarios.render.models.car_face import patch
from scenarios.render.models.car_profiles import PROFILES
from scenarios.render.models.catalog import _model, model_for
from scenarios.render.models.mesh import MATERIALS, Joint, Model, Part
from scenarios.render.models.roadside import actor_light, bollard, guide_post, plain_pole, street_lamp, traffic_light
from scenarios.render.models.signs import known, sign
from scenarios.render.models.trees import TREES, bush, tree

ALL = tuple(EXTENTS)
VEHICLES = tuple(name for name in ALL if name.startswith("vehicle."))
WALKERS = tuple(name for name in ALL if KINDS[name] == "pedestrian")
SCENERY = {
    **{f"tree {kind} {seed}": tree(kind, seed) for kind in TREES for seed in (0, 1)},
    "bush": bush(0),
    "post": guide_post(),
    "lamp": street_lamp(),
    "light": traffic_light(),
    "light of an actor": actor_light(),
    "bollard": bollard(),
    "pole": plain_pole(3.0),
    **{f"sign {kind}": sign(kind, "80") for kind in (*known(), "325")},
}


def normals(part: Part) -> np.ndarray:
    a, b, c = (part.vertices[part.faces[:, k]].astype(float) for k in range(3))
    across: np.ndarray = np.cross(b - a, c - a)
    return across


def volume(part: Part) -> float:
    a = part.vertices[part.faces[:, 0]].astype(float)
    return float((normals(part) * a).sum() / 6)


def check_sound(model: Model) -> None:
    names = [part.name for part in model.parts]
    assert len(names) == len(set(names))
    for part in model.parts:
        assert part.vertices.dtype == np.float32
        assert part.faces.dtype == np.int32
        assert np.isfinite(part.vertices).all()
        assert part.faces.min() >= 0
        assert set(np.unique(part.faces)) == set(range(len(part.vertices)))
        assert (np.linalg.norm(normals(part), axis=1) > 1e-9).all(), part.name
        assert part.material in MATERIALS
        assert part.color is None or all(0 <= c <= 1 for c in part.color)


def test_every_material_is_one_that_the_renderer_knows() -> None:
    from scenarios.render import materials  # loaded here: the renderer's table is this test's alone

    assert set(materials.MATERIALS) >= MATERIALS


@pytest.mark.parametrize("name", ALL)
def test_models_are_sound(name: str) -> None:
    model = model_for(name, {}, 3)
    check_sound(model)
    assert model.triangles() <= 6000
    assert model.triangles() >= (500 if name in VEHICLES else 20)


@pytest.mark.parametrize("name", [name for name in ALL if name not in WALKERS])
def test_bounds_are_those_of_the_table(name: str) -> None:
    low, high = model_for(name, {}, 5).bounds()
    extent = np.array(EXTENTS[name])
    assert np.abs((high - low) / 2 - extent).max() < 0.02, (name, (high - low) / 2)
    assert np.abs((high + low) / 2 - (0, 0, extent[2])).max() < 0.02, name


@pytest.mark.parametrize("name", WALKERS)
def test_walkers_stand_about_their_middle_and_are_as_tall_as_the_table_says(name: str) -> None:
    low, high = model_for(name, {}, 5).bounds()
    half = EXTENTS[name][2]
    assert high[2] == pytest.approx(half, abs=0.02)
    assert low[2] == pytest.approx(-half, abs=0.02)
    assert 0.25 * half < high[1] < 0.42 * half
    assert abs(high[1] + low[1]) < 0.001


def test_scenery_is_sound_and_stands_on_the_ground() -> None:
    for name, model in SCENERY.items():
        check_sound(model)
        assert model.triangles() <= 3500, name
        low, high = model.bounds()
        assert -0.35 < low[2] < 0.05, name
        assert high[2] > 0.8, name
    with pytest.raises(ValueError, match="not in tuple"):
        tree("lollipop", 0)


@pytest.mark.parametrize("kind", ["conifer", "deciduous"])
def test_trees_of_woods_are_cheap_and_as_large(kind: str) -> None:
    near, far = tree(kind, 1), tree(kind, 1, far=True)
    assert far.triangles() < 0.55 * near.triangles()
    assert np.abs(np.ptp(near.bounds(), axis=0) / np.ptp(far.bounds(), axis=0) - 1).max() < 0.2


@pytest.mark.parametrize("end", [1, -1])
@pytest.mark.parametrize("name", ["vehicle.seat.leon", "vehicle.mercedes.sprinter", "vehicle.nissan.patrol"])
def test_patches_lie_just_before_the_skin_and_face_out(name: str, end: int) -> None:
    extent = EXTENTS[name]
    shape = BodyShape(PROFILES[name], 2 * extent[0], 0.9, 2 * extent[2])
    skin, lifted = (patch(shape, end, (-0.9, 0.9), (0.2, 0.2), (0.8, 0.8), out) for out in (0.0, 0.01))
    gap = np.linalg.norm(lifted.vertices - skin.vertices, axis=1)
    np.testing.assert_allclose(gap, 0.01, atol=1e-6)
    a, b, c = (lifted.vertices[lifted.faces[:, k]] for k in range(3))
    assert (end * np.cross(b - a, c - a)[:, 0] > 0).all()
    assert np.ptp(lifted.vertices[:, 1]) == pytest.approx(2 * 0.9 * 0.9, rel=0.05)


def test_cars_of_one_blueprint_have_faces_of_their_own() -> None:
    faces = [
        {p.name: len(p.faces) for p in model_for("vehicle.seat.leon", {}, seed).parts if p.name.startswith("face_")}
        for seed in range(8)
    ]
    assert len({tuple(sorted(face.items())) for face in faces}) > 2
    assert all({"face_headlight", "face_taillight", "face_brakelight", "face_indicator"} <= set(face) for face in faces)


def test_people_differ_in_what_they_carry_and_wear() -> None:
    parts = [{p.name for p in model_for("walker.pedestrian.0001", {}, seed).parts} for seed in range(40)]
    for name in ("bag", "coat", "skirt"):
        assert 0 < sum(name in one for one in parts) < 40, name
    for one in (model_for("walker.pedestrian.0001", {}, seed).parts for seed in range(8)):
        torso = next(p for p in one if p.name == "torso").vertices
        hand = next(p for p in one if p.name == "hand_left").vertices
        assert hand[:, 1].min() > torso[torso[:, 2] < 0.1, 1].max() + 0.02


@pytest.mark.parametrize("name", VEHICLES)
def test_wheels_stand_on_the_ground_and_only_front_wheels_steer(name: str) -> None:
    wheels = {p.joint for p in model_for(name, {}, 1).parts if p.joint is not None and "wheel" in p.joint.kind}
    assert len(wheels) == WHEELS[name]
    tyres = [p for p in model_for(name, {}, 1).parts if p.material == "tyre"]
    assert len(tyres) == WHEELS[name]
    for tyre in tyres:
        assert tyre.vertices[:, 2].min() == pytest.approx(0.0, abs=0.012)
        assert tyre.joint is not None
        middle = (tyre.vertices.min(axis=0) + tyre.vertices.max(axis=0)) / 2
        assert np.abs(middle - np.array(tyre.joint.pivot)).max() < 0.012
    for joint in wheels:
        assert joint.period == pytest.approx(joint.pivot[2])
        assert (joint.kind == "steer_wheel") == (joint.pivot[0] > 0)


def test_a_seed_gives_the_same_model_and_another_seed_another() -> None:
    for name in ("vehicle.audi.tt", "walker.pedestrian.0003", "vehicle.bh.crossbike"):
        first = model_for(name, {}, 4)
        _model.cache_clear()
        again, other = model_for(name, {}, 4), model_for(name, {}, 11)
        assert again is not first
        for a, b in zip(first.parts, again.parts, strict=True):
            assert (a.name, a.material, a.color, a.joint) == (b.name, b.material, b.color, b.joint)
            np.testing.assert_array_equal(a.vertices, b.vertices)
            np.testing.assert_array_equal(a.faces, b.faces)
        same = len(first.parts) == len(other.parts) and all(
            a.color == b.color and a.vertices.shape == b.vertices.shape
            for a, b in zip(first.parts, other.parts, strict=True)
        )
        assert not same, name
    assert not np.array_equal(tree("bare", 1).parts[0].vertices, tree("bare", 2).parts[0].vertices)


def test_models_are_cached_and_quick() -> None:
    assert model_for("vehicle.tesla.model3", {}, 7) is model_for("vehicle.tesla.model3", {}, 7)
    start = time.thread_time()
    for seed in range(100, 110):
        model_for("vehicle.tesla.model3", {}, seed)
    assert time.thread_time() - start < 1.5


def test_colour_attribute_paints_the_body_in_linear_light() -> None:
    (shell,) = (p for p in model_for("vehicle.audi.tt", {"color": "255,0,128"}, 0).parts if p.name == "shell_body")
    assert shell.color == pytest.approx((1.0, 0.0, 0.2159), abs=1e-3)
    broken = model_for("vehicle.audi.tt", {"color": "puce"}, 0)
    plain = model_for("vehicle.audi.tt", {}, 0)
    assert [p.color for p in broken.parts] == [p.color for p in plain.parts]


def test_unknown_blueprints_get_the_nearest_of_their_kind() -> None:
    assert any(p.material == "tyre" for p in model_for("vehicle.acme.new", {}, 0).parts)
    assert any(p.material == "skin" for p in model_for("walker.pedestrian.0999", {}, 0).parts)
    assert model_for("static.prop.gnome", {}, 0).triangles() > 0


@pytest.mark.parametrize("name", [n for n in VEHICLES if KINDS[n] in {"car", "van", "bus", "truck"}])
def test_a_vehicle_has_what_makes_it_read_as_one(name: str) -> None:
    parts = model_for(name, {}, 2).parts
    places: dict[str, list[np.ndarray]] = {}
    for part in parts:
        places.setdefault(part.material, []).append(part.vertices)
    extent = EXTENTS[name]
    assert np.concatenate(places["headlight"])[:, 0].min() > 0.55 * extent[0]
    assert np.concatenate(places["taillight"])[:, 0].max() < -0.55 * extent[0]
    assert np.concatenate(places["brakelight"])[:, 0].max() < -0.55 * extent[0]
    assert (
        np.concatenate(places["plate"])[:, 0].max() > 0.9 * extent[0] > 0 > np.concatenate(places["plate"])[:, 0].min()
    )
    windows = next(p for p in parts if p.name == "windows")
    assert windows.vertices[:, 2].min() > 0.7 * extent[2]
    outward = (normals(windows) * (windows.vertices[windows.faces[:, 0]] - (0, 0, extent[2]))).sum(axis=1)
    assert (outward > 0).mean() > 0.95


def test_bodies_are_closed_to_the_outside() -> None:
    for name in ("vehicle.seat.leon", "vehicle.mercedes.sprinter"):
        parts = {p.name: p for p in model_for(name, {}, 2).parts}
        skin = sum(volume(p) for k, p in parts.items() if k.startswith("shell") or k in {"lids", "underbody"})
        box = 8 * math.prod(EXTENTS[name])
        assert 0.3 * box < skin < 0.75 * box


def test_limbs_and_heads_are_closed_bodies_facing_out() -> None:
    for part in model_for("walker.pedestrian.0002", {}, 0).parts:
        if part.name not in {"head", "coat"}:
            assert volume(part) > 1e-5, part.name


def test_a_wheel_rolls_forward_and_steers_right() -> None:
    wheel = Joint("steer_wheel", (1.4, 0.8, 0.35), period=0.35)
    top, front = np.array([1.4, 0.8, 0.70, 1.0]), np.array([1.75, 0.8, 0.35, 1.0])
    quarter = wheel.matrix(0.35 * math.pi / 2)
    np.testing.assert_allclose(quarter @ top, front, atol=1e-9)
    steered = wheel.matrix(0.0, steer=30.0) @ front
    assert steered[1] < 0.8 - 0.1
    np.testing.assert_allclose(wheel.matrix(0.0), np.eye(4), atol=1e-12)


def test_walkers_step_with_opposite_legs_and_stand_with_both_feet_down() -> None:
    parts = {p.name: p for p in model_for("walker.pedestrian.0001", {}, 0).parts}
    joints = {side: parts[f"shoe_{side}"].joint for side in ("left", "right")}
    period = joints["left"].period  # type: ignore[union-attr]

    def sole(side: str, travelled: float, gait: float) -> np.ndarray:
        joint = joints[side]
        assert joint is not None
        points = np.c_[parts[f"shoe_{side}"].vertices, np.ones(len(parts[f"shoe_{side}"].vertices))]
        placed: np.ndarray = (points @ joint.matrix(travelled, 0.0, gait).T)[:, :3]
        return placed

    for side in joints:
        np.testing.assert_allclose(sole(side, 0.3, 0.0), parts[f"shoe_{side}"].vertices, atol=1e-6)
    reach = [sole("left", share * period, 1.0)[:, 0].mean() - sole("right", share * period, 1.0)[:, 0].mean()
             for share in (0.25, 0.75)]  # fmt: skip
    assert reach[0] > 0.3
    assert reach[1] < -0.3
    lowest = [min(sole(side, k / 12 * period, 1.0)[:, 2].min() for side in joints) for k in range(12)]
    assert max(lowest) < -0.93 + 0.12
    assert min(lowest) > -0.93 - 0.02


def test_signs_and_lights_face_the_reader() -> None:
    for kind in ("274", "205", "206", "306", "325"):
        parts = {p.name: p for p in sign(kind, "80").parts}
        assert (normals(parts["back"])[:, 0] < 0).all()
        for name in set(parts) & {"face", "ring", "edge", "number", "word"}:
            assert (normals(parts[name])[:, 0] > 0).all(), (kind, name)
    lamps = {p.name: p for p in traffic_light().parts if p.name.startswith("lamp_")}
    heights = [lamps[f"lamp_{c}"].vertices[:, 2].mean() for c in ("red", "yellow", "green")]
    assert heights == sorted(heights, reverse=True)
    assert all((normals(lamp)[:, 0] > 0).all() for lamp in lamps.values())


def test_a_limit_sign_is_read_from_left_to_right() -> None:
    def ink(value: str) -> np.ndarray:
        return next(p for p in sign("274", value).parts if p.name == "text").vertices

    one = ink("10")  # the slim 1 stands to the reader's left, at -y; the wide 0 to his right
    left, right = one[one[:, 1] < 0], one[one[:, 1] > 0]
    assert np.ptp(left[:, 1]) < np.ptp(right[:, 1])
    assert not np.array_equal(ink("50").shape, ink("10").shape)


@pytest.mark.parametrize("gait", [0.0, 0.3, 1.0])
def test_pedals_carry_the_feet_round_at_any_speed(gait: float) -> None:
    parts = {p.name: p for p in model_for("vehicle.bh.crossbike", {}, 2).parts}
    crank, shoe = parts["pedals"].joint, parts["shoe_left"]
    assert crank is not None
    assert shoe.joint is not None
    foot = np.append(shoe.vertices.mean(axis=0), 1.0)
    pedal = np.array([crank.pivot[0] + 0.165, 0.0, crank.pivot[2], 1.0])
    path = 2 * math.pi * crank.period
    way = np.linspace(0, path, 12, endpoint=False)
    feet = np.array([shoe.joint.matrix(at, gait=gait) @ foot for at in way])
    pedals = np.array([crank.matrix(at) @ pedal for at in way])
    assert np.ptp((feet - pedals)[:, [0, 2]], axis=0).max() < 0.12
    assert np.ptp(feet[:, 2]) > 0.25


def test_vehicles_of_a_trade_wear_its_colours() -> None:
    for name in ("vehicle.dodge.charger_police", "vehicle.dodge.charger_police_2020", "vehicle.ford.ambulance"):
        parts = {p.name for p in model_for(name, {"color": "10,200,10"}, 1).parts}
        assert {"light_left", "light_right"} <= parts
    assert "roof_sign_word" in {p.name for p in model_for("vehicle.ford.crown", {}, 1).parts}


def test_every_asset_is_named_with_its_licence() -> None:
    page = (Path(__file__).parents[2] / "docs" / "assets.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert all(row.count("|") == 5 for row in rows)
    for name in ALL:
        assert f"`{name}`" in page, name
    for name in ("tree", "bush", "guide_post", "street_lamp", "traffic_light", "actor_light", "bollard", "plain_pole"):
        assert f"`{name}`" in page, name
    for number in known():
        assert f"`sign {number}`" in page, number
