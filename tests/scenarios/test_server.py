"""The unmodified carla client against the real server: actors, clock, traffic, weather, episodes."""

from __future__ import annotations

import math
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.maps.world_map import load_map
from scenarios.server.launch import ServerProcess, start_server
from tests.scenarios import served
from tests.scenarios.served import ClientHungError, run, spawn


@pytest.fixture
def town() -> Iterator[ServerProcess]:
    """A fresh server on the small town."""
    with start_server("small_town", quality="preview") as process:
        yield process


def test_handshake_blueprints_and_spawn_points(town: ServerProcess) -> None:
    seen = run(town.port, "handshake")
    assert seen["version"] == "0.9.16"
    assert seen["map"] == "Carla/Maps/small_town"
    assert "/Game/Carla/Maps/country_road" in seen["maps"]
    assert seen["spawn_points"] > 20
    assert seen["wheels"] == [2, 4]
    assert seen["speeds"] == ["0.0", "1.4", "2.8"]
    assert seen["spectator"] == "spectator"
    assert not seen["synchronous"]
    blueprints = seen["blueprints"]
    assert sum(one.startswith("vehicle.") for one in blueprints) >= 12
    assert sum(one.startswith("walker.") for one in blueprints) >= 10
    for needed in (
        "vehicle.diamondback.century", "vehicle.carlamotors.firetruck", "static.prop.trafficcone01",
        "static.trigger.friction", "controller.ai.walker", "sensor.camera.rgb", "sensor.camera.depth",
        "sensor.camera.semantic_segmentation", "sensor.camera.instance_segmentation", "sensor.other.collision",
        "sensor.other.lane_invasion", "sensor.camera.glare",
    ):  # fmt: skip
        assert needed in blueprints


def test_actors_are_spawned_attached_and_destroyed_with_what_they_carry(town: ServerProcess) -> None:
    seen = run(town.port, "actors")
    assert seen["occupied"] == "Spawn failed because of collision at spawn position"
    assert seen["try"]
    assert seen["role"] == "hero"
    assert seen["parent"]
    assert seen["mounted"] == pytest.approx(seen["expected"], abs=1e-3)
    assert seen["yaw"] == pytest.approx(90, abs=1e-3)
    assert seen["extent"] == pytest.approx([2.396, 1.082, 0.744], abs=0.01)
    assert abs(seen["height"]) < 0.02
    assert seen["destroyed"] is True
    assert seen["left"] == ["spectator"]


def test_every_command_of_a_batch_gets_its_own_answer(town: ServerProcess) -> None:
    seen = run(town.port, "batches")
    assert seen["errors"][0] == ""
    assert "collision" in seen["errors"][1]
    assert "4000000" in seen["errors"][2]
    assert seen["speed"] == pytest.approx(5.0, abs=1.0)
    assert seen["destroyed"] == [""]


def test_synchronous_runs_on_two_servers_are_equal_to_the_last_bit(town: ServerProcess) -> None:
    first = run(town.port, "drive")
    with start_server("small_town", quality="preview") as other:
        run(other.port, "free_run")
        second = run(other.port, "drive")
    assert first["travelled"] > 15
    assert len(set(first["digests"])) == 120
    assert second == first


def test_the_clock_runs_by_itself_without_synchronous_mode(town: ServerProcess) -> None:
    seen = run(town.port, "free_run")
    steps = [b - a for a, b in zip(seen["frames"], seen["frames"][1:], strict=False)]
    assert all(step >= 1 for step in steps)
    passed = seen["times"][-1] - seen["times"][0]
    assert passed == pytest.approx(0.05 * sum(steps), abs=1e-6)


