"""One picture and its labels, each channel rendered when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyoidn
from jaxtyping import Float32, Int32, UInt8
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import Before, Instant, View
from scenarios.render.air import Air
from scenarios.render.banks import bank_height
from scenarios.render.classes import class_of
from scenarios.render.fields import flow, normals
from scenarios.render.frames import camera_of, world_motion
from scenarios.render.hits import bands, cast
from scenarios.render.labels import Labels, Visibility, label, visibility
from scenarios.render.mitsuba_setup import dr, mi, on_device, vector
from scenarios.render.optics.develop import Optics
from scenarios.render.optics.exposure import LUMINANCE, Adaptation, Exposure, expose, no_picture_before
from scenarios.render.optics.motion import blurred, way_of
from scenarios.render.optics.settings import Settings
from scenarios.render.scene import Scene
from scenarios.render.sky import Sky
from scenarios.render.sparkle import sparkle
from scenarios.render.tracer import SUN_RADIUS, Traced, mean_of, stacked, trace
from scenarios.twins import changed

if TYPE_CHECKING:
    from scenarios.render.renderer import Renderer

GLARE_THRESHOLD = 0.5
"""A pixel is glare where the sun's mirror image on the ground adds more than this share of the light without it ..."""
GLARE_SIGNAL = 0.4
"""... and is bright in the picture: radiance times exposure above this (1 is about white). Dry asphalt under a high sun
also mirrors more than it scatters, but stays dark."""
SUN_RAYS = 64
ROUND_SEED = 0x85EBCA6B
"""Sets the chance of one round of a picture apart from that of the next."""
BAND_SEED = 0x9E3779B1
"""Gives each band of a large picture noise of its own."""
DARKEST = 1e-7
"""Luminance that counts as none: in the dark a ratio of nothing to nothing is 1."""


