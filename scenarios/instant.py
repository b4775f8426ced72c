"""What the server hands to the renderer: one frozen instant of the world, and one view of it.

All transforms here are CARLA's: left-handed, x forward, y right, z up, metres and degrees; the renderer converts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scenarios.weather import Weather


@dataclass(frozen=True)
class Pose:
    """CARLA's transform: location [m], then pitch, yaw, roll [deg]."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True)
class ActorState:
    """A drawable actor at one instant.

    Attributes:
        id: CARLA actor id, also its instance id in label pictures.
        blueprint: such as "vehicle.tesla.model3", "walker.pedestrian.0001", "static.prop.trafficcone01",
            "traffic.traffic_light".
        pose: CARLA origin (vehicles: ground under the box centre; walkers: body centre).
        attributes: blueprint attributes, such as color "r,g,b".
        speed: along the heading [m/s].
        travelled: path length since spawn [m]; drives wheel angle and walking phase.
        steer: front wheel angle, positive to the right [deg].
        lights: CARLA's VehicleLightState bits (brake = 8, low beam = 2, ...).
        light_state: traffic lights: CARLA's TrafficLightState (0 red, 1 yellow, 2 green).
    """

    id: int
    blueprint: str
    pose: Pose
    attributes: Mapping[str, str] = field(default_factory=dict)
    speed: float = 0.0
    travelled: float = 0.0
    steer: float = 0.0
    lights: int = 0
    light_state: int = 0


@dataclass(frozen=True)
class Instant:
    """The world at one simulated time: everything a picture depends on, apart from the map and the view."""

    frame: int
    time: float
    weather: Weather
    actors: tuple[ActorState, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class View:
    """One camera: where it is, what it sees, and whose body it must not draw.

    Attributes:
        pose: world pose of the camera (looks along +x of its own axes).
        width, height: picture size [px].
        fov: horizontal field of view [deg].
        attributes: the sensor's blueprint attributes (exposure and lens).
        hidden: actor ids that are not drawn (the vehicle that carries the camera, if the camera sits inside its body).
        velocity: of the camera [m/s].
        spin: its angular velocity as CARLA tells a vehicle's [deg/s].
    """

    pose: Pose
    width: int
    height: int
    fov: float
    attributes: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spin: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Before:
    """One step of the world ago: what optical flow is measured from.

    Attributes:
        pose: where the camera was.
        actors: all drawable actors as they were.
    """

    pose: Pose
    actors: tuple[ActorState, ...]
