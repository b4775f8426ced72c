"""What can be spawned: CARLA's own ids and attributes; `scenarios.actor_sizes` has how large each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from scenarios.actor_sizes import EXTENTS, KINDS, WHEELS
from scenarios.render.classes import class_of
from scenarios.server import blueprint_attributes as attributes
from scenarios.server.blueprint_attributes import BOOL, COLOR, FLOAT, INT, STRING, Attribute, choice, constant
from scenarios.server.geometry import NO_BOX, BoundingBox, Vector


@dataclass(frozen=True)
class Drivetrain:
    """What moves a vehicle.

    Attributes:
        mass: with driver [kg].
        power: at the wheels [W].
        thrust: the greatest force at the wheels, in low gear [N].
        top_speed: where the engine gives up [m/s].
    """

    mass: float
    power: float
    thrust: float
    top_speed: float


@dataclass(frozen=True)
class Blueprint:
    """One kind of actor.

    Attributes:
        id: CARLA's id, such as "vehicle.tesla.model3".
        attributes: what a client may read and set.
        box: its body in its own axes.
        tags: CARLA's semantic labels.
        drivetrain: of vehicles, else None.
    """

    id: str
    attributes: tuple[Attribute, ...] = ()
    box: BoundingBox = NO_BOX
    tags: tuple[int, ...] = ()
    drivetrain: Drivetrain | None = None

    def wire(self, uid: int) -> list[Any]:
        """CARLA's ActorDefinition."""
        return [uid, self.id, self.id.replace(".", ","), [one.wire() for one in self.attributes]]


CAR = Drivetrain(mass=1600.0, power=110e3, thrust=8000.0, top_speed=52.0)
SPORTS_CAR = Drivetrain(mass=1750.0, power=220e3, thrust=11000.0, top_speed=65.0)
VAN = Drivetrain(mass=2600.0, power=100e3, thrust=9500.0, top_speed=42.0)
TRUCK = Drivetrain(mass=9500.0, power=220e3, thrust=26000.0, top_speed=31.0)
BUS = Drivetrain(mass=7500.0, power=130e3, thrust=19000.0, top_speed=30.0)
MOTORCYCLE = Drivetrain(mass=280.0, power=60e3, thrust=1700.0, top_speed=55.0)
BICYCLE = Drivetrain(mass=90.0, power=700.0, thrust=220.0, top_speed=13.0)

_DRIVETRAINS = {
    "car": CAR, "van": VAN, "truck": TRUCK, "bus": BUS, "motorcycle": MOTORCYCLE, "bicycle": BICYCLE,
}  # fmt: skip

_STRONG = frozenset(
    f"vehicle.{name}"
    for name in ("audi.etron", "audi.tt", "dodge.charger_2020", "ford.mustang", "mercedes.coupe_2020",
                 "tesla.cybertruck", "tesla.model3")
)  # fmt: skip
_SPECIAL = {
    f"vehicle.{name}": special
    for special, names in {
        "electric": ("audi.etron", "tesla.cybertruck", "tesla.model3", "micro.microlino"),
        "emergency": ("ford.ambulance", "carlamotors.firetruck", "dodge.charger_police", "dodge.charger_police_2020"),
        "taxi": ("ford.crown",),
    }.items()
    for name in names
}
_SECOND_GENERATION = frozenset(
    f"vehicle.{name}"
    for name in ("dodge.charger_2020", "ford.crown", "lincoln.mkz_2020", "mercedes.coupe_2020", "mercedes.sprinter",
                 "ford.ambulance", "carlamotors.firetruck", "mitsubishi.fusorosa", "dodge.charger_police_2020",
                 "mini.cooper_s_2021", "nissan.patrol_2021", "volkswagen.t2_2021", "carlamotors.european_hgv")
)  # fmt: skip

_COLORS = ("17,37,103", "180,44,44", "210,210,205", "25,25,28", "120,125,130", "60,90,70", "160,140,90")

_WOMEN = frozenset({1, 5, 7, 8, 10, 12, 14, 16, 18, 20, 22, 24})
_CHILD_HEIGHT = 1.5


def _named(blueprint: str, *own: Attribute) -> tuple[Attribute, ...]:
    role = choice("role_name", STRING, "default", "autopilot", "hero")
    return (*own, role, choice("ros_name", STRING, blueprint))


