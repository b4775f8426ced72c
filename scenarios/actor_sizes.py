"""One table of what can be spawned: how large each blueprint is, and what kind of thing.

Sizes are half extents along the actor's own axes (x forward, y sideways, z up) [m]. Vehicles carry CARLA 0.9.16's own
bounding boxes, with two exceptions, so that a label holds the whole object: two-wheelers include their rider (some of
CARLA's boxes end below the shoulders), and the bus leaves out its mirrors. Walkers carry CARLA's collision capsule:
the height is the body's, swinging limbs reach beyond its sides.
"""

from __future__ import annotations

from types import MappingProxyType

Extent = tuple[float, float, float]

_VEHICLES: dict[str, tuple[str, Extent]] = {
    "vehicle.audi.a2": ("car", (1.853, 0.894, 0.774)),
    "vehicle.audi.etron": ("car", (2.428, 1.016, 0.825)),
    "vehicle.audi.tt": ("car", (2.090, 0.997, 0.693)),
    "vehicle.bmw.grandtourer": ("car", (2.305, 1.121, 0.834)),
    "vehicle.chevrolet.impala": ("car", (2.679, 1.017, 0.705)),
    "vehicle.citroen.c3": ("car", (1.994, 0.926, 0.808)),
    "vehicle.dodge.charger_2020": ("car", (2.503, 0.940, 0.767)),
    "vehicle.ford.crown": ("car", (2.683, 0.900, 0.787)),
    "vehicle.ford.mustang": ("car", (2.359, 0.947, 0.650)),
    "vehicle.jeep.wrangler_rubicon": ("car", (1.933, 0.953, 0.939)),
    "vehicle.lincoln.mkz_2017": ("car", (2.451, 1.064, 0.755)),
    "vehicle.lincoln.mkz_2020": ("car", (2.446, 0.918, 0.745)),
    "vehicle.mercedes.coupe_2020": ("car", (2.337, 1.001, 0.721)),
    "vehicle.mini.cooper_s": ("car", (1.903, 0.985, 0.737)),
    "vehicle.nissan.micra": ("car", (1.817, 0.922, 0.750)),
    "vehicle.nissan.patrol": ("car", (2.302, 0.966, 0.927)),
    "vehicle.seat.leon": ("car", (2.096, 0.908, 0.737)),
    "vehicle.tesla.cybertruck": ("car", (3.137, 1.195, 1.049)),
    "vehicle.tesla.model3": ("car", (2.396, 1.082, 0.744)),
    "vehicle.toyota.prius": ("car", (2.256, 1.003, 0.763)),
    "vehicle.dodge.charger_police": ("car", (2.487, 1.019, 0.771)),
    "vehicle.dodge.charger_police_2020": ("car", (2.619, 0.965, 0.819)),
    "vehicle.mercedes.coupe": ("car", (2.513, 1.076, 0.825)),
    "vehicle.micro.microlino": ("car", (1.104, 0.740, 0.688)),
    "vehicle.mini.cooper_s_2021": ("car", (2.276, 1.049, 0.884)),
    "vehicle.nissan.patrol_2021": ("car", (2.783, 1.075, 1.023)),
    "vehicle.ford.ambulance": ("van", (3.178, 1.176, 1.216)),
    "vehicle.mercedes.sprinter": ("van", (2.958, 0.994, 1.280)),
    "vehicle.volkswagen.t2": ("van", (2.240, 1.035, 1.019)),
    "vehicle.volkswagen.t2_2021": ("van", (2.221, 0.887, 0.994)),
    "vehicle.carlamotors.carlacola": ("truck", (2.602, 1.307, 1.234)),
    "vehicle.carlamotors.european_hgv": ("truck", (3.968, 1.446, 1.731)),
    "vehicle.carlamotors.firetruck": ("truck", (4.233, 1.446, 1.914)),
    "vehicle.mitsubishi.fusorosa": ("bus", (5.136, 1.280, 2.126)),
    "vehicle.harley-davidson.low_rider": ("motorcycle", (1.178, 0.382, 0.740)),
    "vehicle.kawasaki.ninja": ("motorcycle", (1.017, 0.398, 0.729)),
    "vehicle.vespa.zx125": ("motorcycle", (0.902, 0.370, 0.800)),
    "vehicle.yamaha.yzf": ("motorcycle", (1.105, 0.380, 0.735)),
    "vehicle.bh.crossbike": ("bicycle", (0.860, 0.300, 0.850)),
    "vehicle.diamondback.century": ("bicycle", (0.821, 0.280, 0.774)),
    "vehicle.gazelle.omafiets": ("bicycle", (0.918, 0.290, 0.870)),
}

_CHILDREN = MappingProxyType({**dict.fromkeys((9, 10, 11, 48, 49), 0.55), **dict.fromkeys((12, 13, 14), 0.65)})
"""Half heights of CARLA's child walkers by their number; the others of 1 to 51 are adults."""

_PROPS: dict[str, Extent] = {
    "static.prop.trafficcone01": (0.20, 0.20, 0.36),
    "static.prop.constructioncone": (0.17, 0.17, 0.29),
    "static.prop.streetbarrier": (0.30, 1.00, 0.50),
    "static.prop.warningconstruction": (0.30, 0.45, 0.60),
    "static.prop.vendingmachine": (0.42, 0.55, 0.96),
    "static.prop.container": (0.95, 1.10, 0.70),
    "static.prop.mesh": (0.30, 1.50, 0.95),
    "static.prop.chair": (0.25, 0.24, 0.43),
    "static.prop.table": (0.45, 0.45, 0.37),
    "static.prop.box01": (0.30, 0.30, 0.30),
    "static.prop.bin": (0.30, 0.30, 0.55),
    "static.prop.bench01": (0.30, 0.80, 0.42),
}


def _walkers() -> dict[str, tuple[str, Extent]]:
    found: dict[str, tuple[str, Extent]] = {}
    for number in range(1, 52):
        half = _CHILDREN.get(number, 0.93)
        wide = 0.188 if half > 0.9 else 0.150
        found[f"walker.pedestrian.{number:04d}"] = ("pedestrian", (wide, wide, half))
    return found


_ALL = _VEHICLES | _walkers() | {name: ("prop", extent) for name, extent in _PROPS.items()}

EXTENTS: MappingProxyType[str, Extent] = MappingProxyType({name: extent for name, (_, extent) in _ALL.items()})
"""Blueprint to half extents (x, y, z) [m]."""

KINDS: MappingProxyType[str, str] = MappingProxyType({name: kind for name, (kind, _) in _ALL.items()})
"""Blueprint to one of car, van, truck, bus, motorcycle, bicycle, pedestrian, prop."""

WHEELS: MappingProxyType[str, int] = MappingProxyType(
    {name: 2 if kind in {"motorcycle", "bicycle"} else 4 for name, (kind, _) in _VEHICLES.items()}
)
"""Vehicle blueprint to CARLA's ``number_of_wheels``."""
