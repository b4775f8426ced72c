"""Scenarios played into drives on the real server with the real renderer, at small sizes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.mask_codes import decode_flow, decode_normals, decode_ratio
from scenarios.play import play
from scenarios.replay_cli import parse_size
from scenarios.scenario import load_scenario
from scenarios.server.launch import ServerProcess, start_server
from tests.processes import finished

ROAD, ROAD_LINE = 1, 24
ROOT = Path(__file__).parents[2]
REPLAY = [sys.executable, "-m", "robustness.cli", "replay"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with start_server("country_road", quality="preview") as process:
        yield process


@pytest.fixture(scope="module")
def low_sun(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """The road into low sun on snow, three small pictures."""
    out = tmp_path_factory.mktemp("drives") / "low_sun"
    return play(
        "low_sun",
        weather="low-sun-snow",
        seed=1,
        out=out,
        frames=3,
        quality="preview",
        server=server,
        width=96,
        height=56,
    )


@pytest.fixture(scope="module")
def clear(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """The same in clear weather, larger."""
    out = tmp_path_factory.mktemp("drives") / "clear"
    return play(
        "low_sun", weather="clear", seed=1, out=out, frames=2, width=480, height=288, quality="preview", server=server
    )


def test_lane_lines_lie_on_the_painted_marks(clear: Drive) -> None:
    for frame in clear:
        assert {lane.slot for lane in frame.lanes} >= {-1, 1}
        for lane in (lane for lane in frame.lanes if lane.kind == "solid" and lane.slot in {-1, 1}):
            assert share_on_paint(frame, lane.pixels[lane.visible]) > 0.85
            assert share_on_paint(frame, lane.pixels[lane.visible] + [8.0, 0.0]) < 0.3, "a shifted line would be seen"


def share_on_paint(frame: Frame, pixels: np.ndarray) -> float:
    """Share of the points whose pixel, or one beside it, is road line; the far half is too thin to be drawn."""
    near = pixels[pixels[:, 1] > frame.camera.height * 0.62].astype(int)
    inside = near[(near[:, 0] > 1) & (near[:, 0] < frame.camera.width - 2) & (near[:, 1] < frame.camera.height - 1)]
    paint = frame.masks["semantic"] == ROAD_LINE
    return float(np.mean([paint[y - 1 : y + 2, x - 1 : x + 2].any() for x, y in inside]))


def test_boxes_hold_the_pixels_of_their_instance(clear: Drive) -> None:
    boxes = [(frame, box) for frame in clear for box in frame.boxes if box.visible > 0.6 and box.height > 6]
    assert boxes
    for frame, box in boxes:
        rows, columns = np.nonzero(frame.masks["instance"] == box.instance)
        extent = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(extent, box.xyxy, atol=2.0)
        assert box.cuboid is not None
        (pixel,), (depth,) = frame.camera.project(np.array([box.cuboid.center]))
        assert box.xyxy[0] < pixel[0] < box.xyxy[2]
        assert box.xyxy[1] < pixel[1] < box.xyxy[3]
        seen = frame.masks["depth"][int(pixel[1]), int(pixel[0])] / 100.0
        assert depth - box.cuboid.size[0] < seen < depth + 0.5


def test_low_sun_on_snow_glares_and_its_twin_does_not(low_sun: Drive) -> None:
    assert low_sun.meta["weather"]["name"] == "low-sun-snow"  # type: ignore[index, call-overload]
    glaring = [frame for frame in low_sun if frame.masks["glare"].any()]
    assert glaring
    for frame in glaring:
        glare = frame.masks["glare"] > 0
        brighter = frame.image.astype(int).sum(axis=2) - frame.masks["no_glare"].astype(int).sum(axis=2)
        assert brighter[glare].mean() > 5.0
        assert brighter[glare].mean() > brighter[~glare].mean()


def test_a_drive_tells_how_it_was_made(low_sun: Drive) -> None:
    meta = low_sun.meta
    assert (meta["scenario"], meta["seed"], meta["stretch"], meta["quality"]) == ("low_sun", 1, "test", "preview")
    assert meta["map"]["name"] == "country_road"  # type: ignore[index, call-overload]
    assert set(meta["versions"]) == {"whiteout", "carla", "mitsuba"}  # type: ignore[arg-type]
    assert str(meta["command"]).startswith("whiteout replay low_sun --weather low-sun-snow --seed 1")
    assert meta["scenario_sha256"] == load_scenario("low_sun").source_hash
    assert [frame.time for frame in low_sun] == [2.0, 4.0, 6.0]


def test_another_process_plays_the_same_bytes(low_sun: Drive, tmp_path: Path) -> None:
    """The command of the drive's own card, on a server of its own, also as a film."""
    words = str(low_sun.meta["command"]).replace("DRIVE", str(tmp_path / "again")).split()[2:]
    film = tmp_path / "again.mp4"
    done = finished([*REPLAY, *words, "--video", str(film)], cwd=ROOT, timeout=280)
    assert done.returncode == 0, done.stderr
    again = Drive.open(tmp_path / "again")
    assert again.content_hash == low_sun.content_hash
    for file in sorted(path for path in low_sun.path.rglob("*") if path.is_file()):
        assert (again.path / file.relative_to(low_sun.path)).read_bytes() == file.read_bytes(), file.name
    assert len(imageio.mimread(film)) == 3


