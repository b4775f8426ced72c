"""The renderer: `Renderer(world_map).shoot(instant, view)` gives a `Shot` with the picture and all labels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.errors import WhiteoutError
from scenarios.instant import Instant, View
from scenarios.maps.world_map import WorldMap
from scenarios.render.banks import bank_height, bank_mesh
from scenarios.render.frames import FLIP, camera_of
from scenarios.render.geometry import Mesh
from scenarios.render.lamps import LAMP_COLORS, lamps_of, scenery_bits, season_of
from scenarios.render.materials import MaterialTable
from scenarios.render.mitsuba_setup import set_threads
from scenarios.render.scene import Scene
from scenarios.render.shading import Shader
from scenarios.render.shot import Shot
from scenarios.render.sky import Sky, sky_of, texture
from scenarios.render.surface import Tiles
from scenarios.render.tracer import Light
from scenarios.render.world import LaneFinder, build_world
from scenarios.weather import Weather


@dataclass(frozen=True)
class Quality:
    """How much work goes into a picture: paths a pixel, surfaces a path meets, Open Image Denoise's effort."""

    samples: int
    bounces: int
    denoise: str


QUALITIES = {"physical": Quality(8, 3, "balanced"), "preview": Quality(1, 2, "fast")}


class Renderer:
    """Renders instants of one map. The same instant, view, quality and seed give the same bytes in any process."""

    def __init__(
        self, world_map: WorldMap, *, quality: str = "physical", seed: int = 0, threads: int | None = None
    ) -> None:
        """Build the static scene (a few seconds to twenty for a town).

        Args:
            world_map: the roads.
            quality: "physical" or "preview".
            seed: of everything drawn by chance: trees, clouds, noise of the road's surface, paths of light.
            threads: of the renderer; None takes `WHITEOUT_THREADS`, else all cores.

        Raises:
            WhiteoutError: an unknown quality.
        """
        if quality not in QUALITIES:
            raise WhiteoutError(f"there is no render quality {quality!r}; choose one of {', '.join(QUALITIES)}")
        set_threads(threads)
        self.quality = QUALITIES[quality]
        self.seed = seed
        self._table = MaterialTable()
        self._world = build_world(world_map, self._table, seed)
        self._finder = LaneFinder(self._world.lanes)
        self._scene = Scene(self._world.meshes, self._world.standing, self._table)
        self._tiles = Tiles(seed)
        self._placed: tuple[Instant, frozenset[int]] | None = None
        self._sky_of = lru_cache(maxsize=4)(self._make_sky)
        self._banks_of = lru_cache(maxsize=1)(self._make_banks)

    def _make_sky(self, weather: Weather) -> tuple[Sky, Any]:
        sky = sky_of(weather, self.seed)
        return sky, texture(sky)

    def _make_banks(self, height: float) -> Mesh | None:
        return bank_mesh(self._world.lanes, height, self._table, self.seed)

    def shoot(self, instant: Instant, view: View) -> Shot:
        """Look at an instant; channels are rendered when they are asked for, and kept."""
        return Shot(self, instant, view)

    def surface(self, points: Float[ndarray, "n 3"], weather: Weather) -> Float[ndarray, "n"]:
        """Snow cover, 0 bare to 1 hidden, of ground points given in CARLA's axes [m]."""
        self._tiles.set_weather(weather)
        kind, place = self._finder.tile(np.asarray(points, np.float64) * FLIP)
        return self._tiles.cover_at(kind, place)

    def sky(self, weather: Weather) -> Sky:
        """Sky and sun of a weather."""
        return self._sky_of(weather)[0]

    def place(self, instant: Instant, view: View) -> Scene:
        """The scene with an instant's actors and weather in place; free where they are there already."""
        self._tiles.set_weather(instant.weather)
        banks = bank_height(instant.weather.snow_banks)
        self._scene.lay(self._banks_of(banks) if banks > 0 else None)
        if self._placed is None or self._placed[0] is not instant or self._placed[1] != view.hidden:
            actors = [actor for actor in instant.actors if actor.id not in view.hidden]
            self._scene.place(actors, scenery_bits(instant.weather), season_of(instant.weather))
            self._placed = (instant, view.hidden)
        return self._scene

    def prepare(self, instant: Instant, view: View) -> tuple[Scene, Light, Shader]:
        """What tracing a picture takes: the scene in place, its light and its materials."""
        scene = self.place(instant, view)
        sky, sky_texture = self._sky_of(instant.weather)
        lamps = lamps_of(instant, self._world.street_lamps, camera_of(view).position)
        light = Light(sky_texture, sky.sun, sky.sun_irradiance, lamps, LAMP_COLORS)
        shader = Shader(
            scene.buffers,
            self._table.rows(),
            scene.first_face,
            scene.placement,
            scene.lamp_bits,
            self._tiles,
            instant.weather,
        )
        return scene, light, shader

    def cover_on_tile(self, points: Float[ndarray, "n 3"], place: Float[ndarray, "n 2"]) -> Float[ndarray, "n"]:
        """Snow cover at points (renderer axes) whose place on the lane tile is known, NaN where they lie on none."""
        laned = np.isfinite(place[:, 0])
        cover = np.zeros(len(points))
        cover[laned] = self._tiles.cover_at(np.zeros(int(laned.sum()), int), place[laned])
        if (~laned).any():
            kind, where = self._finder.tile(points[~laned])
            cover[~laned] = self._tiles.cover_at(kind, where)
        return cover

    def seed_of(self, instant: Instant, view: View) -> int:
        """The number from which a picture's chance is drawn."""
        text = f"{self.seed}/{instant.seed}/{instant.frame}/{view.width}x{view.height}"
        return zlib.crc32(text.encode())
