"""Scenes from labels and weather numbers, and sentences that say what is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perception.box import Box
from perception.descriptions import AIRS, LIGHTS, ROADS, Scene, describe, scene_of, vocabulary, words_of
from perception.frame import Frame
from tests.perception.scenes import frame

CLEAR = {"cloudiness": 10.0, "sun_altitude_angle": 45.0, "wetness": 0.0, "temperature": 15.0}


def scene(**changes: float) -> Scene:
    return scene_of(frame(0), {"weather": {"name": "any", "sun_ahead": False, **CLEAR, **changes}})


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ("day", "clear", "dry")),
        ({"sun_altitude_angle": -30.0}, ("night", "clear", "dry")),
        ({"sun_altitude_angle": -3.0}, ("dusk", "clear", "dry")),
        ({"precipitation": 70.0, "wetness": 90.0, "cloudiness": 95.0}, ("day", "rain", "wet")),
        ({"precipitation": 60.0, "temperature": -2.0, "snow_cover": 0.8}, ("day", "snowfall", "snow")),
        ({"fog_density": 60.0, "wetness": 20.0}, ("day", "fog", "dry")),
        ({"cloudiness": 95.0, "snow_cover": 0.7, "slush": 0.7, "wetness": 70.0}, ("day", "overcast", "slush")),
        ({"snow_cover": 0.3, "ice": 0.6}, ("day", "clear", "ice")),
        ({"salt": 0.6}, ("day", "clear", "salt")),
        ({"mud": 0.4, "wetness": 30.0}, ("day", "clear", "mud")),
    ],
)
def test_states_follow_the_weathers_numbers(changes: dict[str, float], wanted: tuple[str, str, str]) -> None:
    found = scene(**changes)
    assert (found.light, found.air, found.road) == wanted
    assert found.light in LIGHTS
    assert found.air in AIRS
    assert found.road in ROADS


def test_the_sun_is_ahead_where_the_camera_looks_at_it() -> None:
    """The drawn camera looks along world x, CARLA's azimuth 0; clockwise 90 degrees is its right."""
    for azimuth, wanted in ((0.0, "low sun ahead"), (40.0, "low sun ahead"), (90.0, "low sun"), (180.0, "low sun")):
        assert scene(sun_altitude_angle=7.0, sun_azimuth_angle=azimuth).light == wanted
    turned = replace(frame(0), meta={"sun_azimuth_angle": 180.0})
    facts = {"weather": {**CLEAR, "sun_altitude_angle": 7.0, "sun_azimuth_angle": 0.0}}
    assert scene_of(turned, facts).light == "low sun", "a frame's own sun counts"


def test_objects_are_counted_if_a_model_must_find_them() -> None:
    big, small = (100.0, 60.0, 140.0, 100.0), (10.0, 60.0, 12.0, 61.0)
    boxes = (
        Box("truck", big, distance=30.0),
        Box("car", big, distance=18.0),
        Box("car", big, distance=9.0),
        Box("car", small, distance=200.0),
        Box("pedestrian", big),
    )
    found = scene_of(replace(frame(0), boxes=boxes), {})
    assert found.objects[:2] == (("car", 2, 9.0), ("truck", 1, 30.0))
    assert found.objects[2][:2] == ("pedestrian", 1)
    assert np.isnan(found.objects[2][2])
    assert (found.light, found.air, found.road) == (None, None, None)


def test_a_drive_whose_weather_is_a_name_alone_is_described_by_its_objects() -> None:
    found = scene_of(frame(0), {"weather": "clear"})
    assert (found.light, found.air, found.road) == (None, None, None)
    assert describe(found, np.random.default_rng(0))


def sentences(given: Scene, count: int = 200) -> list[str]:
    return [describe(given, np.random.default_rng((1, number))) for number in range(count)]


def test_sentences_say_what_is_there_and_nothing_else() -> None:
    given = Scene("low sun ahead", "clear", "snow", (("truck", 1, 30.0), ("car", 3, 9.0)))
    said = sentences(given)
    assert said == sentences(given)
    assert len(set(said)) > 150
    for part in ("truck ahead", "three cars", "low sun ahead", "snow", "30 metres ahead", "cars close ahead"):
        assert any(part in sentence for sentence in said), part
    others = ("rain", "fog", "night", "bus", "bicycle", "wet", "no", "empty", "two", "far")
    assert not any(set(others) & set(words_of(sentence)) for sentence in said)


def test_an_empty_road_is_said_to_be_empty() -> None:
    said = sentences(Scene(None, None, None, ()))
    assert all({"empty", "no"} & set(words_of(sentence)) for sentence in said)


def test_every_word_is_in_the_vocabulary() -> None:
    known = set(vocabulary())
    rng = np.random.default_rng(0)
    used: set[str] = set()
    for _ in range(2000):
        objects = tuple(
            (label, int(rng.integers(1, 9)), float(rng.uniform(3, 150)))
            for label in ("car", "truck", "bus", "motorcycle", "bicycle", "pedestrian")
            if rng.random() < 0.3
        )
        light, air, road = (str(rng.choice(list(states))) for states in (LIGHTS, AIRS, ROADS))
        used |= set(words_of(describe(Scene(light, air, road, objects), rng)))
    assert used <= known
    assert len(known - used) <= 2, sorted(known - used)
    assert set(words_of("low sun on snow, truck ahead")) <= known


def test_scenes_of_one_key_cannot_be_told_apart() -> None:
    near, nearer = (Scene("day", "clear", "dry", (("car", 1, distance),)) for distance in (14.0, 5.0))
    assert near.key == nearer.key
    assert near.key != Scene("day", "clear", "dry", (("car", 1, 30.0),)).key
    assert near.key != Scene("night", "clear", "dry", (("car", 1, 14.0),)).key


def test_frames_of_a_drawn_world_are_described() -> None:
    given: Frame = frame(10)
    assert any("car" in sentence for sentence in sentences(scene_of(given, {}), 20))
