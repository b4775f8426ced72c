"""What lives in the world: one mutable record per actor. How they move is told elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scenarios.instant import Pose
from scenarios.server.geometry import FORWARD, NO_BOX, ZERO, BoundingBox, Footprint, Vector, footprint
from scenarios.server.roads import DEFAULT_SPEED_LIMIT, Ground


@dataclass(slots=True, eq=False)
class Actor:
    """Anything with an id.

    Attributes:
        id: unique in its episode, counted from 1.
        blueprint: CARLA's type id.
        attributes: as the client set them at spawn.
        description: CARLA's ActorDescription, echoed to clients.
        box: its body in its own axes.
        tags: semantic labels.
        pose: in the world.
        velocity: [m/s], world axes.
        angular_velocity: [deg/s].
        acceleration: [m/s^2], world axes.
        parent: id of the actor that carries it, or 0.
        mount: its pose in its parent's axes.
        simulated: whether physics moves it.
        gravity: whether it falls.
        collides: whether it takes part in collisions.
        sign: OpenDRIVE signal id of lights and signs.
    """

    id: int
    blueprint: str
    pose: Pose
    attributes: dict[str, str] = field(default_factory=dict)
    description: list[Any] = field(default_factory=list)
    box: BoundingBox = NO_BOX
    tags: bytes = b""
    velocity: Vector = ZERO
    angular_velocity: Vector = ZERO
    acceleration: Vector = ZERO
    parent: int = 0
    mount: Pose = field(default_factory=Pose)
    simulated: bool = True
    gravity: bool = True
    collides: bool = True
    sign: str = ""

    @property
    def footprint(self) -> Footprint:
        """The space that its body takes."""
        return footprint(self.pose, self.box)

    @property
    def mass(self) -> float:
        """What a collision has to move [kg]; infinite for what stands fast."""
        return float("inf")


@dataclass(slots=True)
class VehicleControl:
    """CARLA's VehicleControl."""

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: int = 0


@dataclass(slots=True, eq=False)
class Vehicle(Actor):
    """A vehicle; `vehicles.py` moves it.

    Attributes:
        control: the last one given; it holds until the next.
        ackermann: speed and steering targets that override `control`, or None.
        physics: CARLA's VehiclePhysicsControl, as in `physics.py`.
        steer_angle: of the front wheels, positive to the right [deg].
        steer_input: the control's steering after the steering gear's lag, -1 to 1.
        gear: engaged by the automatic gearbox; -1 reverse, 0 neutral.
        constant_velocity: kept whatever happens, in vehicle axes [m/s], or None.
        travelled: path length since spawn [m].
        lights: VehicleLightState bits as set by clients.
        light_at: id of the traffic light whose stop area it is in, or 0.
        ground: the road plane where it was last looked up.
        airborne: whether it is above the road.
        speed_limit: the last that it has passed [km/h].
    """

    control: VehicleControl = field(default_factory=VehicleControl)
    ackermann: list[float] | None = None
    physics: Any = None
    steer_angle: float = 0.0
    steer_input: float = 0.0
    gear: int = 0
    constant_velocity: Vector | None = None
    travelled: float = 0.0
    lights: int = 0
    light_at: int = 0
    ground: Ground | None = None
    airborne: bool = True
    speed_limit: float = DEFAULT_SPEED_LIMIT

    @property
    def mass(self) -> float:
        """[kg]."""
        return float(self.physics.mass) if self.simulated else float("inf")


@dataclass(slots=True, eq=False)
class Walker(Actor):
    """A pedestrian; `walkers.py` moves it.

    Attributes:
        direction: where it walks, in the world; its length counts.
        speed: [m/s].
        jump: whether it is to jump.
        travelled: path length since spawn [m].
        ground: the road plane where it was last looked up.
    """

    direction: Vector = FORWARD
    speed: float = 0.0
    jump: bool = False
    travelled: float = 0.0
    ground: Ground | None = None

    @property
    def mass(self) -> float:
        """[kg]."""
        return 75.0


@dataclass(slots=True, eq=False)
class TrafficLight(Actor):
    """A traffic light; `traffic_lights.py` switches it.

    Attributes:
        state: TrafficLightState: 0 red, 1 yellow, 2 green, 3 off.
        green, yellow, red: how long each lasts [s].
        elapsed: since the last switch [s].
        frozen: whether it stays as it is.
        group: number of its junction's cycle.
        phase: its turn in that cycle.
        stops: where vehicles are that it concerns.
        pole: its number in the group.
    """

    state: int = 0
    green: float = 10.0
    yellow: float = 3.0
    red: float = 2.0
    elapsed: float = 0.0
    frozen: bool = False
    group: int = 0
    phase: int = 0
    stops: tuple[Footprint, ...] = ()
    pole: int = 0


@dataclass(slots=True, eq=False)
class Sensor(Actor):
    """A sensor that sends something, or (lane invasion) that the client computes by itself.

    Attributes:
        stream: number of its stream; 0 for none.
        last: simulated time of its last message [s].
        interval: `sensor_tick` [s].
    """

    stream: int = 0
    last: float = float("-inf")
    interval: float = 0.0
