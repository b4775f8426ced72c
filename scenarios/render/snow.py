"""How snow scatters: brighter towards a low sun than a matte surface of the same albedo.

The reflectance factor of a deep layer of clean snow is Kokhanovsky and Zege's (2004, "Scattering optics of snow") in
the form that Kokhanovsky and Breon (2012) compared with satellite data: with mu and mu0 the cosines of view and sun,

    R0 = (a + b (mu + mu0) + c mu mu0 + p(theta)) / (4 (mu + mu0)),   a = 1.247, b = 1.186, c = 5.157,
    p(theta) = 11.1 exp(-0.087 theta) + 1.1 exp(-0.014 theta),        theta the scattering angle [deg].

Roughness of a real surface takes off the peak at grazing angles (Warren, Brandt and O'Rawe Hinton 1998), so does
`PEAK` here.
"""

from __future__ import annotations

from typing import Any

from scenarios.render.mitsuba_setup import dr, mi

PEAK = 2.6
"""Highest ratio to a matte surface."""


def anisotropy(viewer: Any, light: Any) -> Any:
    """Reflectance factor of non-absorbing snow between two local unit directions (z up), about 1; device arrays."""
    mu, mu0 = dr.maximum(viewer.z, 0.02), dr.maximum(light.z, 0.02)
    theta = 180 - dr.rad2deg(dr.safe_acos(dr.dot(viewer, light)))
    phase = 11.1 * dr.exp(-0.087 * theta) + 1.1 * dr.exp(-0.014 * theta)
    total = 1.247 + 1.186 * (mu + mu0) + 5.157 * mu * mu0 + phase
    return dr.minimum(total / (4 * (mu + mu0)), mi.Float(PEAK))
