"""Views of ours beside photographs, rebuilt as nearly as one can, with what differs said plainly.

The photographs stay where they are: only our halves go into the results, the pairs into the study's cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from perception.errors import WhiteoutError
from robustness.studies.street import scenes
from scenarios.maps.world_map import load_map
from scenarios.weather import preset


@dataclass(frozen=True)
class Pair:
    """A photograph and how to rebuild it.

    Attributes:
        name: of our picture's file.
        photo: below the folder of photographs.
        source: where the photograph comes from, with its licence.
        map_name, scene: a bundled map and the number of one of its scenes.
        weather: name of a preset.
        changes: fields of it that are different.
        sun_aside: the sun stands this far right of straight ahead [deg].
        differs: what is not as in the photograph.
    """

    name: str
    photo: str
    source: str
    map_name: str
    scene: int
    weather: str
    changes: Mapping[str, float]
    sun_aside: float
    differs: str


PAIRS: tuple[Pair, ...] = (
    Pair(
        "sun-ahead",
        "boreas/camera_1733249255732230.png",
        "Boreas Road Trip (CC BY 4.0)",
        "small_town",
        5,
        "low-sun-dry",
        {"sun_altitude_angle": 14.0, "cloudiness": 45.0},
        12.0,
        "the camera exposes for the road, the photograph's for the sky, so that its street is nearly black "
        "against a sky full of structure that ours lacks; wires, gantries and the ego bonnet are missing; our"
        " road mirrors less of a sun this high.",
    ),
    Pair(
        "snow-covered-street",
        "brno_winter/crop_street_snow_covered.png",
        "Brno Urban Dataset (MIT)",
        "small_town",
        2,
        "overcast-snow",
        {"snow_cover": 1.0, "snow_tracks": 0.25, "snow_packed": 0.4},
        90.0,
        "the photograph's snow is finer, thinner and greyer, with dozens of narrow tracks; ours lies in "
        "larger flakes and leaves two tracks a lane. Its street is walled in; our trees are fewer.",
    ),
    Pair(
        "snow-on-the-verge",
        "brno_winter/crop_road_snow_verge.png",
        "Brno Urban Dataset (MIT)",
        "country_road",
        4,
        "overcast-snow",
        {"snow_tracks": 1.0, "snow_cover": 0.55, "wetness": 30.0},
        90.0,
        "the photograph's carriageway is bare from kerb to kerb: our snow has no cleared carriageway, so some"
        " stays between the tracks. Its alley of trees, and the brownish grass through thin snow, are ours "
        "only in part.",
    ),
    Pair(
        "night-road",
        "comma10k/imgs/0001_a23b0de0bc12dcba_2018-06-24--00-29-19_17_79.png",
        "comma10k (MIT)",
        "country_road",
        1,
        "night",
        {},
        0.0,
        "the photograph is darker and bluer: its lamps light less of the road, and its camera lets the rest "
        "go black. Ours has no bridge overhead, no reflecting drums and no view of the ego vehicle's "
        "dashboard.",
    ),
    Pair(
        "wet-night",
        "brno_winter/crop_night_wet_glare.png",
        "Brno Urban Dataset (MIT)",
        "small_town",
        3,
        "rain-night",
        {"precipitation": 0.0},
        0.0,
        "the photograph is defocused and flares in coloured stars from a wet windscreen, which ours has only "
        "as droplets and veil; it shows far more lamps, shop windows and signals, and snow on its left.",
    ),
)


def rebuilt(pair: Pair) -> UInt8[ndarray, "height width 3"]:
    """Our picture of a pair."""
    from scenarios.render.renderer import Renderer

    world_map = load_map(pair.map_name)
    scene = next(islice(scenes(world_map, preset("clear"), pair.scene + 1, seed=0), pair.scene, None))
    heading = scene.place.transform.rotation.yaw
    weather = preset(pair.weather, heading + pair.sun_aside).with_values(**pair.changes)
    seen = scene.in_weather(weather)
    return Renderer(world_map).shoot(seen.instant, seen.view).rgb()


def beside(pair: Pair, ours: UInt8[ndarray, "height width 3"], photos: Path) -> UInt8[ndarray, "height width 3"]:
    """The photograph left, ours right, equally high.

    Raises:
        WhiteoutError: the photograph is missing.
    """
    photo = cv2.imread(str(photos / pair.photo))
    if photo is None:
        raise WhiteoutError(f"{photos / pair.photo} is missing; --photos must name the folder that holds it")
    height = ours.shape[0]
    width = round(photo.shape[1] * height / photo.shape[0])
    left = cv2.resize(photo[..., ::-1], (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(np.hstack([left, ours]), np.uint8)
