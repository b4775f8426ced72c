"""Scripts with many cameras at one place, for `carla_scripts`."""

from __future__ import annotations

import base64
import hashlib
import queue
from typing import Any

import carla

from tests.scenarios.carla_client import STEP, connect, numbers, synchronous


def pictures(port: int, frames: int = 2) -> dict[str, Any]:
    """All cameras at one place, and one that looks every other frame, on wet road against the sun; hashes of it all."""
    client = connect(port)
    client.set_timeout(200.0)
    world = client.get_world()
    synchronous(world)
    blueprints, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[3]
    against = carla.WeatherParameters(sun_azimuth_angle=place.rotation.yaw, sun_altitude_angle=8.0, wetness=90.0)
    world.set_weather(against)
    car = world.spawn_actor(blueprints.find("vehicle.tesla.model3"), place)
    ahead = carla.Transform(place.location + place.get_forward_vector() * 12.0, place.rotation)
    other = world.spawn_actor(blueprints.find("vehicle.mercedes.sprinter"), ahead)
    car.apply_control(carla.VehicleControl(throttle=0.5))
    cameras = {}
    for name in ("rgb", "rgb no_sun", "depth", "semantic_segmentation", "instance_segmentation", "glare", "rgb slow"):
        kind, _, extra = name.partition(" ")
        model = blueprints.find(f"sensor.camera.{kind}")
        model.set_attribute("image_size_x", "96")
        model.set_attribute("image_size_y", "64")
        if extra == "no_sun":
            model.set_attribute("counterfactual", extra)
        if extra == "slow":
            model.set_attribute("sensor_tick", str(2 * STEP))
        mount = carla.Transform(carla.Location(x=1.2, z=1.5))
        camera = world.spawn_actor(model, mount, attach_to=car)
        box: queue.Queue[Any] = queue.Queue()
        camera.listen(box.put)
        cameras[name] = (camera, box)
    hashes: dict[str, list[str]] = {name: [] for name in cameras}
    seen: dict[str, list[int]] = {name: [] for name in cameras}
    last: dict[str, list[int]] = {}
    for number in range(frames):
        frame = world.tick()
        for name, (_, box) in cameras.items():
            if name == "rgb slow" and number % 2:
                continue
            image = box.get(timeout=60.0)
            seen[name].append(image.frame - frame)
            hashes[name].append(hashlib.sha256(bytes(image.raw_data)).hexdigest())
            last[name] = list(image.raw_data)
    left = sum(box.qsize() for _, box in cameras.values())
    sensor = cameras["rgb"][0].id
    distance = car.get_location().distance(other.get_location())
    return {"hashes": hashes, "late": seen, "last": last, "left": left, "sensor": sensor, "other": other.id,
            "distance": distance}  # fmt: skip


def fields(port: int, twins: list[str]) -> dict[str, Any]:
    """Depth, normals, flow and twins of a car that moves past another one; base64 of the second frame."""
    client = connect(port)
    client.set_timeout(200.0)
    world = client.get_world()
    synchronous(world)
    blueprints, place = world.get_blueprint_library(), world.get_map().get_spawn_points()[3]
    car = world.spawn_actor(blueprints.find("vehicle.tesla.model3"), place)
    ahead = carla.Transform(place.location + place.get_forward_vector() * 12.0, place.rotation)
    other = world.spawn_actor(blueprints.find("vehicle.mercedes.sprinter"), ahead)
    boxes: dict[str, queue.Queue[Any]] = {}
    sensors = []
    names = ["depth", "normals", "optical_flow", "instance_segmentation", "glare_ratio", "rgb", *twins]
    for name in names:
        model = blueprints.find(f"sensor.camera.{name if name not in twins else 'rgb'}")
        for key, value in {"image_size_x": "96", "image_size_y": "64"}.items():
            model.set_attribute(key, value)
        if name in twins:
            model.set_attribute("counterfactual", name.replace("OTHER", str(other.id)))
        sensor = world.spawn_actor(model, carla.Transform(carla.Location(x=1.2, z=1.5)), attach_to=car)
        boxes[name] = queue.Queue()
        sensor.listen(boxes[name].put)
        sensors.append(sensor)
    forward = place.get_forward_vector()
    car.set_target_velocity(forward * 12.0)
    other.set_target_velocity(forward * 4.0)
    places, images = [], {}
    for _ in range(3):
        world.tick()
        images = {name: box.get(timeout=60.0) for name, box in boxes.items()}
        poses = (images["depth"].transform, other.get_transform())
        places.append([[*numbers(pose.location), pose.rotation.pitch, pose.rotation.yaw, pose.rotation.roll]
                       for pose in poses])  # fmt: skip
    coded = {name: base64.b64encode(bytes(image.raw_data)).decode() for name, image in images.items()}
    kinds = {name: type(image).__name__ for name, image in images.items()}
    coloured = len(bytes(images["optical_flow"].get_color_coded_flow().raw_data))
    return {"images": coded, "kinds": kinds, "places": places, "other": other.id, "coloured": coloured}


def refused_cameras(port: int, wanted: list[dict[str, str]]) -> dict[str, Any]:
    """What is said to cameras that cannot be made."""
    world = connect(port).get_world()
    said = []
    for attributes in wanted:
        model = world.get_blueprint_library().find("sensor.camera.rgb")
        for name, value in attributes.items():
            model.set_attribute(name, value)
        try:
            world.spawn_actor(model, carla.Transform())
            said.append("")
        except RuntimeError as error:
            said.append(str(error))
    return {"said": said}
