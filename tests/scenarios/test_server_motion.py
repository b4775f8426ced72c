"""How things move and meet, against hand calculations and CARLA's own geometry."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import carla
import numpy as np
import pytest

from scenarios.instant import Pose
from scenarios.maps.world_map import load_map
from scenarios.server.actors import Actor, Vehicle, VehicleControl
from scenarios.server.blueprints import catalogue
from scenarios.server.collisions import collide
from scenarios.server.geometry import BoundingBox, Footprint, Vector, compose, overlap, relative, rotation, to_world
from scenarios.server.physics import changed_physics, physics_of, road_grip
from scenarios.server.roads import Roads
from scenarios.server.vehicles import BRAKE_LIGHT, forward_speed, shown_lights, step_vehicle
from scenarios.server.wire import CallError
from scenarios.server.world import World, new_world, step
from scenarios.weather import Weather, preset

STEP = 0.05


@cache
def flat_roads() -> Roads:
    """A kilometre of straight level road along +x."""
    lanes = "".join(
        f'<{side}><lane id="{lane}" type="driving" level="false">'
        f'<width sOffset="0" a="100" b="0" c="0" d="0"/></lane></{side}>'
        for side, lane in (("left", 1), ("right", -1))
    )
    text = (
        '<OpenDRIVE><header revMajor="1" revMinor="4"/><road name="r" length="1000" id="1" junction="-1">'
        '<type s="0" type="town"><speed max="20" unit="m/s"/></type>'
        '<planView><geometry s="0" x="0" y="0" hdg="0" length="1000"><line/></geometry></planView>'
        '<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile><lanes><laneSection s="0">'
        + lanes.replace("</left>", '</left><center><lane id="0" type="none" level="false"/></center>')
        + "</laneSection></lanes></road></OpenDRIVE>"
    )
    return Roads(carla.Map("flat", text), text)


def car(blueprint: str = "vehicle.tesla.model3", speed: float = 0.0, **pose: float) -> Vehicle:
    kind = catalogue()[blueprint]
    place = Pose(**{"x": 100.0, "y": 2.0, **{name: float(value) for name, value in pose.items()}})
    yaw = math.radians(place.yaw)
    velocity = Vector(speed * math.cos(yaw), speed * math.sin(yaw), 0.0)
    vehicle = Vehicle(1, blueprint, place, physics=physics_of(kind), box=kind.box, velocity=velocity)
    vehicle.airborne = False
    return vehicle


def run(vehicle: Vehicle, seconds: float, grip: float = 1.0, **control: Any) -> None:
    vehicle.control = VehicleControl(**control)
    for _ in range(round(seconds / STEP)):
        step_vehicle(vehicle, STEP, grip, flat_roads())


def stopping_distance(grip: float) -> float:
    vehicle = car(speed=50 / 3.6)
    run(vehicle, 15.0, grip, brake=1.0)
    assert forward_speed(vehicle) == 0.0
    return vehicle.pose.x - 100.0


def test_full_braking_from_50_stops_where_the_textbook_says() -> None:
    assert stopping_distance(1.0) == pytest.approx((50 / 3.6) ** 2 / (2 * 9.0), rel=0.1)
    assert stopping_distance(road_grip(preset("rain"))) > 1.3 * stopping_distance(1.0)
    assert stopping_distance(0.2) > 4 * stopping_distance(1.0)


def test_snow_has_less_grip_than_rain_and_ice_less_than_snow() -> None:
    dry, wet = road_grip(Weather()), road_grip(Weather(wetness=100.0))
    fresh, ice = road_grip(Weather(snow_cover=1.0)), road_grip(Weather(snow_cover=1.0, snow_packed=1.0))
    assert 1.0 == dry > wet > fresh > ice > 0.1
    assert ice < road_grip(Weather(snow_cover=1.0, snow_packed=1.0, snow_tracks=1.0)) < wet


def test_a_car_accelerates_to_a_top_speed_and_coasts_to_a_halt() -> None:
    vehicle = car(x=10)
    run(vehicle, 7.0, throttle=1.0)
    reached = forward_speed(vehicle)
    assert 25 < reached < 40  # 0 to 100 km/h in about five seconds
    run(vehicle, 5.0)
    assert 5 < forward_speed(vehicle) < reached - 2
    bicycle = car("vehicle.diamondback.century", x=10)
    run(bicycle, 60.0, throttle=1.0)
    assert 6 < forward_speed(bicycle) < 13
    run(bicycle, 60.0)
    assert forward_speed(bicycle) == 0.0


def test_reverse_goes_back_and_the_brake_never_pushes() -> None:
    vehicle = car()
    run(vehicle, 2.0, throttle=0.5, reverse=True)
    assert forward_speed(vehicle) < -1
    assert vehicle.pose.x < 100
    run(vehicle, 5.0, brake=1.0)
    assert forward_speed(vehicle) == 0.0


def test_a_slow_car_turns_on_the_circle_of_its_steering_angle() -> None:
    vehicle = car(speed=3.0)
    vehicle.constant_velocity = None
    places = []
    for _ in range(400):
        vehicle.control = VehicleControl(throttle=0.1 if forward_speed(vehicle) < 3 else 0.0, steer=0.3)
        step_vehicle(vehicle, STEP, 1.0, flat_roads())
        places.append((vehicle.pose.x, vehicle.pose.y))
    x, y = np.array(places[-200:]).T
    right = np.linalg.lstsq(np.c_[2 * x, 2 * y, np.ones_like(x)], x * x + y * y, rcond=None)[0]
    radius = math.sqrt(right[2] + right[0] ** 2 + right[1] ** 2)
    base = vehicle.physics.wheelbase
    expected = math.hypot(base / math.tan(math.radians(vehicle.steer_angle)), base / 2)
    assert radius == pytest.approx(expected, rel=0.03)
    assert vehicle.angular_velocity.z > 0


@pytest.mark.parametrize("grip", [1.0, 0.3])
def test_no_turn_asks_more_of_the_tyres_than_they_hold(grip: float) -> None:
    vehicle = car(speed=20.0)
    for _ in range(40):
        vehicle.control = VehicleControl(throttle=1.0, steer=0.6)
        step_vehicle(vehicle, STEP, grip, flat_roads())
        across = forward_speed(vehicle) * math.radians(abs(vehicle.angular_velocity.z))
        assert across <= grip * 9.81 + 1e-6


def test_a_sideways_push_fades() -> None:
    vehicle = car(speed=10.0)
    vehicle.velocity = Vector(10.0, 3.0, 0.0)
    run(vehicle, 1.0)
    assert abs(vehicle.velocity.y) < 1e-6
    assert 2.0 < vehicle.pose.y < 4.0


def test_a_car_falls_onto_the_road_and_stays_there() -> None:
    vehicle = car(z=2.0)
    vehicle.airborne = True
    run(vehicle, 0.5)
    assert 0.5 < vehicle.pose.z < 1.5
    run(vehicle, 1.5)
    assert vehicle.pose.z == pytest.approx(0.0, abs=1e-6)
    assert vehicle.velocity.length == pytest.approx(0.0, abs=1e-6)


def test_cars_follow_the_slope_of_the_road() -> None:
    world = new_world(load_map("country_road"))
    waypoints = world.map.carla_map().generate_waypoints(5.0)
    steep = max(waypoints, key=lambda one: math.sin(math.radians(one.transform.rotation.pitch)))
    place, turned = steep.transform.location, steep.transform.rotation
    assert turned.pitch > 2
    vehicle = car(x=place.x, y=place.y, z=place.z, yaw=turned.yaw)
    for _ in range(20):
        vehicle.control = VehicleControl(hand_brake=True)
        step_vehicle(vehicle, STEP, 1.0, world.roads)
    assert vehicle.pose.pitch == pytest.approx(turned.pitch, abs=0.3)
    assert vehicle.pose.z == pytest.approx(place.z, abs=0.05)
    assert math.hypot(vehicle.pose.x - place.x, vehicle.pose.y - place.y) < 0.05
    vehicle.pose = Pose(place.x, place.y, place.z, 0.0, turned.yaw + 180.0)
    vehicle.ground = None
    for _ in range(20):
        step_vehicle(vehicle, STEP, 1.0, world.roads)
    assert vehicle.pose.pitch == pytest.approx(-turned.pitch, abs=0.3)


def test_limits_are_read_in_every_unit() -> None:
    assert flat_roads().ground(100.0, 2.0, 0.0).speed_limit == pytest.approx(72.0)


def test_spawn_points_stand_in_driving_lanes_outside_junctions() -> None:
    world_map = load_map("small_town")
    carla_map = world_map.carla_map()
    points = Roads(carla_map, world_map.opendrive).spawn_points()
    assert len(points) > 20
    for point in points:
        waypoint = carla_map.get_waypoint(carla.Location(point.x, point.y, point.z))
        assert not waypoint.is_junction
        assert abs(math.remainder(waypoint.transform.rotation.yaw - point.yaw, 360)) < 1


def test_physics_control_survives_the_way_to_the_client_and_back() -> None:
    physics = physics_of(catalogue()["vehicle.audi.tt"])
    pose = Pose(50.0, -20.0, 1.0, yaw=90.0)
    wire = physics.wire(pose)
    wire[11] = 900.0
    for wheel in wire[15]:
        wheel[0] = 1.75
    changed = changed_physics(physics, wire)
    assert changed.mass == 900.0
    assert changed.grip == pytest.approx(physics.grip / 2)
    assert changed.wire(pose) == wire


def test_what_a_vehicle_carries_does_not_push_it() -> None:
    world = new_world(load_map("country_road"))
    place = world.roads.spawn_points()[0]
    kind, cone = catalogue()["vehicle.tesla.model3"], catalogue()["static.prop.trafficcone01"]
    carrier = world.add(Vehicle(world.next_id, kind.id, place, physics=physics_of(kind), box=kind.box))
    mount = Pose(0.5, 0.3, 0.4)
    world.add(Actor(world.next_id, cone.id, compose(place, mount), box=cone.box, parent=carrier.id, mount=mount))
    for _ in range(20):
        step(world, STEP)
    assert math.hypot(carrier.pose.x - place.x, carrier.pose.y - place.y) < 0.05
    assert not world.collisions


def test_brake_lights_follow_ackermann_targets_too() -> None:
    vehicle = car(speed=10.0)
    vehicle.ackermann = [0.0, 0.0, 0.0, 0.0, 0.0]
    assert shown_lights(vehicle) & BRAKE_LIGHT
    vehicle.ackermann = [0.0, 0.0, 20.0, 0.0, 0.0]
    assert not shown_lights(vehicle) & BRAKE_LIGHT


def test_wheels_are_told_where_they_are_in_the_world() -> None:
    physics = physics_of(catalogue()["vehicle.audi.tt"])
    left, right, *_ = (np.array(wheel[9]) / 100 for wheel in physics.wire(Pose(50.0, -20.0, 1.0, yaw=90.0))[15])
    assert (left + right) / 2 == pytest.approx([50.0, -20.0 + physics.wheelbase / 2, 1.0 + 0.355], abs=1e-6)
    assert left[0] > 50.0 > right[0]


def test_physics_that_are_not_finite_are_refused() -> None:
    physics = physics_of(catalogue()["vehicle.audi.tt"])
    wire = physics.wire(Pose())
    wire[15][2][3] = math.nan
    with pytest.raises(CallError, match="finite"):
        changed_physics(physics, wire)


ANGLES = [(0.0, 0.0, 0.0), (10.0, 20.0, 30.0), (-40.0, 170.0, 5.0), (80.0, -100.0, -170.0)]


@pytest.mark.parametrize("angles", ANGLES)
def test_rotations_are_carlas(angles: tuple[float, float, float]) -> None:
    pose = Pose(1.0, 2.0, 3.0, *angles)
    theirs = carla.Transform(carla.Location(1, 2, 3), carla.Rotation(*angles))
    assert np.array(theirs.get_matrix())[:3, :3] == pytest.approx(np.array(rotation(pose)), abs=1e-5)
    point = theirs.transform(carla.Location(4, -5, 6))
    assert to_world(pose, Vector(4.0, -5.0, 6.0)) == pytest.approx((point.x, point.y, point.z), abs=1e-4)


@pytest.mark.parametrize("outer", ANGLES)
@pytest.mark.parametrize("inner", ANGLES)
def test_composing_poses_is_undone_by_relative(outer: tuple[float, ...], inner: tuple[float, ...]) -> None:
    parent, child = Pose(5.0, 6.0, 7.0, *outer), Pose(-1.0, 2.0, 0.5, *inner)
    world = compose(parent, child)
    product = np.array(rotation(parent)) @ np.array(rotation(child))
    assert np.array(rotation(world)) == pytest.approx(product, abs=1e-9)
    back = relative(parent, world)
    assert (back.x, back.y, back.z) == pytest.approx((child.x, child.y, child.z))
    assert np.array(rotation(back)) == pytest.approx(np.array(rotation(child)), abs=1e-9)


def box(x: float, y: float, yaw: float = 0.0, bottom: float = 0.0) -> Footprint:
    angle = math.radians(yaw)
    return Footprint(float(x), float(y), bottom, bottom + 1.5, 2.0, 1.0, math.cos(angle), math.sin(angle))


def test_boxes_overlap_only_if_no_axis_separates_them() -> None:
    assert overlap(box(0, 0), box(3.9, 0)) == pytest.approx((1, 0, 0.1))
    assert overlap(box(0, 0), box(4.1, 0)) is None
    assert overlap(box(0, 0), box(0, -1.5)) == pytest.approx((0, -1, 0.5))
    assert overlap(box(0, 0), box(0, 0.5, bottom=2.0)) is None
    corner = 2 + math.sqrt(2.5) - 0.1  # a turned box whose circle reaches in but whose corner does not
    assert overlap(box(0, 0), box(corner + 1.2, 2.2, yaw=45)) is None
    assert overlap(box(0, 0), box(2.9, 0, yaw=90)) == pytest.approx((1, 0, 0.1))


def test_momentum_is_kept_when_cars_collide() -> None:
    first, second = car(speed=10.0), car("vehicle.carlamotors.firetruck", x=106.0)
    second.id = 2
    before = first.mass * 10.0
    (collision,) = collide([first, second])
    assert (collision.first, collision.second) == (1, 2)
    after = first.mass * first.velocity.x + second.mass * second.velocity.x
    assert after == pytest.approx(before)
    assert collision.impulse.x == pytest.approx(second.mass * second.velocity.x)
    assert first.velocity.x < second.velocity.x + 1.01
    contact = overlap(first.footprint, second.footprint)
    assert contact is not None
    assert contact.depth < 0.02


def test_what_stands_fast_throws_back_and_does_not_move() -> None:
    wall = Actor(
        2, "static.prop.container", Pose(103.0, 2.0), box=BoundingBox(Vector(0.0, 0.0, 1.0), Vector(1.0, 2.0, 1.0))
    )
    vehicle = car(speed=10.0)
    (collision,) = collide([vehicle, wall])
    assert wall.pose == Pose(103.0, 2.0)
    assert vehicle.velocity.x == pytest.approx(-1.0)
    assert collision.impulse.x == pytest.approx(vehicle.mass * 11.0)


def test_friction_triggers_make_the_road_slippery() -> None:
    world: World = new_world(load_map("country_road"))
    start = world.roads.spawn_points()[0]
    vehicle = car(x=start.x, y=start.y, z=start.z, yaw=start.yaw)
    vehicle.id = world.next_id
    world.add(vehicle)
    vehicle.velocity = Vector(
        *(15.0 * value for value in (math.cos(math.radians(start.yaw)), math.sin(math.radians(start.yaw)), 0))
    )
    ice = Actor(world.next_id, "static.trigger.friction", start, {"friction": "0.35"})
    ice.box = BoundingBox(extent=Vector(100.0, 100.0, 10.0))
    world.add(ice)
    vehicle.control = VehicleControl(brake=1.0)
    for _ in range(10):
        step(world, STEP)
    assert 14.0 < forward_speed(vehicle) < 15.0
