"""What a frame shows, in words: light, air and road from the drive's weather, objects from the labels.

Words come from small tables, so that the vocabulary is known and short. A drive whose `meta.json` has no weather in
numbers is described by its objects alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from numpy.random import Generator

from perception.box import CLASSES
from perception.frame import Frame
from perception.labels import is_scored

LIGHTS: Mapping[str, tuple[str, ...]] = {
    "day": ("by day", "in daylight"),
    "low sun": ("low sun", "a low sun", "glare of a low sun"),
    "low sun ahead": ("low sun ahead", "driving into a low sun", "low sun in front", "glare of a low sun"),
    "dusk": ("at dusk", "in twilight"),
    "night": ("at night", "in the dark"),
}
"""States of the light, each with ways to say it."""

AIRS: Mapping[str, tuple[str, ...]] = {
    "clear": ("clear sky", "clear weather"),
    "overcast": ("overcast sky", "grey clouds"),
    "fog": ("fog", "thick fog", "mist"),
    "rain": ("rain", "rain falls", "rainy weather"),
    "snowfall": ("snowfall", "snow falls", "falling snow"),
}
"""States of the air."""

ROADS: Mapping[str, tuple[str, ...]] = {
    "dry": ("on a dry road", "dry asphalt"),
    "wet": ("on a wet road", "wet asphalt", "puddles on the road"),
    "snow": ("on snow", "on a snowy road", "snow on the road"),
    "slush": ("on slush", "slush on the road"),
    "ice": ("on ice", "on an icy road"),
    "salt": ("on a salty road", "dried salt on the road"),
    "mud": ("on a muddy road", "mud on the road"),
}
"""States of the road."""

STATES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"light": LIGHTS, "air": AIRS, "road": ROADS}
"""Every attribute that can be recognised from words alone."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "many")
PLURALS: Mapping[str, str] = {
    **{label: f"{label}s" for label in CLASSES}, "bus": "buses", "pedestrian": "pedestrians"
}  # fmt: skip
PLACES = ((15.0, ("close ahead", "near")), (40.0, ("ahead", "in front")), (math.inf, ("far ahead", "far away")))
"""How far an object is at most [m], and what is said of it then."""

METRES = (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)
"""Distances that are named by number [m]."""

EMPTY = ("empty road", "no traffic", "no vehicles ahead")
OPENINGS = ("", "", "a view of", "a picture of", "driving")
JOINTS = ("and", "with", "")

AHEAD = math.cos(math.radians(45.0))
"""Cosine between the camera's view and the sun's direction over ground from which on the sun counts as ahead."""