def test_the_lead_vehicle_gets_near_in_the_pictures(server: ServerProcess, tmp_path: Path) -> None:
    drive = play(
        "lead_brakes",
        weather="clear",
        seed=2,
        out=tmp_path / "d",
        frames=3,
        quality="preview",
        server=server,
        width=96,
        height=56,
    )
    leads = [max(frame.boxes, key=lambda box: box.height) for frame in drive]
    assert {lead.label for lead in leads} == {"car"}
    assert {lead.instance for lead in leads} == {2}
    assert leads[0].distance - leads[-1].distance > 5.0
    assert leads[-1].height > leads[0].height


def test_the_pedestrian_walks_across_the_pictures(server: ServerProcess, tmp_path: Path) -> None:
    drive = play(
        "crossing", weather="clear", seed=0, out=tmp_path / "d", frames=4, quality="preview", map_name="country_road",
        counterfactuals=False, server=server, width=96, height=56,
    )  # fmt: skip
    middles = [(box.xyxy[0] + box.xyxy[2]) / 2 for frame in drive for box in frame.boxes if box.label == "pedestrian"]
    assert len(middles) >= 3
    assert np.all(np.diff(middles) < 0) or np.all(np.diff(middles) > 0)
    assert max(middles) - min(middles) > 30
    assert set(drive[0].masks) == {"semantic", "instance", "depth"}


def test_further_masks_and_twins_come_into_the_drive(server: ServerProcess, tmp_path: Path) -> None:
    twins = ("no_sun", "no_snow", "no_actor:2", "sun+20")
    drive = play(
        "lead_brakes", weather="low-sun-snow", seed=2, out=tmp_path / "d", frames=2, quality="preview", server=server,
        width=96, height=56, masks=("flow", "normals", "glare_ratio"), twins=twins,
    )  # fmt: skip
    frame = drive[1]
    assert set(frame.masks) == {"semantic", "instance", "depth", "glare", "no_glare", "flow", "normals", "glare_ratio",
                                "no_sun", "no_snow", "no_actor_2", "sun+20"}  # fmt: skip
    assert "--masks flow,normals,glare_ratio --twins no_sun,no_snow,no_actor:2,sun+20" in str(drive.meta["command"])
    lead = frame.masks["instance"] == 2
    without = np.abs(frame.masks["no_actor_2"].astype(int) - frame.image).mean(-1)
    assert without[lead].mean() > 3 * np.median(without)
    (box,) = [box for box in frame.boxes if box.instance == 2]
    assert box.amodal is not None
    np.testing.assert_allclose(box.amodal, box.xyxy, atol=1.5)
    assert box.truncation == 0.0
    road = frame.masks["semantic"] == ROAD
    flow = decode_flow(drive[0].masks["flow"])
    assert np.nanmedian(flow[-8:, 40:56, 1]) > 2.0, "the road comes towards a camera that drives"
    normals = decode_normals(frame.masks["normals"])
    assert normals[road].mean(0) == pytest.approx([0, 0, 1], abs=0.06)
    ratio = decode_ratio(frame.masks["glare_ratio"])
    assert ratio[frame.masks["glare"] > 0].min() > 1.2
    for lane in frame.lanes:
        assert [state == "visible" for state in lane.states] == lane.visible.tolist()
    assert {state for one in drive for lane in one.lanes for state in lane.states} >= {"visible", "snow"}


