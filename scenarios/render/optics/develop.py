"""The way from a view's radiance to its picture: `Optics.develop`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

from perception.camera import Camera
from scenarios.render.optics.contamination import Soiling, soiling
from scenarios.render.optics.exposure import Exposure
from scenarios.render.optics.flare import ghosts
from scenarios.render.optics.sensor import noisy, srgb, to_bytes, tone
from scenarios.render.optics.settings import Settings
from scenarios.render.optics.spread import scattered_share, spread, sun_light

BLOOM = 0.675
"""CARLA's `bloom_intensity` that stands for the measured law."""


@dataclass(frozen=True, eq=False)
class Optics:
    """Lens, windscreen and sensor of one picture.

    Attributes:
        camera: the view.
        settings: the camera's attributes.
        pattern: seed of what lies on the windscreen; the same for all pictures of an episode.
        seed: of the sensor's noise, another one for each picture.
    """

    camera: Camera
    settings: Settings
    pattern: int
    seed: int

    def develop(
        self,
        radiance: Float[ndarray, "height width 3"],
        exposure: Exposure,
        sunlight: Float[ndarray, "height width 3"],
    ) -> UInt8[ndarray, "height width 3"]:
        """Picture bytes of a radiance; `sunlight` is what the lens adds to it of the sun (`of_sun`), in its units."""
        seen = self.spread(radiance) + sunlight
        soil = self.soil
        seen = self.vignetted(seen if soil is None else soil.before(seen))
        seen = self.fringed(seen)
        signal = np.asarray(seen * (exposure.gain * np.array(exposure.balance)).astype(np.float32), np.float32)
        signal = noisy(signal, exposure.amplification, self.settings.whiteout_sensor_noise, self.seed)
        curved = tone(signal) if self.settings.enable_postprocess_effects else srgb(signal)
        return to_bytes(curved if self.settings.gamma == 2.2 else curved ** (2.2 / self.settings.gamma))

    def spread(self, radiance: Float[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        """A radiance with what lens and windscreen scatter of it inside the picture."""
        return spread(radiance, 1 / float(self.camera.intrinsics[0, 0]), self.scatter)

    def of_sun(
        self, sun: Float[ndarray, "3"], irradiance: Float[ndarray, "3"], visible: float
    ) -> Float32[ndarray, "height width 3"]:
        """The sun's disc, the light that is scattered from it over the picture, and its ghosts."""
        light = sun_light(self.camera, sun, irradiance, visible, self.scatter)
        if not self.settings.enable_postprocess_effects:
            return light
        intensity, blades = self.settings.lens_flare_intensity, self.settings.blade_count
        ghost = ghosts(self.camera, sun, irradiance, visible, intensity=intensity, blades=blades)
        return np.asarray(light + ghost, np.float32)

    @property
    def scatter(self) -> float:
        """Strength of scattered light against the measured law."""
        chosen = self.settings.bloom_intensity / BLOOM * self.settings.enable_postprocess_effects
        return float(np.clip(chosen, 0, 0.9 / scattered_share()))

    @property
    def soil(self) -> Soiling | None:
        """What lies on the windscreen; None where it is clean."""
        settings, camera = self.settings, self.camera
        severities = (settings.whiteout_droplets, settings.whiteout_dirt, settings.whiteout_ice)
        if not any(severity > 0 for severity in severities):
            return None
        return soiling(camera.width, camera.height, *(min(max(s, 0.0), 1.0) for s in severities), self.pattern)

    def vignetted(self, seen: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        """Darker towards the corners."""
        multiplier = self.settings.lens_circle_multiplier
        if multiplier == 0:
            return seen
        passed = 1 - multiplier * self._radius() ** self.settings.lens_circle_falloff
        return np.asarray(seen * np.clip(passed, 0, None)[..., None], np.float32)

    def fringed(self, seen: Float32[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
        """Red drawn wider than green, and blue narrower."""
        share = self.settings.chromatic_aberration_intensity / 100 * self.settings.enable_postprocess_effects
        if share == 0:
            return seen
        grown = np.maximum(self._radius() - self.settings.chromatic_aberration_offset, 0).astype(np.float32)
        y, x = np.mgrid[: self.camera.height, : self.camera.width].astype(np.float32)
        away = (x - (self.camera.width - 1) / 2) * grown, (y - (self.camera.height - 1) / 2) * grown
        out = seen.copy()
        for channel, sign in ((0, -1), (2, 1)):
            column, row = (c + np.float32(sign * share) * a for c, a in zip((x, y), away, strict=True))
            out[..., channel] = cv2.remap(
                np.ascontiguousarray(seen[..., channel]), column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        return out

    def _radius(self) -> Float[ndarray, "height width"]:
        """Distance from the middle, 1 in the corners."""
        x = (np.arange(self.camera.width) + 0.5) / self.camera.width * 2 - 1
        y = (np.arange(self.camera.height) + 0.5) / self.camera.height * 2 - 1
        ratio = self.camera.height / self.camera.width
        return np.asarray(np.hypot(x[None], y[:, None] * ratio) / np.hypot(1, ratio))
