"""Contact sheets of all weathers: `make pictures` draws them into `docs/pictures/`, one a map."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from rich.progress import track

from perception.errors import exit_code
from robustness.studies.street import Scene, scenes
from scenarios.maps.world_map import load_map
from scenarios.severities import CONDITIONS, SEVERITIES
from scenarios.weather import preset

TILE = (320, 192)
"""Width and height of one picture [px]; it is rendered at twice that."""
CAPTION = 18
"""Height of the line of words over each picture [px]."""
SCENE = 2
"""Which of a map's scenes is shown."""


def sheet(map_file: str, quality: str) -> UInt8[ndarray, "height width 3"]:
    """Every weather at every severity on one place of a map, a row a weather, below other places in clear light."""
    from scenarios.render.renderer import Renderer

    world_map = load_map(map_file)
    renderer = Renderer(world_map, quality=quality)
    scene, *others = islice(scenes(world_map, preset("clear"), SCENE + 6, seed=0), SCENE, None)
    clear = [_tile(renderer, one, "clear") for one in others]
    harsh = [
        np.hstack([_tile(renderer, scene, f"{name}@{severity}") for severity in SEVERITIES])
        for name in track(list(CONDITIONS), world_map.name)
    ]
    return np.asarray(np.vstack([np.hstack(clear), *harsh]), np.uint8)


def _tile(renderer: Any, scene: Scene, weather: str) -> UInt8[ndarray, "height width 3"]:
    seen = scene.in_weather(preset(weather, scene.place.transform.rotation.yaw))
    rgb = renderer.shoot(seen.instant, seen.view).rgb()
    canvas = np.full((TILE[1] + CAPTION, TILE[0], 3), 255, np.uint8)
    canvas[CAPTION:] = cv2.resize(rgb, TILE, interpolation=cv2.INTER_AREA)
    cv2.putText(canvas, weather, (4, CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("maps", nargs="+", help="bundled maps or OpenDRIVE files")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder of the sheets")
    parser.add_argument("--quality", default="physical", help="render quality")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _write(options))


def _write(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    for map_file in options.maps:
        file = options.out / f"weather-{Path(map_file).stem}.jpg"
        cv2.imwrite(str(file), sheet(map_file, options.quality)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
        print(file)


if __name__ == "__main__":
    sys.exit(main())
