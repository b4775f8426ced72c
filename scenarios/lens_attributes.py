"""The lens that a camera blueprint's attributes describe, for the renderer and for the client alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.distortion import COEFFICIENTS
from perception.errors import WhiteoutError
from perception.rolling_shutter import RollingShutter

NAMES = {"pinhole": (), "brown_conrady": ("k1", "k2", "p1", "p2", "k3"), "fisheye": ("k1", "k2", "k3", "k4")}
"""Our attributes `whiteout_lens_*` that hold each model's coefficients, in `Camera.distortion`'s order."""
LARGEST = 1e6
"""Greatest amount of any attribute."""
UNTOUCHED = (-1.0, 0.0)
"""CARLA's defaults of `lens_k` and `lens_kcube`, whose pictures everybody projects into as into a pinhole's."""


def lens_of(attributes: Mapping[str, str], fov: float) -> tuple[str, tuple[float, ...]]:
    """`Camera.lens` and `Camera.distortion` of a camera.

    `whiteout_lens` and its coefficients come first. With "pinhole" CARLA's `lens_k` and `lens_kcube` count, unless they
    are CARLA's defaults. CARLA publishes no formula of its lens material; we take the cubic lens that the names come
    from: with radii in half picture widths, what is drawn at r is what a pinhole draws at r (1 + k s^2 r^2 +
    kcube s^3 r^3), s being the geometric mean of `lens_x_size` and `lens_y_size`. Brown-Conrady coefficients are fitted
    to that.

    Raises:
        WhiteoutError: a value that is no number, or an unknown lens.
    """
    lens = attributes.get("whiteout_lens", "pinhole")
    if lens not in COEFFICIENTS:
        raise WhiteoutError(f"camera attribute whiteout_lens is {lens!r}; choose one of {', '.join(COEFFICIENTS)}")
    if lens != "pinhole":
        return lens, tuple(_number(attributes, f"whiteout_lens_{name}", 0.0) for name in NAMES[lens])
    k, cube = (_number(attributes, n, d) for n, d in zip(("lens_k", "lens_kcube"), UNTOUCHED, strict=True))
    if (k, cube) == UNTOUCHED:
        return "pinhole", ()
    size = (abs(_number(attributes, "lens_x_size", 0.08)) * abs(_number(attributes, "lens_y_size", 0.08))) ** 0.5
    return "brown_conrady", _cubic_lens(k * size**2, cube * size**3, float(np.tan(np.deg2rad(fov) / 2)))


def readout_of(attributes: Mapping[str, str]) -> float:
    """Time in which the sensor reads its rows, `whiteout_rolling_shutter` [s]; 0 reads all at once."""
    return max(_number(attributes, "whiteout_rolling_shutter", 0.0), 0.0)


def shutter_of(readout: float, velocity: Sequence[float], spin: Sequence[float]) -> RollingShutter:
    """Motion given in CARLA's axes [m/s, deg/s] in the world's right-handed axes; angular velocity is no true vector.

    CARLA's yaw and its z rate count clockwise seen from above, so about right-handed axes x and z change their sign.
    """
    x, y, z = (float(v) for v in velocity)
    roll, pitch, yaw = (math.radians(v) for v in spin)
    return RollingShutter(readout, (x, -y, z), (-roll, pitch, -yaw))


def carried(velocity: Float[ndarray, "3"], spin: Float[ndarray, "3"], arm: Float[ndarray, "3"]) -> Float[ndarray, "3"]:
    """Velocity of a point that is fixed to a turning body, all in CARLA's axes.

    Args:
        velocity: of the body's origin [m/s].
        spin: of the body [deg/s]; CARLA's yaw rate turns x towards y.
        arm: from the origin to the point, world axes [m].
    """
    yaw = math.radians(float(spin[2]))
    return np.asarray(velocity + np.array([-yaw * arm[1], yaw * arm[0], 0.0]))


def _cubic_lens(square: float, cube: float, edge: float) -> tuple[float, ...]:
    """Brown-Conrady coefficients of a cubic lens whose picture's half width is `edge` focal lengths."""
    drawn = np.linspace(0.02, 1.25, 200)
    seen = drawn * (1 + square * drawn**2 + cube * drawn**3)
    rising = np.concatenate([[True], np.diff(seen) > 0]).cumprod().astype(bool) & (seen > 0)
    drawn, seen = drawn[rising], seen[rising] * edge
    powers = np.column_stack([seen**2, seen**4, seen**6])
    k1, k2, k3 = np.linalg.lstsq(powers, drawn * edge / seen - 1, rcond=None)[0]
    return float(k1), float(k2), 0.0, 0.0, float(k3)


def _number(attributes: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(attributes.get(name, default))
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise WhiteoutError(f"camera attribute {name} is {attributes[name]!r}; give a number up to {LARGEST:g}")
    return value
