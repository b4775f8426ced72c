"""Lens models: from a direction to the place in the picture where it is drawn, and back.

Both are OpenCV's: "brown_conrady" with coefficients k1, k2, p1, p2, k3 (Brown 1966, "Decentering distortion of lenses")
and "fisheye" with k1 to k4 (Kannala and Brandt 2006, "A generic camera model and calibration method"): the distance
from the middle is angle (1 + k1 angle^2 + k2 angle^4 + ...), equidistant without coefficients. Places are normalised:
x / z and y / z for a pinhole, without focal length and principal point.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

COEFFICIENTS = {"pinhole": 0, "brown_conrady": 5, "fisheye": 4}
"""Number of coefficients of each lens model."""
STEPS = 30
"""Of Newton's method; it stops long before where the model can be inverted."""


def distort(lens: str, coefficients: tuple[float, ...], directions: Float[ndarray, "n 3"]) -> Float[ndarray, "n 2"]:
    """Normalised places of directions in camera axes; NaN where the lens does not draw them.

    A pinhole draws what lies ahead. Distorted models are cut where their polynomial would fold the picture over.
    """
    x, y, z = np.asarray(directions, np.float64).T
    if lens == "fisheye":
        flat = np.hypot(x, y)
        angle = np.arctan2(flat, z)
        scale = np.divide(_fisheye(coefficients, angle)[0], flat, out=np.ones_like(flat), where=flat > 1e-12)
        places = np.column_stack([x * scale, y * scale])
        return np.where((angle <= largest_angle(coefficients))[:, None], places, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.column_stack([x / z, y / z])
    places = np.where((z > 0)[:, None], places, np.nan)
    if lens == "brown_conrady":
        inside = np.hypot(*places.T) <= largest_radius(coefficients)
        places = np.where(inside[:, None], _brown(coefficients, places)[0], np.nan)
    return places


def undistort(lens: str, coefficients: tuple[float, ...], places: Float[ndarray, "n 2"]) -> Float[ndarray, "n 3"]:
    """Unit directions in camera axes that a lens draws at places; beyond its reach, the last that it draws."""
    places = np.asarray(places, np.float64)
    if lens == "fisheye":
        radius = np.hypot(*places.T)
        limit = largest_angle(coefficients)
        angle = np.minimum(radius, limit)
        for _ in range(STEPS):
            value, slope = _fisheye(coefficients, angle)
            step = (value - radius) / np.maximum(slope, 1e-3)
            angle = np.clip(angle - step, 0, limit)
            if np.abs(step).max(initial=0) < 1e-13:
                break
        share = np.divide(np.sin(angle), radius, out=np.ones_like(radius), where=radius > 1e-12)
        return np.column_stack([places * share[:, None], np.cos(angle)])
    flat = places if lens == "pinhole" else _unbrown(coefficients, places)
    directions = np.column_stack([flat, np.ones(len(flat))])
    return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))


@lru_cache(maxsize=16)
def largest_angle(coefficients: tuple[float, ...]) -> float:
    """Angle from the axis up to which a fisheye's polynomial grows [rad]."""
    angles = np.linspace(0, np.pi, 3601)
    falling = np.flatnonzero(_fisheye(coefficients, angles)[1] <= 1e-3)
    return float(angles[falling[0] - 1] if len(falling) else angles[-1] - 1e-6)


@lru_cache(maxsize=16)
def largest_radius(coefficients: tuple[float, ...]) -> float:
    """Undistorted radius up to which a Brown-Conrady lens's radial polynomial grows; at most 20 (87 degrees)."""
    k1, k2, _, _, k3 = coefficients
    radii = np.linspace(0, 20, 20001)
    square = radii**2
    falling = np.flatnonzero(1 + square * (3 * k1 + square * (5 * k2 + square * 7 * k3)) <= 1e-3)
    return float(radii[falling[0] - 1] if len(falling) else radii[-1])


def _fisheye(
    coefficients: tuple[float, ...], angle: Float[ndarray, "n"]
) -> tuple[Float[ndarray, "n"], Float[ndarray, "n"]]:
    """Distance from the middle at an angle, and its derivative."""
    k1, k2, k3, k4 = coefficients
    s = angle**2
    value = angle * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))))
    slope = 1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))
    return value, slope


def _brown(
    coefficients: tuple[float, ...], places: Float[ndarray, "n 2"]
) -> tuple[Float[ndarray, "n 2"], Float[ndarray, "n 2 2"]]:
    """Distorted places, and the derivative by the undistorted ones."""
    k1, k2, p1, p2, k3 = coefficients
    x, y = places.T
    s = x * x + y * y
    radial = 1 + s * (k1 + s * (k2 + s * k3))
    growth = 2 * (k1 + s * (2 * k2 + s * 3 * k3))
    distorted = np.column_stack([
        x * radial + 2 * p1 * x * y + p2 * (s + 2 * x * x),
        y * radial + p1 * (s + 2 * y * y) + 2 * p2 * x * y,
    ])  # fmt: skip
    mixed = x * y * growth + 2 * p1 * x + 2 * p2 * y
    rows = [
        np.column_stack([radial + x * x * growth + 2 * p1 * y + 6 * p2 * x, mixed]),
        np.column_stack([mixed, radial + y * y * growth + 6 * p1 * y + 2 * p2 * x]),
    ]
    return distorted, np.stack(rows, axis=1)


def _unbrown(coefficients: tuple[float, ...], places: Float[ndarray, "n 2"]) -> Float[ndarray, "n 2"]:
    limit = largest_radius(coefficients)
    flat = _within(places, limit)
    for _ in range(STEPS):
        value, slope = _brown(coefficients, flat)
        determinant = slope[:, 0, 0] * slope[:, 1, 1] - slope[:, 0, 1] * slope[:, 1, 0]
        determinant = np.where(np.abs(determinant) < 1e-6, 1e-6, determinant)
        error = value - places
        step = np.column_stack([
            slope[:, 1, 1] * error[:, 0] - slope[:, 0, 1] * error[:, 1],
            slope[:, 0, 0] * error[:, 1] - slope[:, 1, 0] * error[:, 0],
        ]) / determinant[:, None]  # fmt: skip
        flat = _within(flat - step, limit)
        if np.abs(step).max(initial=0) < 1e-13:
            break
    return flat


def _within(places: Float[ndarray, "n 2"], limit: float) -> Float[ndarray, "n 2"]:
    """Places moved towards the middle where they lie beyond a radius."""
    radius = np.hypot(*places.T)
    return np.asarray(places * np.minimum(1, limit / np.maximum(radius, 1e-12))[:, None])
