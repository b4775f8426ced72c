"""The named weathers: one direction a row, the plain names what they were, errors that name the choices."""

from __future__ import annotations

import pytest

from perception.errors import WhiteoutError
from scenarios.render.air import KOSCHMIEDER, extinction
from scenarios.server.physics import road_grip
from scenarios.severities import CONDITIONS, SEVERITIES
from scenarios.weather import ROAD_STATE_FIELDS, ROAD_STATE_RANGES, Weather, preset

ROWS = [
    (name, field) for name, steps in CONDITIONS.items() for field, value in steps.items() if isinstance(value, tuple)
]


def visibility(name: str) -> list[float]:
    return [KOSCHMIEDER / extinction(preset(name, severity=step)) for step in SEVERITIES]


@pytest.mark.parametrize(("name", "field"), ROWS)
def test_every_row_runs_one_way(name: str, field: str) -> None:
    values = [getattr(preset(name, severity=step), field) for step in SEVERITIES]
    assert values in (sorted(values), sorted(values, reverse=True))
    assert values[0] != values[-1]


@pytest.mark.parametrize("name", CONDITIONS)
def test_neighbouring_severities_differ_and_lie_in_range(name: str) -> None:
    steps = [preset(f"{name}@{step}") for step in SEVERITIES]
    assert len(set(steps)) == len(steps)
    for weather in steps:
        assert weather == weather.clamped()
        assert all(low <= getattr(weather, f) <= high for f, (low, high) in ROAD_STATE_RANGES.items())


def test_the_plain_names_are_what_the_shipped_model_was_trained_on() -> None:
    assert preset("low-sun-snow") == preset("low-sun-snow@3") == Weather(
        cloudiness=5.0, sun_altitude_angle=7.0, snow_cover=0.9, snow_packed=0.8, snow_tracks=0.7, temperature=-6.0
    )  # fmt: skip
    assert preset("rain") == Weather(
        cloudiness=95.0, precipitation=70.0, precipitation_deposits=60.0, wetness=90.0, sun_altitude_angle=35.0
    )
    assert preset("fog", severity=3) == Weather(
        cloudiness=80.0, fog_density=60.0, wetness=20.0, sun_altitude_angle=30.0
    )
    assert preset("night").sun_altitude_angle == -30


def test_visibility_goes_through_the_classes_of_fog_and_snowfall() -> None:
    """Fog below 1,000 m, thick below 200 m, dense below 50 m; snowfall light, moderate, heavy at 1 km and 500 m."""
    fog, snow = visibility("fog"), visibility("snowfall")
    assert fog == sorted(fog, reverse=True)
    assert 900 < fog[0] < 1100
    assert 150 < fog[2] < 200
    assert fog[4] < 50
    assert snow == sorted(snow, reverse=True)
    assert snow[1] > 1000 > snow[2] > 500 > snow[3]


def test_grip_falls_with_ice_and_slush() -> None:
    for name in ("ice", "slush", "overcast-snow"):
        grip = [road_grip(preset(name, severity=step)) for step in SEVERITIES]
        assert grip == sorted(grip, reverse=True)
        assert grip[-1] < grip[0]
    assert road_grip(preset("ice@5")) < road_grip(preset("slush@5"))


def test_a_weather_written_before_roads_could_be_cleared_reads_as_it_was() -> None:
    written = preset("low-sun-snow").as_dict()
    del written["cleared"]
    assert Weather(**written) == preset("low-sun-snow")
    assert [preset(name).cleared for name in CONDITIONS if name != "cleared-snow"] == [0.0] * (len(CONDITIONS) - 1)


def test_a_cleared_road_has_the_grip_of_a_wet_one() -> None:
    assert road_grip(preset("cleared-snow@1")) == road_grip(Weather(wetness=100.0))
    grip = [road_grip(preset("cleared-snow", severity=step)) for step in SEVERITIES]
    assert grip == sorted(grip, reverse=True)


def test_the_road_state_is_what_carla_lacks() -> None:
    assert set(preset("snow-banks").snow()) == set(ROAD_STATE_FIELDS) == set(ROAD_STATE_RANGES)
    assert {"snow_depth", "snow_age", "snow_tracks", "temperature", "slush", "salt"} <= set(ROAD_STATE_FIELDS)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("sunny", "presets are clear, low-sun-dry"), ("fog@6", "fog@1 to fog@5"), ("fog@", "no severity ''"),
     ("clear@2", "no severities"), ("fog@x", "no severity 'x'")],
)  # fmt: skip
def test_a_wrong_name_is_answered_with_the_choices(name: str, reason: str) -> None:
    with pytest.raises(WhiteoutError, match=reason):
        preset(name)
