"""Do models that were trained on photographs read our pictures like photographs? `make study-picture` tells.

Four parts: public models in clear light; the same models by weather and severity; reflectances, sky and exposure beside
published values; views beside photographs. Finished pictures are kept, so a killed study goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from perception.errors import WhiteoutError, exit_code
from robustness.provenance import code_version
from robustness.studies.frames import Order, read_all
from robustness.studies.photographs import PAIRS, beside, rebuilt
from robustness.studies.physics import card_table, daylight_table, plot_reflectance, reflectance_table
from robustness.studies.tally import FIGURES, Reading, figure, written
from scenarios.severities import CONDITIONS, SEVERITIES

OWN_MAPS = ("country_road", "small_town")
CLEAR_PICTURES = 50
"""Pictures in clear light, of each map."""
WEATHER_PICTURES = 4
"""Pictures in each weather and severity, of each map."""
WEATHER_QUALITY = "preview"
"""Quality of the pictures by weather: at these counts its noise, denoised, is small beside the weather."""
BOUNDS: Mapping[str, tuple[str, float]] = {
    "line_recall": ("at least", 0.85),
    "line_precision": ("at least", 0.85),
    "vehicle_20": ("at least", 0.85),
    "vehicle_40": ("at least", 0.70),
    "person_20": ("at least", 0.60),
    "false_boxes": ("at most", 0.30),
}
"""What clear pictures must reach to count as read like photographs."""
STRIP_WIDTH = 256
"""Of one picture in a strip [px]."""


def clear_part(readings: Mapping[tuple[str, str], Sequence[Reading]]) -> list[str]:
    """The table of part 1: a row a figure, a column a map, and all maps against the bound."""
    maps = [name for name, _ in readings]
    every = [r for rows in readings.values() for r in rows]
    lines = [f"| | {' | '.join(maps)} | all {len(every)} pictures | wanted |", "| --- " * (len(maps) + 3) + "|"]
    for name, (relation, bound) in BOUNDS.items():
        cells = [f"{figure(name, rows).value:.2f}" for rows in readings.values()]
        total = figure(name, every)
        kept = total.value >= bound if relation == "at least" else total.value <= bound
        verdict = f"{relation} {bound:.2f}: {'yes' if kept else '**no**'}"
        lines.append(f"| {FIGURES[name].words} | {' | '.join(cells)} | {written(total)} | {verdict} |")
    return lines


def weather_part(readings: Mapping[tuple[str, str], Sequence[Reading]]) -> list[str]:
    """The table of part 2: a row a weather and severity, pooled over the maps; the clear row comes first."""
    shown = ("line_recall", "line_precision", "invented_lines", "vehicle_40", "false_boxes")
    pooled: dict[str, list[Reading]] = {}
    for (_, weather), rows in readings.items():
        pooled.setdefault(weather, []).extend(rows)
    lines = [f"| weather | {' | '.join(FIGURES[n].words for n in shown)} |", "| --- " * (len(shown) + 1) + "|"]
    for weather, rows in pooled.items():
        lines.append(f"| {weather} | {' | '.join(written(figure(n, rows)) for n in shown)} |")
    return lines


def strip(out: Path, order: Order, weathers: Sequence[str], number: int) -> np.ndarray:
    """One scene in several weathers side by side, with what the models see in it; RGB as OpenCV wants it."""
    pictures = []
    for weather in weathers:
        file = Order(order.map_file, weather, 0, 1, order.quality).place(out) / f"{number:04d}.jpg"
        picture = cv2.imread(str(file))
        if picture is None:
            raise WhiteoutError(f"{file} is missing; run the study once more")
        height = round(STRIP_WIDTH * picture.shape[0] / picture.shape[1])
        pictures.append(cv2.resize(picture, (STRIP_WIDTH, height), interpolation=cv2.INTER_AREA))
    return np.hstack(pictures)


def physics_part(pictures: Path) -> list[str]:
    """Part 3, with its plot."""
    plot_reflectance(pictures / "reflectance.png")
    return [
        "Reflectance factor (1 = white and matte), lit from 45 degrees and seen from above:",
        "",
        *reflectance_table(),
        "",
        f"![reflectance factor against angle]({pictures.name}/reflectance.png)",
        "",
        "Illuminance of sun and clear sky beside the formulas of IES RP-21 (1984): direct 127.5 exp(-0.21 / sin h)",
        "and sky 0.8 + 15.5 sqrt(sin h) [klx], and how much brighter the sun's disc is than the sky overhead:",
        "",
        *daylight_table(),
        "",
        "An 18 per cent grey card on the ground under `clear`, camera set by hand; 18 per cent of white is 118 there.",
        "The last row is one stop darker:",
        "",
        *card_table(),
    ]


def photo_part(photos: Path | None, pictures: Path, cache: Path) -> list[str]:
    """Part 4: ours in the results; beside the photograph in the cache, where there are photographs."""
    lines = []
    for pair in PAIRS:
        ours = rebuilt(pair)
        cv2.imwrite(str(pictures / f"{pair.name}.jpg"), ours[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        if photos is not None:
            cv2.imwrite(str(cache / f"{pair.name}.jpg"), beside(pair, ours, photos)[..., ::-1])
        lines += [
            f"### {pair.name}: `{pair.photo}`, {pair.source}",
            f"![ours]({pictures.name}/{pair.name}.jpg)",
            "",
            f"What differs: {pair.differs}",
            "",
        ]
    return lines


def orders_of(maps: Sequence[str], weathers: Sequence[str], count: int, quality: str) -> list[Order]:
    """Pictures of every map in every weather."""
    return [Order(m, weather, 0, count, quality) for weather in weathers for m in maps]


def main() -> int:
    """Take what pictures are missing and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder with twinlitenet/ and yolox_nano/")
    parser.add_argument("--maps", nargs="*", default=[], help="OpenDRIVE files besides our own maps")
    parser.add_argument("--photos", type=Path, help="folder of the photographs; without it the pairs are not drawn")
    parser.add_argument("--cache", type=Path, default=Path("out/study-picture"), help="where pictures are kept")
    parser.add_argument("--out", type=Path, default=Path("docs/results/picture.md"), help="the results, as Markdown")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    options = parser.parse_args()
    return exit_code(lambda: write(options))


