"""Scripts with CARLA's own traffic manager and traffic lights, for `carla_scripts`."""

from __future__ import annotations

import math
import os
import signal
from typing import Any

import carla

from tests.scenarios.carla_client import STEP, connect, synchronous


def traffic(port: int, seconds: float = 20.0, cars: int = 10, wanted: str = "") -> dict[str, Any]:
    """CARLA's own traffic manager drives; how well do the cars keep to their lanes?"""
    client = connect(port)
    world = client.get_world()
    world_map = world.get_map()
    synchronous(world)
    manager = client.get_trafficmanager(port + 2)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(3)
    blueprints = [one for one in world.get_blueprint_library().filter("vehicle.*") if "fusorosa" not in one.id]
    blueprints = [one for one in blueprints if int(one.get_attribute("number_of_wheels")) == 4 and wanted in one.id]
    places = world_map.get_spawn_points()
    spread = places[:: max(1, len(places) // cars)][:cars]
    vehicles = [world.spawn_actor(blueprints[k % len(blueprints)], place) for k, place in enumerate(spread)]
    world.tick()
    for vehicle in vehicles:
        vehicle.set_autopilot(True, port + 2)
    travelled, offsets = [0.0] * len(vehicles), []
    for _ in range(int(seconds / STEP)):
        world.tick()
        for number, vehicle in enumerate(vehicles):
            location = vehicle.get_location()
            travelled[number] += vehicle.get_velocity().length() * STEP
            waypoint = world_map.get_waypoint(location)
            if not waypoint.is_junction:
                middle = waypoint.transform.location
                offsets.append(math.hypot(location.x - middle.x, location.y - middle.y))
    manager.set_synchronous_mode(False)
    return {"travelled": travelled, "offsets": sorted(offsets), "limit": vehicles[0].get_speed_limit()}


def red_light(port: int) -> dict[str, Any]:
    """An autopilot comes to a red light, waits, and goes on green."""
    client = connect(port)
    world = client.get_world()
    world_map = world.get_map()
    synchronous(world)
    manager = client.get_trafficmanager(port + 2)
    manager.set_synchronous_mode(True)
    world.tick()
    light = next(one for one in world.get_actors().filter("traffic.traffic_light") if one.get_stop_waypoints())
    stop = light.get_affected_lane_waypoints()[0]
    start = stop.previous(45.0)[0].transform
    start.location.z += 0.5
    light.freeze(True)
    light.set_state(carla.TrafficLightState.Red)
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), start)
    world.tick()
    car.set_autopilot(True, port + 2)
    for _ in range(300):
        world.tick()
    waiting = {
        "speed": car.get_velocity().length(),
        "entered": world_map.get_waypoint(car.get_location()).is_junction,
        "at_light": car.is_at_traffic_light(),
        "state": str(car.get_traffic_light_state()),
        "same": car.get_traffic_light() is not None and car.get_traffic_light().id == light.id,
        "gone": car.get_location().distance(start.location),
    }
    for one in light.get_group_traffic_lights():
        one.set_state(carla.TrafficLightState.Green if one.id == light.id else carla.TrafficLightState.Red)
    for _ in range(120):
        world.tick()
    manager.set_synchronous_mode(False)
    return {**waiting, "went": car.get_location().distance(start.location), "opendrive": light.get_opendrive_id()}


def light_cycle(port: int) -> dict[str, Any]:
    """Which lights are green over two minutes, by group."""
    world = connect(port).get_world()
    synchronous(world)
    world.tick()
    lights = sorted(world.get_actors().filter("traffic.traffic_light"), key=lambda one: int(one.id))
    group = sorted(one.id for one in lights[0].get_group_traffic_lights())
    seen: list[dict[int, str]] = []
    for _ in range(1200):
        world.tick()
        state = {one.id: str(one.get_state()) for one in lights}
        if not seen or seen[-1] != state:
            seen.append(state)
    return {"lights": len(lights), "group": group, "seen": seen}


def killed(port: int) -> dict[str, Any]:
    """A client with a traffic manager that is killed in the middle of a synchronous run."""
    client = connect(port)
    world = client.get_world()
    synchronous(world)
    client.get_trafficmanager(port + 2).set_synchronous_mode(True)
    world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.tt"), world.get_map().get_spawn_points()[1])
    world.tick()
    os.kill(os.getpid(), signal.SIGKILL)
    return {}
