"""CARLA's semantic classes (CityObjectLabel) of actors."""

from __future__ import annotations

PEDESTRIAN, RIDER, CAR, TRUCK, BUS, MOTORCYCLE, BICYCLE = 12, 13, 14, 15, 16, 18, 19
STATIC, DYNAMIC, TRAFFIC_LIGHT, SIGN = 20, 21, 7, 8

_WORDS = (
    (BICYCLE, ("crossbike", "omafiets", "century", "bicycle")),
    (MOTORCYCLE, ("harley", "kawasaki", "yamaha", "vespa", "motorcycle", "zx125", "ninja")),
    (BUS, ("fusorosa", "bus")),
    (TRUCK, ("truck", "carlacola", "firetruck", "ambulance", "sprinter", "european_hgv", "actros")),
)


def class_of(blueprint: str) -> int:
    """The class that CARLA gives to actors of a blueprint."""
    if blueprint.startswith("walker."):
        return PEDESTRIAN
    if blueprint.startswith("vehicle."):
        name = blueprint.removeprefix("vehicle.").lower()
        return next((label for label, words in _WORDS if any(word in name for word in words)), CAR)
    if blueprint.startswith("traffic.traffic_light"):
        return TRAFFIC_LIGHT
    return SIGN if blueprint.startswith("traffic.") else STATIC
