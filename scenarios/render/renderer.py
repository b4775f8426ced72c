"""The renderer: `Renderer(world_map).shoot(instant, view)` gives a `Shot` with the picture and all labels."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.camera import Camera
from perception.errors import WhiteoutError
from scenarios.instant import ActorState, Instant, View
from scenarios.maps.world_map import WorldMap
from scenarios.qualities import QUALITIES, QUALITY_NAMES
from scenarios.render.banks import Footprint, bank_height, bank_mesh
from scenarios.render.frames import FLIP, camera_of
from scenarios.render.geometry import Mesh
from scenarios.render.lamps import LAMP_COLORS, lamps_of, scenery_bits, season_of
from scenarios.render.materials import MaterialTable
from scenarios.render.mitsuba_setup import set_threads
from scenarios.render.optics.exposure import Adaptation, no_picture_before
from scenarios.render.scene import Scene
from scenarios.render.shading import Shader
from scenarios.render.shot import Shot
from scenarios.render.sky import Sky, sky_of, texture
from scenarios.render.surface import Tiles, ground_of
from scenarios.render.tracer import Light
from scenarios.render.world import LaneFinder, build_world
from scenarios.weather import ROAD_STATE_FIELDS, Weather

SKIES, GROUNDS = 4, 3
"""Skies and grounds that are kept ready: a picture and its twins go back and forth between them."""


class Renderer:
    """Renders instants of one map.

    The same instant, view, quality, seed and earlier adaptation give the same bytes in any process.
    """

    def __init__(
        self, world_map: WorldMap, *, quality: str = "physical", seed: int = 0, threads: int | None = None
    ) -> None:
        """Build the static scene (a few seconds to twenty for a town).

        Args:
            world_map: the roads.
            quality: one of `QUALITY_NAMES`.
            seed: of everything drawn by chance: trees, clouds, noise of the road's surface, paths of light.
            threads: of the renderer; None takes `WHITEOUT_THREADS`, else all cores.

        Raises:
            WhiteoutError: an unknown quality.
        """
        if quality not in QUALITIES:
            raise WhiteoutError(f"there is no render quality {quality!r}; choose one of {', '.join(QUALITY_NAMES)}")
        set_threads(threads)
        self.quality = QUALITIES[quality]
        self.seed = seed
        self._table = MaterialTable()
        self._world = build_world(world_map, self._table, seed)
        self._finder = LaneFinder(self._world.lanes)
        self._scene = Scene(self._world.meshes, self._world.standing, self._table)
        self._tiles = Tiles(seed)
        self._placed: tuple[tuple[ActorState, ...], frozenset[int], int, str, float] | None = None
        self._sky_of = lru_cache(maxsize=SKIES)(self._make_sky)
        self._tiles_of = lru_cache(maxsize=GROUNDS)(self._lay_tiles)
        self._footprint_of = lru_cache(maxsize=1)(Footprint)
        self._banks_of = lru_cache(maxsize=1)(self._make_banks)

    def _make_sky(self, weather: Weather) -> tuple[Sky, Any]:
        sky = sky_of(weather, self.seed)
        return sky, texture(sky)

    def _lay_tiles(self, weather: Weather) -> Tiles:
        """Tiles in a weather: those of another share the patterns and have their own layers."""
        tiles = copy(self._tiles)
        tiles.set_weather(weather)
        return tiles

    def _make_banks(self, height: float) -> Mesh | None:
        return bank_mesh(self._world.lanes, height, self._table, self.seed)

    def shoot(self, instant: Instant, view: View, earlier: Callable[[], Adaptation | None] = no_picture_before) -> Shot:
        """Look at an instant; channels are rendered when they are asked for, and kept.

        Args:
            instant: the world.
            view: the camera.
            earlier: tells `Shot.adaptation` of the camera's picture before, None for its first; asked once the
                picture is traced.
        """
        return Shot(self, instant, view, earlier=earlier)

    def surface(self, points: Float[ndarray, "n 3"], weather: Weather) -> Float[ndarray, "n"]:
        """Snow cover, 0 bare to 1 hidden, of ground points given in CARLA's axes [m]; banks hide what is under them."""
        places = np.asarray(points, np.float64) * FLIP
        kind, place = self._finder.tile(places)
        cover = self._tiles_of(ground_of(weather)).cover_at(kind, place)
        banks = self._banks_of(bank_height(weather.snow_banks)) if weather.snow_banks > 0 else None
        return cover if banks is None else np.where(self._footprint_of(banks).covers(places), 1.0, cover)

    def sky(self, weather: Weather) -> Sky:
        """Sky and sun of a weather."""
        return self._sky_of(air_of(weather))[0]

    def place(self, instant: Instant, view: View) -> Scene:
        """The scene with an instant's actors and snow banks in place; free where they are there already."""
        weather, actors = instant.weather, instant.actors
        lamps, season, banks = scenery_bits(weather), season_of(weather), bank_height(weather.snow_banks)
        wanted = (view.hidden, lamps, season, banks)
        if self._placed is None or self._placed[0] is not actors or self._placed[1:] != wanted:
            self._scene.lay(self._banks_of(banks) if banks > 0 else None)
            self._scene.place([actor for actor in actors if actor.id not in view.hidden], lamps, season)
            self._placed = (actors, *wanted)
        return self._scene

    def prepare(self, instant: Instant, view: View) -> tuple[Scene, Light, Shader]:
        """What tracing a picture takes: the scene in place, its light and its materials."""
        scene = self.place(instant, view)
        sky, sky_texture = self._sky_of(air_of(instant.weather))
        light = Light(sky_texture, sky.sun, sky.sun_irradiance, self.lamps(instant, camera_of(view)), LAMP_COLORS)
        shader = Shader(
            scene.buffers,
            self._table.rows(),
            scene.first_face,
            scene.placement,
            scene.lamp_bits,
            self._tiles_of(ground_of(instant.weather)),
            instant.weather,
        )
        return scene, light, shader

    def lamps(self, instant: Instant, camera: Camera) -> Float[ndarray, "n 11"]:
        """The lamps that light a view, as rows of `beams.COLUMNS`."""
        return lamps_of(instant, self._world.street_lamps, self._world.tunnel_lamps, camera)

    def cover_on_tile(
        self, weather: Weather, points: Float[ndarray, "n 3"], place: Float[ndarray, "n 2"]
    ) -> Float[ndarray, "n"]:
        """Snow cover at points (renderer axes) whose place on the lane tile is known, NaN where they lie on none."""
        tiles = self._tiles_of(ground_of(weather))
        laned = np.isfinite(place[:, 0])
        cover = np.zeros(len(points))
        cover[laned] = tiles.cover_at(np.zeros(int(laned.sum()), int), place[laned])
        if (~laned).any():
            kind, where = self._finder.tile(points[~laned])
            beside = np.where(kind == 1, 1 - weather.cleared, 1.0)
            cover[~laned] = tiles.cover_at(kind, where) * beside
        return cover

    def seed_of(self, instant: Instant, view: View) -> int:
        """The number from which a picture's chance is drawn."""
        text = f"{self.seed}/{instant.seed}/{instant.frame}/{view.width}x{view.height}"
        return zlib.crc32(text.encode())


def air_of(weather: Weather) -> Weather:
    """What of a weather the sky depends on: twins that differ only on the ground share it."""
    return replace(weather, wetness=0.0, precipitation_deposits=0.0, **_standard(ROAD_STATE_FIELDS))


def _standard(fields: Iterable[str]) -> dict[str, float]:
    return {name: getattr(_PLAIN, name) for name in fields}


_PLAIN = Weather()
