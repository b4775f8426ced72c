"""A scenario becomes a drive: the main way through is `play`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.frame import Frame
from scenarios.connection import OURS, connect
from scenarios.maps.world_map import load_map
from scenarios.recording import Order, record
from scenarios.rig import Extras
from scenarios.scenario import load_scenario
from scenarios.server.launch import ServerProcess
from scenarios.shared_recording import shared_frames
from scenarios.watched import watched
from scenarios.weather import Weather


def play(
    scenario: str,
    *,
    weather: str | Weather,
    seed: int,
    out: Path,
    map_name: str | None = None,
    carla: str | None = None,
    width: int = 640,
    height: int = 384,
    quality: str = "physical",
    frames: int | None = None,
    stretch: str | None = None,
    counterfactuals: bool | None = None,
    masks: Sequence[str] = (),
    twins: Sequence[str] = (),
    server: ServerProcess | None = None,
    workers: int = 1,
    on_frame: Callable[[int, int], None] | None = None,
) -> Drive:
    """Play a scenario and write what the ego vehicle's camera saw, with labels, as the drive `out`.

    The same arguments give the same drive, byte for byte.

    Args:
        scenario: name of a scenario of the library, or path of a Python file.
        weather: name of a preset, or a weather, whose numbers are then taken as they are. The sun of a `low-sun-*`
            preset stands ahead of the ego vehicle.
        seed: of everything that is left to chance.
        out: the drive to write; must not exist.
        map_name: name of a map or path of an OpenDRIVE file; the scenario's own if None.
        carla: HOST:PORT of a running server; one of our own is started if None.
        width: of the pictures [px].
        height: of the pictures [px].
        quality: one of `QUALITY_NAMES`; our own server's.
        frames: number of pictures; the scenario's own if None.
        stretch: "train" or "test", see `scenarios.stretches`; the scenario's own if None.
        counterfactuals: whether to take the glare mask and the twin without glare too; the scenario's own if None.
        masks: further masks to take, see `scenarios.rig.MASKS`; on a server of our own.
        twins: counterfactual twins to take, see `scenarios.twins`; on a server of our own.
        server: a running server of our own to use, so that several plays share its start.
        workers: servers of our own that take turns with the pictures; how many changes no byte.
        on_frame: told after each frame how many are done, of how many.

    Raises:
        WhiteoutError: an argument is wrong, or the server fails; there is no drive then.
    """
    if workers < 1:
        raise WhiteoutError(f"a drive cannot be played by {workers} workers; ask for at least 1")
    script = load_scenario(scenario)
    order = Order(
        source=scenario,
        map=load_map(map_name or script.map),
        weather=weather,
        seed=seed,
        size=(width, height),
        quality=quality,
        frames=script.frames if frames is None else frames,
        stretch=stretch or script.stretch,
        counterfactuals=script.counterfactuals if counterfactuals is None else counterfactuals,
        asked=Extras(tuple(masks), tuple(twins)),
    )
    if workers > 1:
        if carla is not None or server is not None:
            raise WhiteoutError(f"{workers} workers start a server each; ask for one, or leave out the server to use")
        with DriveWriter(out, order.facts(OURS)) as drive, closing(shared_frames(order, workers)) as shared:
            _write(drive, shared, order, on_frame)
        return Drive.open(out)
    with (
        connect(order.map, address=carla, server=server, quality=quality) as connection,
        DriveWriter(out, order.facts(connection.description)) as drive,
        closing(watched(record(order, connection), connection.check)) as recorded,
    ):
        _write(drive, recorded, order, on_frame)
    return Drive.open(out)


def _write(
    drive: DriveWriter, frames: Iterator[Frame], order: Order, on_frame: Callable[[int, int], None] | None
) -> None:
    for done, frame in enumerate(frames, start=1):
        drive.add(frame)
        if on_frame is not None:
            on_frame(done, order.frames)