@dataclass(frozen=True)
class Scene:
    """What is known about a frame.

    Attributes:
        light, air, road: keys of `LIGHTS`, `AIRS` and `ROADS`; None where the drive does not tell.
        objects: how many objects of each class a model must find (see `is_scored`), and the nearest one's distance [m],
            NaN where it is not known; in the order of `CLASSES`, only of classes that are there.
    """

    light: str | None
    air: str | None
    road: str | None
    objects: tuple[tuple[str, int, float], ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What a description tells: scenes of one key cannot be told apart by words."""
        named = tuple(
            (label, min(count, len(NUMBERS) - 1), _place(nearest)[0]) for label, count, nearest in self.objects
        )
        return (self.light, self.air, self.road, named)


def scene_of(frame: Frame, facts: Mapping[str, object]) -> Scene:
    """The scene of a frame; `facts` are its drive's, whose "weather" holds CARLA's numbers and the road's."""
    given = facts.get("weather")
    values = {k: float(v) for k, v in given.items() if _is_number(v)} if isinstance(given, Mapping) else {}
    turned = frame.meta.get("sun_azimuth_angle")
    if isinstance(turned, (int, float)):
        values["sun_azimuth_angle"] = float(turned)
    counts = []
    for label in CLASSES:
        seen = [box.distance for box in frame.boxes if box.label == label and is_scored(box, frame.camera.height)]
        if seen:
            known = [distance for distance in seen if not math.isnan(distance)]
            counts.append((label, len(seen), min(known, default=math.nan)))
    return Scene(_light(values, frame), _air(values), _road(values), tuple(counts))


def describe(scene: Scene, rng: Generator) -> str:
    """One sentence about a scene; what it mentions, in which words and order, is drawn from `rng`."""
    states = [
        (STATES[name], value) for name, value in (("light", scene.light), ("air", scene.air), ("road", scene.road))
    ]
    parts = [_pick(ways[value], rng) for ways, value in states if value is not None and rng.random() < 0.8]
    mentioned = [one for one in scene.objects if rng.random() < 0.8]
    parts += [_objects(label, count, nearest, rng) for label, count, nearest in mentioned]
    if not scene.objects and (not parts or rng.random() < 0.8):
        parts.append(_pick(EMPTY, rng))
    if not parts:
        return describe(scene, rng)
    order = [parts[index] for index in rng.permutation(len(parts))]
    words = [_pick(OPENINGS, rng), order[0]]
    for part in order[1:]:
        words += [_pick(JOINTS, rng), part]
    return " ".join(word for word in words if word)


def words_of(text: str) -> list[str]:
    """A text's words and numbers, in small letters."""
    return re.findall(r"[a-z]+|[0-9]+", text.lower())


def vocabulary() -> tuple[str, ...]:
    """Every word that a description can hold, sorted."""
    phrases = [phrase for ways in STATES.values() for said in ways.values() for phrase in said]
    phrases += [*NUMBERS, *CLASSES, *PLURALS.values(), *EMPTY, *OPENINGS, *JOINTS, "a", "metres ahead"]
    phrases += [phrase for _, said in PLACES for phrase in said] + [str(number) for number in METRES]
    return tuple(sorted({word for phrase in phrases for word in words_of(phrase)}))


def _light(values: Mapping[str, float], frame: Frame) -> str | None:
    height = values.get("sun_altitude_angle")
    if height is None:
        return None
    if height <= 0:
        return "night" if height < -6 else "dusk"
    if height > 15 or values.get("cloudiness", 0.0) > 50:
        return "day"
    return "low sun ahead" if _sun_ahead(values, frame) else "low sun"


def _sun_ahead(values: Mapping[str, float], frame: Frame) -> bool:
    """CARLA counts the azimuth clockwise from +x, our world axes are counter-clockwise."""
    azimuth = -math.radians(values.get("sun_azimuth_angle", 0.0))
    forward = frame.camera.camera_to_world[:2, 2]
    across = math.hypot(*forward)
    return bool(across > 0 and forward @ (math.cos(azimuth), math.sin(azimuth)) > AHEAD * across)


def _air(values: Mapping[str, float]) -> str | None:
    if "cloudiness" not in values:
        return None
    if values.get("precipitation", 0.0) >= 10:
        return "snowfall" if values.get("temperature", 15.0) <= 0 else "rain"
    if values.get("fog_density", 0.0) >= 20:
        return "fog"
    return "overcast" if values["cloudiness"] > 60 else "clear"


def _road(values: Mapping[str, float]) -> str | None:
    if "wetness" not in values and "snow_cover" not in values:
        return None
    known = (("slush", 0.2), ("ice", 0.2), ("snow_cover", 0.3), ("salt", 0.2), ("mud", 0.1), ("wetness", 30.0))
    for name, least in known:
        if values.get(name, 0.0) >= least:
            return {"snow_cover": "snow", "wetness": "wet"}.get(name, name)
    return "dry"


def _objects(label: str, count: int, nearest: float, rng: Generator) -> str:
    number = NUMBERS[min(count, len(NUMBERS) - 1)]
    subject = f"{_pick(('a', 'one'), rng)} {label}" if count == 1 else f"{number} {PLURALS[label]}"
    if math.isnan(nearest) or rng.random() < 0.3:
        return subject
    if rng.random() < 0.3:
        return f"{subject} {min(METRES, key=lambda known: abs(known - nearest))} metres ahead"
    return f"{subject} {_pick(_place(nearest), rng)}"


def _place(nearest: float) -> tuple[str, ...]:
    return next((said for most, said in PLACES if nearest <= most), ("",))


def _pick(options: tuple[str, ...], rng: Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