def _standing(blueprint: str) -> BoundingBox:
    length, width, height = EXTENTS[blueprint]
    return BoundingBox(Vector(0.0, 0.0, height), Vector(length, width, height))


def _of_kind(*kinds: str) -> Iterable[str]:
    return (blueprint for blueprint, kind in KINDS.items() if kind in kinds)


def _vehicles() -> Iterable[Blueprint]:
    for blueprint in _of_kind(*_DRIVETRAINS):
        kind = KINDS[blueprint]
        own = (
            constant("number_of_wheels", INT, WHEELS[blueprint]),
            constant("object_type", STRING, ""),
            constant("base_type", STRING, kind),
            constant("special_type", STRING, _SPECIAL.get(blueprint, "")),
            constant("generation", INT, 2 if blueprint in _SECOND_GENERATION else 1),
            constant("has_dynamic_doors", BOOL, "false"),
            constant("has_lights", BOOL, str(kind != "bicycle").lower()),
            choice("color", COLOR, *_COLORS),
            choice("sticky_control", BOOL, "true"),
            choice("terramechanics", BOOL, "false"),
        )
        drivetrain = SPORTS_CAR if blueprint in _STRONG else _DRIVETRAINS[kind]
        yield Blueprint(blueprint, _named(blueprint, *own), _standing(blueprint), (class_of(blueprint),), drivetrain)


def _walkers() -> Iterable[Blueprint]:
    for blueprint in _of_kind("pedestrian"):
        extent = Vector(*EXTENTS[blueprint])
        adult = 2 * extent.z > _CHILD_HEIGHT
        walk, run = ("1.4", "2.8") if adult else ("1.2", "2.4")
        own = (
            constant("gender", STRING, "female" if int(blueprint[-4:]) in _WOMEN else "male"),
            constant("age", STRING, "adult" if adult else "child"),
            constant("generation", INT, 1),
            choice("speed", FLOAT, "0.0", walk, run),
            choice("is_invincible", BOOL, "true"),
            choice("use_wheelchair", BOOL, "false"),
        )
        yield Blueprint(blueprint, _named(blueprint, *own), BoundingBox(Vector(), extent), (class_of(blueprint),))


def _props() -> Iterable[Blueprint]:
    for blueprint in _of_kind("prop"):
        longest = 2 * max(EXTENTS[blueprint])
        own = constant("size", STRING, "small" if longest < 1 else "medium" if longest < 2.5 else "big")
        yield Blueprint(blueprint, _named(blueprint, own), _standing(blueprint), (class_of(blueprint),))


def _sensors() -> Iterable[Blueprint]:
    kinds: dict[str, tuple[Attribute, ...]] = {
        "sensor.camera.rgb": attributes.RGB_CAMERA,
        "sensor.camera.depth": attributes.CAMERA,
        "sensor.camera.semantic_segmentation": attributes.CAMERA,
        "sensor.camera.instance_segmentation": attributes.CAMERA,
        "sensor.camera.normals": attributes.CAMERA,
        "sensor.camera.optical_flow": attributes.CAMERA,
        "sensor.camera.glare": attributes.CAMERA,
        "sensor.camera.glare_ratio": attributes.CAMERA,
        "sensor.other.collision": (),
        "sensor.other.lane_invasion": (),
        "sensor.other.gnss": attributes.GNSS,
        "sensor.other.imu": attributes.IMU,
    }
    for blueprint, own in kinds.items():
        yield Blueprint(blueprint, _named(blueprint, *own))


@cache
def catalogue() -> dict[str, Blueprint]:
    """Every blueprint by its id, in the order in which clients see them."""
    others = (
        Blueprint("static.trigger.friction", _named("static.trigger.friction", *attributes.FRICTION_TRIGGER)),
        Blueprint("controller.ai.walker", _named("controller.ai.walker")),
    )
    every = (*_vehicles(), *_walkers(), *_props(), *others, *_sensors())
    return {one.id: one for one in every}


@cache
def definitions() -> list[list[Any]]:
    """The catalogue as CARLA's `get_actor_definitions` returns it."""
    return [one.wire(uid) for uid, one in enumerate(catalogue().values(), start=1)]
