"""From signal to bytes: photons and read-out noise, the tone curve, eight bits.

Noise is EMVA 1288's linear model: the variance of a pixel's electrons is their mean (photons arrive by chance) plus the
square of the read noise; amplification by the ISO setting means fewer electrons for the same signal.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray

FULL_WELL = 10_000.0
"""Electrons of signal 1 at ISO 100: the order of a small automotive pixel."""
READ_NOISE = 3.0
"""[electrons]"""


def noisy(
    signal: Float32[ndarray, "height width 3"], amplification: float, strength: float, seed: int
) -> Float32[ndarray, "height width 3"]:
    """The signal as the sensor reads it.

    Args:
        signal: 1 is about white.
        amplification: ISO / 100.
        strength: of the noise; 1 for the model, 0 for none.
        seed: the same number gives the same noise.
    """
    if strength <= 0:
        return signal
    step = np.float32(max(amplification, 1e-3) / FULL_WELL)
    chance = np.random.Generator(np.random.SFC64(seed)).standard_normal(signal.shape, dtype=np.float32)
    spread = np.sqrt(np.maximum(signal, 0) * step + (np.float32(READ_NOISE) * step) ** 2)
    return np.asarray(signal + np.float32(strength) * spread * chance, np.float32)


def tone(signal: Float[ndarray, "height width 3"]) -> Float[ndarray, "height width 3"]:
    """A camera's curve (Hable's shoulder form fitted by Narkowicz 2015), then sRGB's transfer function; 0 to 1."""
    x = np.maximum(signal, 0) * 0.9
    return srgb(np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1))


def srgb(linear: Float[ndarray, "height width 3"]) -> Float[ndarray, "height width 3"]:
    """The transfer function of IEC 61966-2-1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(np.maximum(linear, 1e-8), 1 / 2.4) - 0.055)


def to_bytes(picture: Float[ndarray, "height width 3"]) -> UInt8[ndarray, "height width 3"]:
    """0 to 1 as 8 bits, rounded."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