def write(options: argparse.Namespace) -> None:
    """All parts, as one Markdown file with its pictures beside it.

    Raises:
        WhiteoutError: a model, a map or a picture is missing.
    """
    maps = [*OWN_MAPS, *options.maps]
    clear = orders_of(maps, ["clear"], CLEAR_PICTURES, "physical")
    weathers = [f"{name}@{severity}" for name in CONDITIONS for severity in SEVERITIES]
    harsh = orders_of(maps, ["clear", *weathers], WEATHER_PICTURES, WEATHER_QUALITY)
    in_clear = read_all(clear, options.models, options.cache, options.workers)
    in_weather = read_all(harsh, options.models, options.cache, options.workers)
    pictures = options.out.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    named = " ".join(Path(one).name for one in options.maps)
    sections = [
        "# The picture: do models that were trained on photographs read it like photographs?",
        "",
        f'Printed by `make study-picture MODELS=FOLDER MAPS="{named}" PHOTOS=FOLDER`, code',
        f"{code_version('drive')[:12]}. Intervals are 95 per cent; every picture shows another place.",
        "",
        f"## 1. Public models in clear light ({CLEAR_PICTURES} pictures a map, `physical`)",
        "",
        "TwinLiteNet draws the lines (trained on BDD100K; lines nearer than 35 m, not hidden), YOLOX-nano the boxes",
        "(trained on COCO; objects at least 70 per cent visible that do not leave the picture, IoU 0.5).",
        "",
        *clear_part(in_clear),
        "",
        f"## 2. The same models by weather and severity ({WEATHER_PICTURES} pictures a map, `{WEATHER_QUALITY}`)",
        "",
        *weather_part(in_weather),
        "",
    ]
    for name in CONDITIONS:
        file = pictures / f"{name}.jpg"
        shown = ["clear", *(f"{name}@{severity}" for severity in SEVERITIES)]
        rows = [strip(options.cache, Order(m, "clear", 0, 1, WEATHER_QUALITY), shown, number=1) for m in maps[:2]]
        cv2.imwrite(str(file), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 75])
        sections += [f"![{name}, clear and severity 1 to 5]({pictures.name}/{file.name})", ""]
    sections += ["## 3. Physics", "", *physics_part(pictures), "", "## 4. Beside photographs", ""]
    sections += photo_part(options.photos, pictures, options.cache)
    options.out.write_text("\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