def test_snow_hides_lines(server: ServerProcess, clear: Drive, tmp_path: Path) -> None:
    snow = play(
        "low_sun", weather="overcast-snow", seed=1, out=tmp_path / "d", frames=1, width=480, height=288,
        quality="preview", counterfactuals=False, server=server,
    )  # fmt: skip
    assert seen_share(snow) < 0.6 * seen_share(clear)


def seen_share(drive: Drive) -> float:
    return float(np.mean([lane.visible.mean() for frame in drive for lane in frame.lanes]))


def test_servers_that_take_turns_make_the_same_drive(low_sun: Drive, tmp_path: Path) -> None:
    """The camera adapts from picture to picture, so each server needs what the other's camera had adapted to."""
    shared = play(
        "low_sun", weather="low-sun-snow", seed=1, out=tmp_path / "d", frames=3, quality="preview", width=96, height=56,
        workers=2,
    )  # fmt: skip
    assert shared.content_hash == low_sun.content_hash
    assert shared.meta == low_sun.meta


def test_a_script_that_fails_on_one_server_ends_the_others(tmp_path: Path) -> None:
    script = tmp_path / "short.py"
    script.write_text(
        "from scenarios.scenario import Scenario\n"
        "def run(stage):\n"
        "    stage.place_ego(stage.start(60.0), 5.0)\n"
        "    yield from range(15)\n"
        "SCENARIO = Scenario('short', run, map='country_road', period=0.2, frames=4, endless=True)\n"
    )
    with pytest.raises(WhiteoutError, match="scenario short ended before its pictures were taken"):
        play(str(script), weather="clear", seed=0, out=tmp_path / "d", quality="preview", width=32, height=32,
             counterfactuals=False, workers=2)  # fmt: skip
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["short.py"]


def test_a_killed_server_is_told_and_leaves_no_drive(tmp_path: Path) -> None:
    out = tmp_path / "drive"
    with start_server("country_road", quality="preview") as process:

        def kill(done: int, total: int) -> None:  # noqa: ARG001 - the shape of the callback
            process.process.kill()

        with pytest.raises(WhiteoutError, match=r"server ended with code -9"):
            play(
                "low_sun", weather="clear", seed=0, out=out, frames=4, width=32, height=32, quality="preview",
                counterfactuals=False, server=process, on_frame=kill,
            )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weather": "sunny"}, "'sunny'.*low-sun-snow"),
        ({"frames": 0}, "0 frames"),
        ({"width": 4}, "4x"),
        ({"map_name": "nowhere"}, "nowhere"),
        ({"carla": "localhost"}, "HOST:PORT"),
        ({"carla": "127.0.0.1:1"}, "127.0.0.1:1"),
        ({"stretch": "validation"}, "'validation'"),
        ({"masks": ("lidar",)}, "'lidar'.*glare_ratio"),
        ({"twins": ("no_moon",)}, "'no_moon'.*no_actor:ID"),
        ({"twins": ("no_sun", "no_sun")}, "once"),
    ],
)
def test_bad_input_is_told_in_a_sentence(changes: dict[str, object], sentence: str, tmp_path: Path) -> None:
    ask = partial(play, "low_sun", weather="clear", seed=0, out=tmp_path / "drive", quality="preview")
    with pytest.raises(WhiteoutError, match=sentence):
        ask(**changes)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_scenario_of_ones_own_is_a_python_file(tmp_path: Path) -> None:
    broken = tmp_path / "mine.py"
    with pytest.raises(WhiteoutError, match="no such scenario file"):
        load_scenario(str(broken))
    broken.write_text("import nothing_of_that_name\n")
    with pytest.raises(WhiteoutError, match="nothing_of_that_name"):
        load_scenario(str(broken))
    broken.write_text("SCENARIO = 1\n")
    with pytest.raises(WhiteoutError, match="defines no SCENARIO"):
        load_scenario(str(broken))
    source = (ROOT / "scenarios" / "library" / "low_sun.py").read_text()
    broken.write_text(source.replace('"low_sun"', '"mine"'))
    assert load_scenario(os.fspath(broken)).name == "mine"


def test_sizes_are_width_by_height() -> None:
    assert parse_size("640x384") == (640, 384)
    with pytest.raises(WhiteoutError, match="WIDTHxHEIGHT"):
        parse_size("640")
