"""What each scenario promises really happens, measured on the real server without pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import carla
import numpy as np
import pytest
from numpy import ndarray

from perception.errors import WhiteoutError
from scenarios.extension import Extension
from scenarios.scenario import load_scenario, scenario_names
from scenarios.server.launch import ServerProcess, start_server
from scenarios.stage import STEP, SUN_SPREAD, Light, Stage
from scenarios.weather import preset

SEEDS = (0, 1)


@dataclass(frozen=True)
class Track:
    """One actor's path: position (ticks x 2, CARLA's axes) [m], yaw [deg], speed [m/s] at each tick."""

    place: ndarray
    yaw: ndarray
    speed: ndarray


@dataclass(frozen=True)
class Show:
    """A scenario as it was played: map, tracks in order of spawning (the ego vehicle first), where the sun stood."""

    map: carla.Map
    tracks: tuple[Track, ...]
    sun_azimuth: float

    @property
    def ego(self) -> Track:
        return self.tracks[0]

    def ahead(self, number: int) -> tuple[ndarray, ndarray]:
        """How far ahead and to the right of the ego vehicle actor `number` is at each tick [m]."""
        away = self.tracks[number].place - self.ego.place
        yaw = np.deg2rad(self.ego.yaw)
        forward = away[:, 0] * np.cos(yaw) + away[:, 1] * np.sin(yaw)
        right = away[:, 1] * np.cos(yaw) - away[:, 0] * np.sin(yaw)
        return forward, right

    def lane_offset(self, number: int, tick: int) -> tuple[int, float]:
        """The driving lane that an actor is on and how far it is from its middle [m]."""
        x, y = self.tracks[number].place[tick]
        waypoint = self.map.get_waypoint(carla.Location(float(x), float(y), 0.0))
        middle = waypoint.transform.location
        return waypoint.lane_id, math.hypot(x - middle.x, y - middle.y)


@pytest.fixture(scope="module")
def server() -> Iterator[Callable[[str], ServerProcess]]:
    """Servers by map name, each started once."""
    running: dict[str, ServerProcess] = {}
    with ExitStack() as stack:

        def started(map_name: str) -> ServerProcess:
            if map_name not in running:
                running[map_name] = stack.enter_context(start_server(map_name, quality="preview"))
            return running[map_name]

        yield started


def act(process: ServerProcess, name: str, seed: int, weather: str = "clear", seconds: float | None = None) -> Show:
    """Play a scenario from a fresh episode without taking pictures."""
    scenario = load_scenario(name)
    client = carla.Client(process.host, process.port)
    client.set_timeout(60.0)
    client.load_world(scenario.map)
    light = Light(preset(weather), sun_ahead=weather.startswith("low-sun"))
    ticks = round((seconds or scenario.period * scenario.frames) / STEP)
    with (
        Extension(process.host, process.port) as extension,
        Stage(client, light, extension, seed=seed, stretch=scenario.stretch) as stage,
    ):
        script = scenario.run(stage)
        rows = []
        for _ in range(ticks):
            next(script)
            stage.tick()
            rows.append([_state(actor) for actor in stage.actors])
        sun = stage.world.get_weather().sun_azimuth_angle
        states = np.array(rows)
        tracks = tuple(Track(states[:, i, :2], states[:, i, 2], states[:, i, 3]) for i in range(states.shape[1]))
        return Show(stage.map, tracks, sun)


def _state(actor: carla.Actor) -> tuple[float, float, float, float]:
    pose, velocity = actor.get_transform(), actor.get_velocity()
    return pose.location.x, pose.location.y, pose.rotation.yaw, math.hypot(velocity.x, velocity.y)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lead_vehicle_brakes_to_a_standstill_ahead(server: Callable[[str], ServerProcess], seed: int) -> None:
    show = act(server("country_road"), "lead_brakes", seed)
    forward, _ = show.ahead(1)

    assert show.tracks[1].speed[20] > 9.0
    assert show.tracks[1].speed[-1] < 0.1
    assert forward[0] - forward[-1] > 5.0, "the distance shrinks"
    assert forward.min() > 6.0, "and there is no crash"
    for tick in (10, -1):
        assert show.lane_offset(1, tick)[0] == show.lane_offset(0, tick)[0], "in our lane"
        assert show.lane_offset(1, tick)[1] < 0.5
    assert show.ego.speed[-1] < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lead_vehicle_brakes_on_packed_snow_without_a_crash(
    server: Callable[[str], ServerProcess], seed: int
) -> None:
    show = act(server("country_road"), "lead_brakes", seed, "low-sun-snow")
    forward, _ = show.ahead(1)

    assert show.tracks[1].speed[-1] < show.tracks[1].speed[20] - 5.0
    assert forward.min() > 5.0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_car_cuts_in_from_the_next_lane_into_ours(server: Callable[[str], ServerProcess], seed: int) -> None:
    show = act(server("country_road"), "cut_in", seed)
    forward, right = show.ahead(1)
    ours, _ = show.lane_offset(0, -1)

    assert right[5] < -2.5, "it begins on the lane to the left"
    assert show.lane_offset(1, 5)[0] != ours
    assert show.lane_offset(1, -1)[0] == ours
    assert show.lane_offset(1, -1)[1] < 0.7
    assert forward.min() > 5.0
    assert forward[-1] < 18.0, "with little room"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weather", ["clear", "low-sun-snow"])
def test_the_pedestrian_crosses_the_middle_of_our_lane_ahead(
    server: Callable[[str], ServerProcess], seed: int, weather: str
) -> None:
    show = act(server("small_town"), "crossing", seed, weather)
    forward, right = show.ahead(1)

    crosses = np.flatnonzero(np.diff(np.sign(right)))
    assert len(crosses) == 1
    assert 3.0 < forward[crosses[0]] < 40.0
    assert forward.min() > 3.0, "nobody is run over"
    assert abs(right[0]) > 2.0
    assert abs(right[-1]) > 1.2, "the pedestrian has left the way of the car"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_low_sun_stands_ahead_of_the_ego_vehicle(server: Callable[[str], ServerProcess], seed: int) -> None:
    show = act(server("country_road"), "low_sun", seed, "low-sun-snow")
    off = np.array([math.remainder(show.sun_azimuth - yaw, 360.0) for yaw in show.ego.yaw])

    assert abs(off[0]) <= SUN_SPREAD + 20.0
    assert abs(off).max() < 37.5, "inside the picture all the way"
    forward, _ = show.ahead(1)
    assert 20.0 < forward.min() <= forward.max() < 60.0
    oncoming, _ = show.ahead(2)
    assert oncoming[0] > 60.0
    assert oncoming[-1] < 40.0


def test_the_survey_moves_on_by_eight_to_twelve_metres_a_picture(server: Callable[[str], ServerProcess]) -> None:
    scenario = load_scenario("survey")
    show = act(server("country_road"), "survey", 0, seconds=8.0)
    every = scenario.ticks_per_picture(8)
    pictures = show.ego.place[every - 1 :: every]

    assert len(pictures) == 8
    steps = np.hypot(*np.diff(pictures, axis=0).T)
    within_legs = steps[[0, 1, 2, 4, 5, 6]]
    assert within_legs.min() > 6.5
    assert within_legs.max() < 13.5
    assert len(show.tracks) > 15


def test_the_same_seed_gives_the_same_states_and_another_seed_others(server: Callable[[str], ServerProcess]) -> None:
    first, second, other = (act(server("country_road"), "survey", seed, seconds=6.0) for seed in (3, 3, 4))

    for one, two in zip(first.tracks, second.tracks, strict=True):
        np.testing.assert_array_equal(one.place, two.place)
        np.testing.assert_array_equal(one.yaw, two.yaw)
    assert not np.array_equal(first.ego.place, other.ego.place)


def test_an_unknown_scenario_is_told_with_those_there_are() -> None:
    assert set(scenario_names()) >= {"lead_brakes", "cut_in", "crossing", "low_sun", "survey"}
    with pytest.raises(WhiteoutError, match=r"'overtake'.*crossing, cut_in"):
        load_scenario("overtake")
