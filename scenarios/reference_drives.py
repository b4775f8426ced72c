"""The drives that the reference model learns from and is held against; `make drives` renders them.

Training drives show the "train" stretches of both maps, mostly in clear weather, some under clouds, in rain, on snow
under clouds and in low sun on a dry road; low sun *on snow* is never shown, so a report tells how the model takes to
it. Held-out drives show the "test" stretches under other seeds in clear weather. Training drives are rendered in
`preview` quality, held-out ones in `physical`. Finished drives are kept.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from perception.errors import exit_code
from scenarios.weather import PRESETS, Weather

MAPS = ("country_road", "small_town")
FRAMES = 40
TRAIN_WEATHERS: tuple[str, ...] = (
    "clear", "clear", "overcast-snow", "clear", "low-sun-dry", "clear", "clear", "rain", "clear", "overcast-snow",
    "clear", "clear", "low-sun-dry", "clear", "clear", "clear", "clear", "overcast-snow", "clear", "clear", "rain",
    "clear", "low-sun-dry", "clear",
)  # fmt: skip
"""Weather of the training drives of one map, in order; each is varied by the drive's seed."""

HELD_OUT: dict[str, int] = {"val": 5000, "test": 9000}
"""Clear-weather drives that are kept for evaluation, with their first seeds: `val` may be looked at while one tries how
to train, `test` tells once how good the result is."""

HELD_OUT_DRIVES = 3
"""How many of each per map."""


@dataclass(frozen=True)
class Order:
    """One drive to play."""

    split: str
    map_name: str
    weather: str
    seed: int
    frames: int = FRAMES

    @property
    def name(self) -> str:
        """Folder of the drive below the output folder."""
        return f"{self.split}/{self.map_name}-{self.seed:04d}-{self.weather}"

    @property
    def quality(self) -> str:
        """Held-out drives are rendered as a report's are; training drives look nearly the same at half the cost."""
        return "physical" if self.split in HELD_OUT else "preview"


def orders() -> list[Order]:
    """Every drive of the reference set; training and held-out drives never share a seed or a stretch of road."""
    train = [Order("train", m, w, seed) for m in MAPS for seed, w in enumerate(TRAIN_WEATHERS, start=1000)]
    held_out = [
        Order(split, m, "clear", first + k, frames=24)
        for split, first in HELD_OUT.items()
        for m in MAPS
        for k in range(HELD_OUT_DRIVES)
    ]
    return [*train, *held_out]


def varied(weather: str, seed: int) -> Weather | str:
    """A preset with another sun, cloud and snow; the low-sun presets stay as they are, since their sun is set ahead.

    The sun of `clear` days keeps above 18 degrees.
    """
    chance = random.Random(f"{seed}:{weather}")
    if weather.startswith("low-sun"):
        return weather
    base = PRESETS[weather]
    changes = {"sun_azimuth_angle": chance.uniform(0, 360), "sun_altitude_angle": chance.uniform(18, 65)}
    if weather == "clear":
        changes["cloudiness"] = chance.choice([0.0, 10.0, 30.0, 60.0, 95.0])
    if base.snow_cover:
        changes["snow_cover"] = chance.uniform(0.5, 1.0)
        changes["snow_tracks"] = chance.uniform(0.5, 1.0)
    return base.with_values(**changes)


def render(out: Path, wanted: Sequence[Order], workers: int) -> None:
    """Play what is missing, `workers` servers at a time."""
    missing = [order for order in wanted if not (out / order.name / "meta.json").exists()]
    batches = [list(batch) for batch in _batches(missing, workers)]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        bar = progress.add_task("drives", total=len(wanted), completed=len(wanted) - len(missing))
        for done in as_completed([pool.submit(play_batch, out, batch) for batch in batches]):
            progress.advance(bar, done.result())


def _batches(missing: Sequence[Order], workers: int) -> Iterator[list[Order]]:
    """Orders of one map and quality together, so that a server builds its scene once, in portions for all workers."""
    for map_name in MAPS:
        for quality in ("physical", "preview"):
            same = [order for order in missing if (order.map_name, order.quality) == (map_name, quality)]
            size = max(1, -(-len(same) // (2 * workers)))
            yield from (same[i : i + size] for i in range(0, len(same), size))


def play_batch(out: Path, batch: Sequence[Order]) -> int:
    """Play orders of one map on one server; the number of drives written."""
    from scenarios.play import play
    from scenarios.server.launch import start_server

    with start_server(batch[0].map_name, quality=batch[0].quality) as server:
        for order in batch:
            place = out / order.name
            place.parent.mkdir(parents=True, exist_ok=True)
            play(
                "survey",
                weather=varied(order.weather, order.seed),
                seed=order.seed,
                out=place,
                map_name=order.map_name,
                frames=order.frames,
                quality=order.quality,
                stretch="test" if order.split in HELD_OUT else "train",
                server=server,
            )
    return len(batch)


def main() -> int:
    """Render the reference drives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the drives")
    parser.add_argument("--workers", type=int, default=1, help="servers at work at the same time")
    options = parser.parse_args()
    return exit_code(lambda: render(options.out, orders(), options.workers))


if __name__ == "__main__":
    sys.exit(main())