class Shot:
    """A view of an instant. Made by `Renderer.shoot`."""

    def __init__(
        self,
        renderer: Any,
        instant: Instant,
        view: View,
        origin: Shot | None = None,
        earlier: Callable[[], Adaptation | None] = no_picture_before,
    ) -> None:
        """`origin` is the picture of which this is a twin: it lends its exposure, and what has not changed."""
        self._renderer: Renderer = renderer
        self._origin = origin
        self._earlier = earlier
        self.instant = instant
        self.view = view
        self.camera: Camera = camera_of(view)

    def rgb(self) -> UInt8[ndarray, "height width 3"]:
        """The picture, sRGB."""
        return self._optics.develop(self._seen, self._exposure, self._veil)

    def twin(self, name: str) -> UInt8[ndarray, "height width 3"]:
        """The same instant at the same exposure, with the same noise, and one thing otherwise (Pearl 2009, chapter 7).

        `no_glare` is without the ground's mirror image of the sun and what the lens scatters of it, `no_sun` is
        skylight alone: both are sums of light that the picture has traced already. The others are traced anew in the
        same scene; see `scenarios.twins.changed`.

        Raises:
            WhiteoutError: no such name.
        """
        if name == "no_glare":
            return self._optics.develop(self._seen_without_glare, self._exposure, self._veil)
        if name == "no_sun":
            sky = self._smeared(self._air.through(self._denoised(self._traced.sky), self._distance, sunlit=False))
            return self._optics.develop(sky, self._exposure, np.zeros_like(self._veil))
        instant = changed(self.instant, name)
        return self.rgb() if instant == self.instant else Shot(self._renderer, instant, self.view, self).rgb()

    def depth(self) -> Float32[ndarray, "height width"]:
        """Distance along the optical axis [m]; inf in the sky."""
        return self._labels.depth

    def semantic(self) -> UInt8[ndarray, "height width"]:
        """CARLA's CityObjectLabel."""
        return self._labels.semantic

    def instance(self) -> Int32[ndarray, "height width"]:
        """Actor id, 0 where there is none."""
        return self._labels.instance

    def normals(self) -> Float32[ndarray, "height width 3"]:
        """Unit normals of the surfaces towards the camera, renderer axes; 0 in the sky. See `fields.normals`."""
        scene = self._scene()
        return np.concatenate([normals(scene, cast(scene, band)) for _, band in bands(self.camera)])

    def flow(self, before: Before | None) -> Float32[ndarray, "height width 2"]:
        """How far each point has come since an earlier instant, right and down [px]; see `fields.flow`.

        Args:
            before: where camera and actors were; None if nothing is known of it, and nothing is taken to have moved.
        """
        earlier = self.camera if before is None else camera_of(replace(self.view, pose=before.pose))
        actors = {} if before is None else {actor.id: actor for actor in before.actors}
        scene = self._scene()
        parts = []
        for rows, band in bands(self.camera):
            part = flow(scene, cast(scene, band), earlier, actors)
            part[..., 1] += rows.start
            parts.append(part)
        return np.concatenate(parts)

    def glare(self) -> UInt8[ndarray, "height width"]:
        """255 where the sun mirrored by the ground dazzles (GLARE_THRESHOLD and GLARE_SIGNAL), else 0."""
        if not self._traced.gloss.any():
            return np.zeros((self.view.height, self.view.width), np.uint8)
        with_it, without = (self._air.veiled(picture, self._distance).mean(-1) for picture in (self._full, self._matte))
        added = with_it > (1 + GLARE_THRESHOLD) * without + 1e-6
        return np.where(added & (with_it * self._exposure.gain > GLARE_SIGNAL), 255, 0).astype(np.uint8)

    def glare_ratio(self) -> Float32[ndarray, "height width"]:
        """How many times as much light reaches each pixel as without the ground's mirror image of the sun, 1 or more.

        Luminances, after air and lens: the light that the lens scatters of the mirror image counts to it, and the sun's
        own veil counts to both. 1 everywhere where there is no sun.
        """
        if not self._traced.gloss.any():
            return np.ones((self.view.height, self.view.width), np.float32)
        with_it, without = (
            (self._optics.spread(seen) + self._veil) @ LUMINANCE.astype(np.float32)
            for seen in (self._seen, self._seen_without_glare)
        )
        return np.asarray(np.maximum(with_it / np.maximum(without, DARKEST), 1), np.float32)

    def visibility(self) -> tuple[Visibility, ...]:
        """What is seen of every actor in the view, by id."""
        instance = self._labels.instance
        return visibility(self.camera, self._scene().matrices, instance)

    @cached_property
    def _sky(self) -> Sky:
        return self._renderer.sky(self.instant.weather)

    def _scene(self) -> Scene:
        return self._renderer.place(self.instant, self.view)

    @cached_property
    def _traced(self) -> Traced:
        scene, light, shader = self._renderer.prepare(self.instant, self.view)
        quality = self._renderer.quality
        seed = self._renderer.seed_of(self.instant, self.view)

        def once(turn: int) -> Traced:
            parts = [
                trace(
                    scene,
                    band,
                    light,
                    shader,
                    samples=quality.samples,
                    bounces=quality.bounces,
                    seed=seed ^ rows.start * BAND_SEED ^ turn * ROUND_SEED,
                    clamp=quality.clamp,
                    heaviest=quality.heaviest,
                )
                for rows, band in bands(self.camera, quality.samples)
            ]
            return parts[0] if len(parts) == 1 else stacked(parts)

        return once(0) if quality.rounds == 1 else mean_of(once(turn) for turn in range(quality.rounds))

    @cached_property
    def _labels(self) -> Labels:
        classes = {actor.id: class_of(actor.blueprint) for actor in self.instant.actors}
        return label(self._scene(), self.camera, classes, partial(self._renderer.cover_on_tile, self.instant.weather))

    @property
    def _shapes(self) -> Labels:
        """Labels of the picture of which this is a twin, where both show the same shapes: for depth and distance."""
        if self._origin is not None and self._shares_shapes(self._origin):
            return self._origin._labels  # noqa: SLF001 - a shot too
        return self._labels

    @property
    def _distance(self) -> Float32[ndarray, "height width"]:
        return self._shapes.distance

    def _shares_shapes(self, other: Shot) -> bool:
        """Whether the same actors and the same snow banks stand in both; no other weather moves anything."""
        banks = (bank_height(shot.instant.weather.snow_banks) for shot in (self, other))
        return other.instant.actors is self.instant.actors and len(set(banks)) == 1

    @cached_property
    def _full(self) -> Float32[ndarray, "height width 3"]:
        return self._denoised(self._traced.sky + self._traced.sun)

    @cached_property
    def _matte(self) -> Float32[ndarray, "height width 3"]:
        return self._denoised(self._traced.sky + np.maximum(self._traced.sun - self._traced.gloss, 0))

    @cached_property
    def _air(self) -> Air:
        seed = self._renderer.seed_of(self.instant, self.view)
        lamps = self._renderer.lamps(self.instant, self.camera)
        seconds = 1 / self._optics.settings.shutter_speed
        return Air.of(
            self.instant,
            self._sky,
            self.camera,
            self._distance,
            seed,
            self.view.hidden,
            lamps,
            seconds,
            world_motion(self.view)[0],
        )

    @cached_property
    def _seen(self) -> Float32[ndarray, "height width 3"]:
        return self._arriving(self._full)

    @cached_property
    def _seen_without_glare(self) -> Float32[ndarray, "height width 3"]:
        return self._arriving(self._matte)

    def _arriving(self, radiance: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        """The scene's radiance as it arrives at the lens."""
        lit = radiance if self._flashes is None else radiance + self._flashes
        return self._smeared(self._air.through(lit, self._distance))

    @cached_property
    def _flashes(self) -> Float32[ndarray, "height width 3"] | None:
        return sparkle(
            self.instant.weather, self._sky, self.camera, self._shapes.depth, self._traced, self.instant.seed
        )

    @cached_property
    def _exposure(self) -> Exposure:
        if self._origin is not None:
            return self._origin._exposure  # noqa: SLF001 - a shot too
        return expose(self._seen + self._veil, self._optics.settings, self.instant.time, self._earlier())

    @property
    def adaptation(self) -> Adaptation | None:
        """What the camera's next picture starts from; None before its first."""
        return self._exposure.adaptation if "_exposure" in self.__dict__ else self._earlier()

    @cached_property
    def _optics(self) -> Optics:
        return Optics(
            self.camera,
            Settings.of(self.view.attributes),
            self._renderer.seed_of(replace(self.instant, frame=0), self.view),
            self._renderer.seed_of(self.instant, self.view),
        )

    @cached_property
    def _veil(self) -> Float32[ndarray, "height width 3"]:
        seen = self._visible_share(self._scene(), self._sky)
        return self._optics.of_sun(self._sky.sun, self._sky.sun_irradiance, seen)

    def _smeared(self, radiance: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        return radiance if self._way is None else blurred(radiance, self._way)

    @cached_property
    def _way(self) -> Float32[ndarray, "height width 2"] | None:
        if self._origin is not None and self._shares_shapes(self._origin):
            return self._origin._way  # noqa: SLF001 - a shot too
        labels, settings = self._labels, self._optics.settings
        return way_of(self.camera, self.view, self.instant.actors, settings, labels.depth, labels.instance)

    def _denoised(self, radiance: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        traced, quality = self._traced, self._renderer.quality.denoise
        if not quality:
            return np.maximum(np.asarray(radiance, np.float32), 0)
        clean = pyoidn.denoise(
            np.ascontiguousarray(radiance),
            albedo=np.clip(traced.albedo, 0, 1),
            normal=traced.normal,
            hdr=True,
            quality=quality,
        )
        return np.asarray(np.maximum(np.nan_to_num(np.asarray(clean, np.float32)), 0) + traced.lamps, np.float32)

    def _visible_share(self, scene: Scene, sky: Sky) -> float:
        """Share of the sun's disc that the camera sees over roofs and trees."""
        if not sky.sun_radiance.any():
            return 0.0
        angle = np.arange(SUN_RAYS) * 2.399963
        radius = np.sqrt((np.arange(SUN_RAYS) + 0.5) / SUN_RAYS) * np.tan(SUN_RADIUS)
        side = np.cross(sky.sun, [0.0, 0.0, 1.0])
        side /= max(float(np.linalg.norm(side)), 1e-9)
        up = np.cross(side, sky.sun)
        towards = sky.sun + radius[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)
        rays = dr.normalize(mi.Vector3f(*(on_device(axis) for axis in towards.T)))
        ray = mi.Ray3f(mi.Point3f(vector(self.camera.position)), rays)
        return 1 - float(np.mean(scene.blocked(ray).numpy()))