@pytest.mark.parametrize("map_name", ["small_town", "country_road"])
def test_carlas_traffic_manager_keeps_cars_in_their_lanes(map_name: str) -> None:
    with start_server(map_name, quality="preview") as process:
        seen = run(process.port, "traffic")
    assert sorted(seen["travelled"])[len(seen["travelled"]) // 2] > 80
    assert all(math.isfinite(offset) for offset in seen["offsets"])
    assert seen["offsets"][int(0.95 * len(seen["offsets"]))] < 0.7
    assert seen["offsets"][-1] < 1.5
    assert seen["limit"] > 0


def test_cars_wait_at_red_and_go_at_green(town: ServerProcess) -> None:
    seen = run(town.port, "red_light")
    assert seen["at_light"]
    assert seen["same"]
    assert seen["state"] == "Red"
    assert not seen["entered"]
    assert seen["speed"] < 0.2
    assert seen["gone"] > 25
    assert seen["went"] > seen["gone"] + 10
    assert seen["opendrive"]


def test_lights_of_a_junction_take_turns(town: ServerProcess) -> None:
    seen = run(town.port, "light_cycle")
    assert seen["lights"] > len(seen["group"]) >= 2
    group = [str(id_) for id_ in seen["group"]]
    greens = [frozenset(id_ for id_ in group if state[id_] == "Green") for state in seen["seen"]]
    assert len({green for green in greens if green}) == 2
    assert all(any(state[id_] == colour for state in seen["seen"]) for id_ in group for colour in ("Red", "Yellow"))
    phases = {green for green in greens if green}
    assert not frozenset.intersection(*phases)


def test_weather_comes_back_as_it_was_set(town: ServerProcess) -> None:
    seen = run(town.port, "weather")
    assert len(seen["sent"]) == 14
    assert seen["got"] == pytest.approx(seen["sent"], abs=1e-4)


def test_a_collision_is_felt_and_bodies_do_not_pass_through_each_other(town: ServerProcess) -> None:
    seen = run(town.port, "collision")
    assert seen["other"]
    assert seen["self"]
    assert seen["speed"] > 5
    assert seen["along"] < -1000 * seen["speed"] * 0.4
    assert seen["pushed"] > 0.5
    assert seen["gap"] > seen["touching"] - 0.15


def test_walkers_walk_where_they_are_told_to(town: ServerProcess) -> None:
    seen = run(town.port, "walker")
    assert seen["moved"] == pytest.approx([1.8, 2.4], abs=0.1)
    assert seen["height"] == pytest.approx(0.93, abs=0.05)
    assert seen["yaw"] == pytest.approx(math.degrees(math.atan2(0.8, 0.6)), abs=0.1)
    assert seen["speed"] == pytest.approx(1.5)


def test_gnss_imu_and_lane_invasion(town: ServerProcess) -> None:
    seen = run(town.port, "inertial")
    assert seen["gravity"] == pytest.approx([0, 0, 9.81], abs=0.05)
    assert seen["compass"] == pytest.approx((seen["yaw"] + 90) % 360, abs=0.5)
    assert seen["fix"] == pytest.approx(seen["truth"], abs=1e-6)
    assert {b - a for a, b in zip(seen["frames"], seen["frames"][1:], strict=False)} == {4}
    assert seen["crossed"] >= 1


def test_a_killed_client_leaves_a_server_that_others_can_use(town: ServerProcess) -> None:
    assert spawn(town.port, "killed").returncode == -signal.SIGKILL
    seen = run(town.port, "traffic", seconds=2.0, cars=3)
    assert max(seen["travelled"]) > 1


def test_a_script_that_hangs_is_ended_and_tells_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "LIMIT", 3.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.warns(UserWarning, match="in free_run"),
        pytest.raises(ClientHungError, match="in free_run"),
    ):
        spawn(silent.getsockname()[1], "free_run")


def test_every_episode_begins_anew(town: ServerProcess) -> None:
    own: Path = load_map("small_town").path
    seen = run(town.port, "episodes", opendrive=str(own))
    assert len(set(seen["episodes"])) == 3
    assert seen["ids"][1] < seen["ids"][0]
    assert seen["frame"] % 1000 == 2  # the client itself ticks once when settings change
    assert seen["elapsed"] == pytest.approx(0.1)
    assert seen["maps"] == ["Carla/Maps/country_road", "Carla/Maps/OpenDriveMap"]
    assert "Town99" in seen["refused"]
    assert seen["vehicles"] == 0
