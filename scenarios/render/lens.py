"""From radiance to picture bytes: exposure, glare in the lens, tone curve.

Glare: dust, scratches and inner reflections of lens and windscreen spread a point of light. The spread follows the
CIE disability-glare law of Stiles and Holladay (veil = k E / angle^2 [deg]; Vos 1984), cut at the core; the picture is
convolved with it, and the sun's own veil, which also comes from outside the picture, is added analytically.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Float32, UInt8
from numpy import ndarray
from scipy.fft import irfft2, next_fast_len, rfft2

from perception.camera import Camera

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
SCATTERED = 0.08
"""Share of the light that the lens spreads over the picture."""
SUN_VEIL = 8.0
"""k of the Stiles-Holladay law [deg^2/sr scaled]: about a clean windscreen in front of the lens."""
MIDDLE_GREY = 0.17
BRIGHTEST = 32.0
"""Longest exposure and highest amplification of the automatic camera."""


@dataclass(frozen=True)
class Exposure:
    """How radiance becomes signal: gain, and white balance a channel."""

    gain: float
    balance: tuple[float, float, float]


def meter(radiance: Float[ndarray, "height width 3"], attributes: dict[str, str]) -> Exposure:
    """Exposure of a picture: CARLA's manual values where `exposure_mode` is "manual", else metered from this frame.

    Automatic: the log-mean of the lower two thirds is put to a middle grey, held back so that not more than a fifth of
    the whole picture is blown out; the balance goes half way to a grey mean, as cameras do.
    """
    luminance = np.maximum(radiance @ LUMINANCE, 1e-7)
    rows = luminance.shape[0]
    key = float(np.exp(np.mean(np.log(luminance[rows // 3 :]))))
    gain = MIDDLE_GREY / key
    bright = float(np.quantile(luminance, 0.8))
    gain = min(gain, max(2.6 / bright, gain * 0.35), BRIGHTEST)
    if attributes.get("exposure_mode") == "manual":
        fstop, shutter, iso = (
            float(attributes.get(n, d)) for n, d in (("fstop", "1.4"), ("shutter_speed", "200"), ("iso", "100"))
        )
        gain = 4.0 * (1.4 / fstop) ** 2 * (200 / shutter) * (iso / 100)
    gain *= 2.0 ** float(attributes.get("exposure_compensation", "0"))
    mean = np.minimum(radiance, 3 / gain).mean((0, 1)) + 1e-9
    balance = (mean @ LUMINANCE / mean) ** 0.3
    balance = np.clip(balance / (balance @ LUMINANCE), 0.6, 1.9)
    return Exposure(float(gain), (float(balance[0]), float(balance[1]), float(balance[2])))


def develop(
    radiance: Float[ndarray, "height width 3"], exposure: Exposure, veil: Float[ndarray, "height width 3"]
) -> UInt8[ndarray, "height width 3"]:
    """Picture bytes of a radiance; `veil` is light that the lens adds (the sun's), in the same units."""
    seen = spread(radiance) + veil
    signal = seen * (exposure.gain * np.array(exposure.balance)).astype(np.float32)
    return to_bytes(tone(signal))


def spread(radiance: Float[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
    """The picture with the light that lens and windscreen scatter inside it."""
    height, width = radiance.shape[:2]
    size = (next_fast_len(2 * height), next_fast_len(2 * width))
    kernel = _kernel(size, width)
    light = np.asarray(radiance, np.float32)
    scattered = irfft2(rfft2(light, s=size, axes=(0, 1)) * kernel[..., None], s=size, axes=(0, 1))[:height, :width]
    return np.asarray(np.maximum((1 - SCATTERED) * radiance + SCATTERED * scattered, 0), np.float32)


_KERNELS: dict[tuple[int, int, int], Complex[ndarray, "h w"]] = {}


def _kernel(size: tuple[int, int], width: int) -> Complex[ndarray, "h w"]:
    """Transform of the spread function: a narrow bloom and the 1 / angle^2 veil, one together."""
    key = (*size, width)
    if key not in _KERNELS:
        y = np.minimum(np.arange(size[0]), size[0] - np.arange(size[0]))[:, None]
        x = np.minimum(np.arange(size[1]), size[1] - np.arange(size[1]))[None]
        pixels = np.hypot(x, y) * (640 / width)
        bloom = np.exp(-((pixels / 2.2) ** 2))
        veil = 1 / (pixels**2 + 9.0)
        kernel = 0.5 * bloom / bloom.sum() + 0.5 * veil / veil.sum()
        _KERNELS[key] = rfft2(kernel).astype(np.complex64)
    return _KERNELS[key]


def sun_veil(
    camera: Camera, sun: Float[ndarray, "3"], irradiance: Float[ndarray, "3"], visible: float
) -> Float32[ndarray, "height width 3"]:
    """Light that the sun's disc, in the picture or beside it, spreads over the picture; and the disc itself."""
    x = (np.arange(camera.width) + 0.5 - camera.intrinsics[0, 2]) / camera.intrinsics[0, 0]
    y = (np.arange(camera.height) + 0.5 - camera.intrinsics[1, 2]) / camera.intrinsics[1, 1]
    local = camera.camera_to_world[:3, :3].T @ sun
    along = (local[0] * x[None, :] + local[1] * y[:, None] + local[2]) / np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2)
    angle = np.rad2deg(np.arccos(np.clip(along, -1, 1)))
    inside = np.clip(local[2] * 4 + 0.4, 0, 1)
    law = SUN_VEIL / (angle**2 + 0.5) + 60 * np.exp(-((angle / 0.4) ** 2)) + 1.6 * np.exp(-angle / 1.1)
    return np.asarray(law[..., None] * irradiance * visible * inside, np.float32)


def tone(signal: Float[ndarray, "height width 3"]) -> Float[ndarray, "height width 3"]:
    """A camera's curve (Hable's shoulder form fitted by Narkowicz 2015), then sRGB's transfer function; 0 to 1."""
    x = np.maximum(signal, 0) * 0.9
    curved = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    return np.where(curved <= 0.0031308, 12.92 * curved, 1.055 * np.power(np.maximum(curved, 1e-8), 1 / 2.4) - 0.055)


def to_bytes(picture: Float[ndarray, "height width 3"]) -> UInt8[ndarray, "height width 3"]:
    """0 to 1 as 8 bits, rounded."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
