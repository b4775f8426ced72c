"""One picture and its labels, each channel rendered when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyoidn
from jaxtyping import Float, Float32, Int32, UInt8
from numpy import ndarray

from perception.camera import Camera
from perception.errors import WhiteoutError
from scenarios.instant import Instant, View
from scenarios.render.air import Air
from scenarios.render.classes import class_of
from scenarios.render.frames import camera_of
from scenarios.render.labels import Labels, Visibility, label, visibility
from scenarios.render.lens import Exposure, develop, meter, sun_veil
from scenarios.render.mitsuba_setup import dr, mi
from scenarios.render.scene import Scene
from scenarios.render.sky import Sky
from scenarios.render.tracer import SUN_RADIUS, Traced, trace

if TYPE_CHECKING:
    from scenarios.render.renderer import Renderer

GLARE_THRESHOLD = 0.5
"""A pixel is glare where the sun's mirror image on the ground adds more than this share of the light without it ..."""
GLARE_SIGNAL = 0.4
"""... and is bright in the picture: radiance times exposure above this (1 is about white). Dry asphalt under a high sun
also mirrors more than it scatters, but stays dark."""
SUN_RAYS = 64


class Shot:
    """A view of an instant. Made by `Renderer.shoot`."""

    def __init__(self, renderer: Any, instant: Instant, view: View) -> None:
        self._renderer: Renderer = renderer
        self.instant = instant
        self.view = view
        self.camera: Camera = camera_of(view)

    def rgb(self) -> UInt8[ndarray, "height width 3"]:
        """The picture, sRGB."""
        return develop(self._seen, self._exposure, self._veil)

    def rgb_without(self, what: str) -> UInt8[ndarray, "height width 3"]:
        """The same instant at the same exposure without the ground's mirror image of the sun, or without the sun.

        Args:
            what: "glare" (the mirror image and what the lens scatters of it) or "sun" (skylight alone).

        Raises:
            WhiteoutError: another word.
        """
        if what == "glare":
            return self._developed(self._matte, self._veil)
        if what == "sun":
            return self._developed(self._denoised(self._traced.sky), np.zeros_like(self._veil))
        raise WhiteoutError(f"a picture can be made without 'glare' or without 'sun', not without {what!r}")

    def depth(self) -> Float32[ndarray, "height width"]:
        """Distance along the optical axis [m]; inf in the sky."""
        return self._labels.depth

    def semantic(self) -> UInt8[ndarray, "height width"]:
        """CARLA's CityObjectLabel."""
        return self._labels.semantic

    def instance(self) -> Int32[ndarray, "height width"]:
        """Actor id, 0 where there is none."""
        return self._labels.instance

    def glare(self) -> UInt8[ndarray, "height width"]:
        """255 where the sun mirrored by the ground dazzles (GLARE_THRESHOLD and GLARE_SIGNAL), else 0."""
        if not self._traced.gloss.any():
            return np.zeros((self.view.height, self.view.width), np.uint8)
        with_it, without = (picture.mean(-1) for picture in (self._full, self._matte))
        added = with_it > (1 + GLARE_THRESHOLD) * without + 1e-6
        return np.where(added & (with_it * self._exposure.gain > GLARE_SIGNAL), 255, 0).astype(np.uint8)

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
        return trace(
            scene.mitsuba, self.camera, light, shader, samples=quality.samples, bounces=quality.bounces, seed=seed
        )

    @cached_property
    def _labels(self) -> Labels:
        classes = {actor.id: class_of(actor.blueprint) for actor in self.instant.actors}
        return label(self._scene(), self.camera, classes, self._renderer.cover_on_tile)

    @cached_property
    def _full(self) -> Float32[ndarray, "height width 3"]:
        return self._denoised(self._traced.sky + self._traced.sun)

    @cached_property
    def _matte(self) -> Float32[ndarray, "height width 3"]:
        return self._denoised(self._traced.sky + np.maximum(self._traced.sun - self._traced.gloss, 0))

    @cached_property
    def _air(self) -> Air:
        seed = self._renderer.seed_of(self.instant, self.view)
        return Air.of(self.instant, self._sky, self.camera, self._labels.depth, seed, self.view.hidden)

    @cached_property
    def _seen(self) -> Float32[ndarray, "height width 3"]:
        return self._air.through(self._full, self._labels.depth)

    @cached_property
    def _exposure(self) -> Exposure:
        return meter(self._seen + self._veil, dict(self.view.attributes))

    @cached_property
    def _veil(self) -> Float32[ndarray, "height width 3"]:
        seen = self._visible_share(self._scene().mitsuba, self._sky)
        return sun_veil(self.camera, self._sky.sun, self._sky.sun_irradiance, seen)

    def _developed(
        self, radiance: Float[ndarray, "height width 3"], veil: Float[ndarray, "height width 3"]
    ) -> UInt8[ndarray, "height width 3"]:
        return develop(self._air.through(radiance, self._labels.depth), self._exposure, veil)

    def _denoised(self, radiance: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        traced, quality = self._traced, self._renderer.quality.denoise
        clean = pyoidn.denoise(
            np.ascontiguousarray(radiance),
            albedo=np.clip(traced.albedo, 0, 1),
            normal=traced.normal,
            hdr=True,
            quality=quality,
        )
        return np.maximum(np.nan_to_num(np.asarray(clean, np.float32)), 0)

    def _visible_share(self, scene: Any, sky: Sky) -> float:
        """Share of the sun's disc that the camera sees over roofs and trees."""
        if not sky.sun_radiance.any():
            return 0.0
        angle = np.arange(SUN_RAYS) * 2.399963
        radius = np.sqrt((np.arange(SUN_RAYS) + 0.5) / SUN_RAYS) * np.tan(SUN_RADIUS)
        side = np.cross(sky.sun, [0.0, 0.0, 1.0])
        side /= max(float(np.linalg.norm(side)), 1e-9)
        up = np.cross(side, sky.sun)
        towards = sky.sun + radius[:, None] * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)
        origin = mi.Point3f(*(float(v) for v in self.camera.position))
        ray = mi.Ray3f(origin, dr.normalize(mi.Vector3f(*(mi.Float(c) for c in towards.T.astype(np.float32)))))
        return 1 - float(np.mean(scene.ray_test(ray).numpy()))
