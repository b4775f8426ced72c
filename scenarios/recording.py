"""What is to be recorded, and recording it: a scenario played on a server, with labelled pictures now and then."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

from perception.errors import WhiteoutError
from perception.frame import Frame
from scenarios.connection import OURS, Connection
from scenarios.labels import label_frame
from scenarios.maps.world_map import WorldMap
from scenarios.rig import COUNTERFACTUAL_MASKS, COUNTERFACTUAL_TWINS, FOV, Extras, Rig
from scenarios.scenario import Scenario, load_scenario
from scenarios.stage import STEP, Light, Stage
from scenarios.weather import PRESETS, Weather, preset


@dataclass(frozen=True)
class Order:
    """Everything that decides what a drive holds; see `play`."""

    source: str
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

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario that `source` names."""
        return load_scenario(self.source)

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

    def facts(self, server: str) -> dict[str, object]:
        """What is known about the drive before it is played on a kind of server; nothing of where or when."""
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
            "server": server,
            "quality": self.quality if server == OURS else "the server's own",
            "versions": {name: version(name) for name in ("whiteout", "carla", "mitsuba")},
            "command": self.command(),
        }
        lying = [name for name, amount in weather.snow().items() if amount and name != "temperature"]
        if server != OURS and lying:
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


@dataclass(frozen=True)
class Share:
    """Of the pictures numbered from 0, those that leave `number` when divided by `count`."""

    number: int = 0
    count: int = 1

    def has(self, picture: int) -> bool:
        """Whether a picture is among them."""
        return picture % self.count == self.number


def record(order: Order, connection: Connection, share: Share = Share()) -> Generator[Frame, None, None]:
    """Play an order on a connected server; yields the labelled frames of a share of its pictures."""
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
            if share.has(number):
                yield label_frame(f"{number:06d}", rig.shoot(), stage, rig, connection.extension)
            else:
                stage.tick()
            _advance(script, order.scenario)


def _advance(script: Iterator[None], scenario: Scenario) -> None:
    """Let the script prepare the next tick."""
    try:
        next(script)
    except StopIteration:
        raise WhiteoutError(
            f"scenario {scenario.name} ended before its pictures were taken; ask for fewer frames"
        ) from None
