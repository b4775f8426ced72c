"""Scripts that a stranger could have written: they know the `carla` package only, and print JSON.

Each runs in a process of its own (`served.run`), since CARLA's client ends its process where others raise.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import math
import os
import queue
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carla

from tests.scenarios.carla_cameras import fields, pictures, refused_cameras
from tests.scenarios.carla_client import connect, digest, numbers, synchronous
from tests.scenarios.carla_traffic import killed, light_cycle, red_light, traffic


def handshake(port: int) -> dict[str, Any]:
    client = connect(port)
    world = client.get_world()
    blueprints = world.get_blueprint_library()
    settings = world.get_settings()
    return {
        "version": client.get_server_version(),
        "map": world.get_map().name,
        "maps": list(client.get_available_maps()),
        "spawn_points": len(world.get_map().get_spawn_points()),
        "blueprints": [one.id for one in blueprints],
        "wheels": sorted({int(one.get_attribute("number_of_wheels")) for one in blueprints.filter("vehicle.*")}),
        "speeds": list(blueprints.find("walker.pedestrian.0001").get_attribute("speed").recommended_values),
        "synchronous": settings.synchronous_mode,
        "spectator": world.get_spectator().type_id,
    }


def actors(port: int) -> dict[str, Any]:
    """Spawn, attach, look up, collide with what stands there, destroy."""
    client = connect(port)
    world = client.get_world()
    synchronous(world)
    blueprints, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[0]
    model = blueprints.find("vehicle.tesla.model3")
    model.set_attribute("role_name", "hero")
    car = world.spawn_actor(model, place)
    mount = carla.Transform(carla.Location(x=1.0, y=0.5, z=2.0), carla.Rotation(yaw=90))
    gnss = world.spawn_actor(blueprints.find("sensor.other.gnss"), mount, attach_to=car)
    try:
        world.spawn_actor(blueprints.find("vehicle.audi.tt"), place)
        occupied = ""
    except RuntimeError as error:
        occupied = str(error)
    for _ in range(20):
        world.tick()
    found = world.get_actors().find(car.id)
    expected = car.get_transform().transform(carla.Location(x=1.0, y=0.5, z=2.0))
    result = {
        "occupied": occupied,
        "try": world.try_spawn_actor(model, place) is None,
        "role": found.attributes["role_name"],
        "parent": gnss.parent.id == car.id,
        "mounted": numbers(gnss.get_transform().location),
        "expected": numbers(expected),
        "yaw": (gnss.get_transform().rotation.yaw - car.get_transform().rotation.yaw) % 360,
        "extent": numbers(car.bounding_box.extent),
        "height": car.get_transform().location.z - world.get_map().get_waypoint(place.location).transform.location.z,
    }
    result["destroyed"] = car.destroy()
    world.tick()
    result["left"] = sorted({one.type_id for one in world.get_actors()} - {"traffic.traffic_light"})
    return result


def batches(port: int) -> dict[str, Any]:
    client = connect(port)
    world = client.get_world()
    synchronous(world)
    blueprints, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    car = blueprints.find("vehicle.nissan.micra")
    command = carla.command
    push = command.ApplyTargetVelocity(command.FutureActor, carla.Vector3D(3, 4, 0))
    orders = [command.SpawnActor(car, places[0]).then(push), command.SpawnActor(car, places[0])]
    first = client.apply_batch_sync([*orders, command.DestroyActor(4_000_000)], True)
    speed = world.get_actor(first[0].actor_id).get_velocity().length()
    ids = [first[0].actor_id]
    second = client.apply_batch_sync([command.DestroyActor(id_) for id_ in ids], False)
    return {"errors": [one.error for one in first], "speed": speed, "destroyed": [one.error for one in second]}


def drive(port: int) -> dict[str, Any]:
    """A short synchronous run with controls, a walker and autopilots."""
    client = connect(port)
    world = client.get_world()
    synchronous(world)
    manager_port = port + 2
    manager = client.get_trafficmanager(manager_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(7)
    blueprints, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    car = world.spawn_actor(blueprints.find("vehicle.tesla.model3"), places[0])
    walker_place = carla.Transform(places[0].location + carla.Location(x=6, y=6, z=1))
    walker = world.spawn_actor(blueprints.find("walker.pedestrian.0002"), walker_place)
    others = [world.spawn_actor(blueprints.find("vehicle.audi.tt"), place) for place in places[4:12:2]]
    world.tick()
    for other in others:
        other.set_autopilot(True, manager_port)
    digests = []
    for number in range(120):
        car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.2 * math.sin(number / 10)))
        walker.apply_control(carla.WalkerControl(carla.Vector3D(1, 0.3, 0), 1.4))
        world.tick()
        digests.append(digest(world))
    travelled = car.get_location().distance(places[0].location)
    manager.set_synchronous_mode(False)
    return {"digests": digests, "travelled": travelled, "ids": [car.id, walker.id, *(one.id for one in others)]}


def free_run(port: int) -> dict[str, Any]:
    """The clock runs by itself; frames and time go on together."""
    world = connect(port).get_world()
    snapshots = [world.wait_for_tick(5.0) for _ in range(6)]
    times = [one.timestamp.elapsed_seconds for one in snapshots]
    return {"frames": [one.frame for one in snapshots], "times": times}


def weather(port: int) -> dict[str, Any]:
    world = connect(port).get_world()
    sent = carla.WeatherParameters.HardRainSunset
    sent.sun_azimuth_angle = 123.0
    world.set_weather(sent)
    names = [name for name in dir(sent) if isinstance(getattr(sent, name), float) and not name[0].isupper()]
    got = world.get_weather()
    return {"sent": {n: getattr(sent, n) for n in names}, "got": {n: getattr(got, n) for n in names}}


def collision(port: int) -> dict[str, Any]:
    """A car drives into another one that stands in its lane."""
    client = connect(port)
    world = client.get_world()
    synchronous(world)
    blueprints = world.get_blueprint_library()
    place = world.get_map().get_spawn_points()[0]
    ahead = carla.Transform(place.location + place.get_forward_vector() * 20.0, place.rotation)
    car = world.spawn_actor(blueprints.find("vehicle.tesla.model3"), place)
    other = world.spawn_actor(blueprints.find("vehicle.volkswagen.t2"), ahead)
    sensor = world.spawn_actor(blueprints.find("sensor.other.collision"), carla.Transform(), attach_to=car)
    events: queue.Queue[Any] = queue.Queue()
    sensor.listen(events.put)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    speed = 0.0
    for _ in range(100):
        world.tick()
        if not events.empty():
            break
        speed = max(speed, car.get_velocity().length())
    event = events.get(timeout=5.0)
    forward = place.get_forward_vector()
    impulse = event.normal_impulse
    for _ in range(20):
        world.tick()
    gap = car.get_location().distance(other.get_location())
    return {
        "other": event.other_actor.id == other.id,
        "self": event.actor.id == car.id,
        "along": impulse.x * forward.x + impulse.y * forward.y,
        "speed": speed,
        "pushed": other.get_velocity().length(),
        "gap": gap,
        "touching": car.bounding_box.extent.x + other.bounding_box.extent.x,
    }


def walker(port: int) -> dict[str, Any]:
    world = connect(port).get_world()
    synchronous(world)
    blueprints, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[0]
    start = carla.Transform(place.location + carla.Location(z=1.0), carla.Rotation())
    person = world.spawn_actor(blueprints.find("walker.pedestrian.0003"), start)
    world.tick()
    for _ in range(20):
        world.tick()
    begin = person.get_location()
    person.apply_control(carla.WalkerControl(carla.Vector3D(0.6, 0.8, 0.0), 1.5))
    for _ in range(40):
        world.tick()
    end = person.get_location()
    ground = world.get_map().get_waypoint(end).transform.location.z
    return {
        "moved": [end.x - begin.x, end.y - begin.y],
        "height": end.z - ground,
        "yaw": person.get_transform().rotation.yaw,
        "speed": person.get_control().speed,
    }


def episodes(port: int, opendrive: str) -> dict[str, Any]:
    """Load worlds; each begins anew."""
    client = connect(port)
    world = client.get_world()
    blueprints, places = world.get_blueprint_library(), world.get_map().get_spawn_points()
    first = world.spawn_actor(blueprints.find("vehicle.audi.tt"), places[0]).id
    again = client.load_world("country_road")
    synchronous(again)
    second = again.spawn_actor(blueprints.find("vehicle.audi.tt"), again.get_map().get_spawn_points()[0])
    frame = again.tick()
    elapsed = again.get_snapshot().timestamp.elapsed_seconds
    name = again.get_map().name
    try:
        client.load_world("Town99")
        refused = ""
    except RuntimeError as error:
        refused = str(error)
    own = client.generate_opendrive_world(Path(opendrive).read_text(encoding="utf-8"))
    return {
        "ids": [first, second.id],
        "episodes": [world.id, again.id, own.id],
        "frame": frame,
        "elapsed": elapsed,
        "maps": [name, own.get_map().name],
        "refused": refused,
        "vehicles": len(own.get_actors().filter("vehicle.*")),
    }


def inertial(port: int) -> dict[str, Any]:
    """GNSS and IMU of a car at rest and while it brakes, and the lane sensor while it leaves its lane."""
    world = connect(port).get_world()
    synchronous(world)
    blueprints, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(blueprints.find("vehicle.tesla.model3"), place)
    heard: dict[str, queue.Queue[Any]] = {}
    sensors = []  # a sensor without a name stops listening
    for kind in ("gnss", "imu", "lane_invasion"):
        model = blueprints.find(f"sensor.other.{kind}")
        if kind == "gnss":
            model.set_attribute("sensor_tick", "0.2")
        sensor = world.spawn_actor(model, carla.Transform(), attach_to=car)
        heard[kind] = queue.Queue()
        sensor.listen(heard[kind].put)
        sensors.append(sensor)
    for _ in range(40):
        world.tick()
    rest = [heard["imu"].get(timeout=5.0) for _ in range(40)][-1]
    fixes = [heard["gnss"].get(timeout=5.0) for _ in range(10)]
    location = world.get_map().transform_to_geolocation(car.get_location())
    car.enable_constant_velocity(carla.Vector3D(8.0, 3.0, 0.0))
    for _ in range(40):
        world.tick()
    crossed = heard["lane_invasion"].get(timeout=5.0).crossed_lane_markings
    return {
        "gravity": numbers(rest.accelerometer),
        "compass": math.degrees(rest.compass),
        "yaw": place.rotation.yaw,
        "fix": [fixes[-1].latitude, fixes[-1].longitude],
        "truth": [location.latitude, location.longitude],
        "frames": [one.frame for one in fixes],
        "crossed": len(crossed),
    }


def visit(port: int, *, tidy: bool = True, ticks: int = 4) -> dict[str, Any]:
    """What a guest does: take the clock, drive, look, and leave everything as it was, or its clock at least."""
    client = connect(port)
    client.set_timeout(200.0)
    world = client.get_world()
    before = world.get_settings()
    synchronous(world)
    world.set_weather(carla.WeatherParameters.Default)
    blueprints, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[3]
    car = world.spawn_actor(blueprints.find("vehicle.audi.tt"), place)
    model = blueprints.find("sensor.camera.rgb")
    model.set_attribute("image_size_x", "96")
    model.set_attribute("image_size_y", "64")
    camera = world.spawn_actor(model, carla.Transform(carla.Location(x=-6, z=2.5)), attach_to=car)
    box: queue.Queue[Any] = queue.Queue()
    camera.listen(box.put)
    car.apply_control(carla.VehicleControl(throttle=0.8))
    pictures, states = [], []
    for number in range(ticks):
        world.tick()
        snapshot = world.get_snapshot()
        states.append([number, snapshot.timestamp.elapsed_seconds, car.id, *numbers(car.get_location())])
        pictures.append(hashlib.sha256(bytes(box.get(timeout=60.0).raw_data)).hexdigest())
    camera.destroy()
    car.destroy()
    if tidy:
        world.apply_settings(before)
    return {"states": states, "pictures": pictures}


SCRIPTS: dict[str, Callable[..., dict[str, Any]]] = {
    function.__name__: function
    for function in (
        handshake, actors, batches, drive, free_run, traffic, red_light, light_cycle, weather, collision, walker,
        killed, episodes, inertial, pictures, fields, refused_cameras, visit,
    )
}  # fmt: skip

if __name__ == "__main__":
    name, port, arguments = sys.argv[1:]
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    try:
        print("RESULT " + json.dumps(SCRIPTS[name](int(port), **json.loads(arguments))), flush=True)
    except BaseException:  # noqa: BLE001 whatever it is, the test must read it
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # CARLA's client may hang while it takes itself apart
