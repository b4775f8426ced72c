"""A scenario becomes a drive: the main way through is `play`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.frame import Frame
from scenarios.connection import Connection, connect
from scenarios.labels import label_frame
from scenarios.maps.world_map import WorldMap, load_map
from scenarios.rig import COUNTERFACTUAL_MASKS, COUNTERFACTUAL_TWINS, FOV, Extras, Rig
from scenarios.scenario import Scenario, load_scenario
from scenarios.server.launch import ServerProcess
from scenarios.stage import STEP, Light, Stage
from scenarios.watched import watched
from scenarios.weather import PRESETS, Weather, preset


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
        on_frame: told after each frame how many are done, of how many.

    Raises:
        WhiteoutError: an argument is wrong, or the server fails; there is no drive then.
    """
    script = load_scenario(scenario)
    order = Order(
        scenario=script,
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
    with (
        connect(order.map, address=carla, server=server, quality=quality) as connection,
        DriveWriter(out, order.facts(connection)) as drive,
        closing(watched(record(order, connection), connection.check)) as recorded,
    ):
        for done, frame in enumerate(recorded, start=1):
            drive.add(frame)
            if on_frame is not None:
                on_frame(done, order.frames)
    return Drive.open(out)


@dataclass(frozen=True)
class Order:
    """Everything that decides what a drive holds; see `play`."""

    scenario: Scenario
    map: WorldMap
    weather: str | Weather
    seed: int
    size: tuple[int, int]
    quality: str
    frames: int
    stretch: str
    counterfactuals: bool
    asked: Extras

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise WhiteoutError(f"a drive of {self.frames} frames cannot be played; ask for at least 1")
        if min(self.size) < 16:
            raise WhiteoutError(f"pictures of {self.size[0]}x{self.size[1]} px are too small; ask for at least 16x16")
        if isinstance(self.weather, str):
            preset(self.weather)

    @property
    def extras(self) -> Extras:
        """What is taken besides: what was asked for, and what comes with the scenario's pictures."""
        if not self.counterfactuals:
            return self.asked
        masks = dict.fromkeys((*COUNTERFACTUAL_MASKS, *self.asked.masks))
        return Extras(tuple(masks), tuple(dict.fromkeys((*COUNTERFACTUAL_TWINS, *self.asked.twins))))

    @property
    def light(self) -> Light:
        """The weather's numbers, and whether its sun is to stand ahead."""
        if isinstance(self.weather, Weather):
            return Light(self.weather, sun_ahead=False)
        return Light(preset(self.weather), sun_ahead=self.weather.startswith("low-sun"))

    @property
    def weather_name(self) -> str:
        """The preset's name, or "custom"."""
        if isinstance(self.weather, str):
            return self.weather
        return next((name for name, known in PRESETS.items() if known == self.weather), "custom")

    def facts(self, connection: Connection) -> dict[str, object]:
        """What is known about the drive before it is played; nothing of where or when."""
        weather = self.light.weather
        facts: dict[str, object] = {
            "scenario": self.scenario.name,
            "scenario_sha256": self.scenario.source_hash,
            "map": {"name": self.map.name, "sha256": hashlib.sha256(self.map.opendrive.encode()).hexdigest()},
            "weather": {"name": self.weather_name, "sun_ahead": self.light.sun_ahead, **weather.as_dict()},
            "seed": self.seed,
            "stretch": self.stretch,
            "camera": {"width": self.size[0], "height": self.size[1], "fov": FOV},
            "seconds_per_frame": self.scenario.ticks_per_picture(self.frames) * STEP,
            "server": connection.description,
            "quality": self.quality if connection.extension else "the server's own",
            "versions": {name: version(name) for name in ("whiteout", "carla", "mitsuba")},
            "command": self.command(),
        }
        lying = [name for name, amount in weather.snow().items() if amount and name != "temperature"]
        if connection.extension is None and lying:
            facts["missing"] = f"{', '.join(lying)}: a plain CARLA server cannot show it, so these pictures have none"
        return facts

    def command(self) -> str:
        """The command that plays this again."""
        width, height = self.size
        masks = f" --masks {','.join(self.asked.masks)}" if self.asked.masks else ""
        twins = f" --twins {','.join(self.asked.twins)}" if self.asked.twins else ""
        return (
            f"whiteout replay {self.scenario.name} --weather {self.weather_name} --seed {self.seed}"
            f" --map {self.map.name} --stretch {self.stretch} --frames {self.frames} --size {width}x{height}"
            f" --quality {self.quality}{masks}{twins} --out DRIVE"
        )


def record(order: Order, connection: Connection) -> Generator[Frame, None, None]:
    """Play an order on a connected server; yields its labelled frames."""
    stage = Stage(connection.client, order.light, connection.extension, seed=order.seed, stretch=order.stretch)
    every = order.scenario.ticks_per_picture(order.frames)
    with stage:
        script = order.scenario.run(stage)
        next(script)
        if connection.extension is None and (order.asked.masks or order.asked.twins):
            raise WhiteoutError("further masks and twins are our own server's; leave them out, or leave --carla out")
        rig = Rig(stage, *order.size, order.extras if connection.extension is not None else Extras())
        for number in range(order.frames):
            for _ in range(every - 1):
                stage.tick()
                _advance(script, order.scenario)
            picture = rig.shoot()
            yield label_frame(f"{number:06d}", picture, stage, rig, connection.extension)
            _advance(script, order.scenario)


def _advance(script: Iterator[None], scenario: Scenario) -> None:
    """Let the script prepare the next tick."""
    try:
        next(script)
    except StopIteration:
        raise WhiteoutError(
            f"scenario {scenario.name} ended before its pictures were taken; ask for fewer frames"
        ) from None
