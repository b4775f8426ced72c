"""How masks that are not whole numbers are kept in PNG files: normals, optical flow, the glare's radiance ratio."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16
from numpy import ndarray

CODED = ("normals", "flow", "glare_ratio")
"""The kinds of masks that this module writes and reads."""

FLOW_STEPS, FLOW_ZERO = 64.0, 2**15
"""Steps a pixel, and the code of no motion, of KITTI's flow benchmark (Menze and Geiger 2015; its development kit)."""

RATIO_STEPS = 256.0
"""Steps to a factor of two: neighbouring codes differ by 0.27 %."""


def encode_flow(flow: Float[ndarray, "height width 2"]) -> UInt16[ndarray, "height width 3"]:
    """Flow [px] as KITTI's PNGs keep it: right and down in 1/64 px from 2^15, then 1 where it is known.

    What is NaN or lies beyond +-512 px is kept as not known.
    """
    code = np.rint(np.nan_to_num(flow.astype(np.float64), nan=np.inf) * FLOW_STEPS + FLOW_ZERO)
    known = ((code >= 0) & (code < 2**16)).all(-1)
    kept = np.where(known[..., None], np.clip(code, 0, 2**16 - 1), 0)
    return np.dstack([kept, known]).astype(np.uint16)


def decode_flow(code: UInt16[ndarray, "height width 3"]) -> Float32[ndarray, "height width 2"]:
    """Flow, right and down [px], exact to 1/128 px; NaN where it is not known."""
    flow = (code[..., :2].astype(np.float32) - FLOW_ZERO) / np.float32(FLOW_STEPS)
    return np.where(code[..., 2:] > 0, flow, np.float32(np.nan))


def encode_ratio(ratio: Float[ndarray, "height width"]) -> UInt16[ndarray, "height width"]:
    """A ratio of 1 or more as 256 times its binary logarithm, rounded: 0 is 1, 256 is 2, 2560 is 1024."""
    return np.asarray(np.rint(np.log2(np.clip(ratio.astype(np.float64), 1, 2.0**255)) * RATIO_STEPS), np.uint16)


def decode_ratio(code: UInt16[ndarray, "height width"]) -> Float[ndarray, "height width"]:
    """The ratio, exact to 0.14 %."""
    return np.asarray(2.0 ** (code / RATIO_STEPS), np.float64)


def encode_normals(normals: Float[ndarray, "height width 3"]) -> UInt8[ndarray, "height width 3"]:
    """Unit vectors, or 0, as bytes: -1 is 1, 0 is 128, 1 is 255."""
    return np.asarray(np.rint(np.clip(normals, -1, 1) * 127 + 128), np.uint8)


def decode_normals(code: UInt8[ndarray, "height width 3"]) -> Float32[ndarray, "height width 3"]:
    """The vectors, exact to 1/254 an axis."""
    return (code.astype(np.float32) - 128) / np.float32(127)
