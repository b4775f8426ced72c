"""Colours that a weather gives to what lies on the ground: snow by its age, slush, dried salt, mud, leaves, ice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.mitsuba_setup import dr, mi, opaque
from scenarios.render.surface import LEAF
from scenarios.weather import Weather

FRESH_SNOW = np.array([0.83, 0.855, 0.88])
"""Below the 0.95 and more of clean snow (Wiscombe and Warren 1980): beside a road it is never clean."""
OLD_SNOW = np.array([0.62, 0.6, 0.57])
"""After weeks beside traffic: soot and dust lower the visible albedo, the more the coarser the grains have grown
(Warren and Wiscombe 1980)."""
AGEING = 12.0
"""Days in which snow goes two thirds of the way from fresh to old [d]."""
SLUSH = np.array([0.27, 0.255, 0.24])
SALT = np.array([0.36, 0.36, 0.365])
MUD = np.array([0.085, 0.06, 0.04])
LEAVES = np.array([[0.24, 0.11, 0.025], [0.3, 0.19, 0.04]])
"""Brown and yellow."""
ICE = np.array([0.17, 0.175, 0.185])
"""Diffuse reflectance that the bubbles in a glaze add to asphalt."""


def snow_color(weather: Weather) -> Float[ndarray, "3"]:
    """Diffuse reflectance of untouched snow of the weather's age, linear RGB."""
    return np.asarray(OLD_SNOW + (FRESH_SNOW - OLD_SNOW) * np.exp(-weather.snow_age / AGEING))


@dataclass(frozen=True, eq=False)
class Tints:
    """Colours of one weather on the device.

    Attributes:
        snow, soaked: untouched snow, and slush.
        slush: how far snow on the carriageway is soaked, 0 to 1.
        soil: salt or mud.
        ice: share of a glaze in what is smooth, 0 to 1.
    """

    snow: Any
    soaked: Any
    slush: Any
    soil: Any
    ice: Any

    @classmethod
    def of(cls, weather: Weather) -> Tints:
        """The colours in a weather."""
        shares = np.array([weather.salt, weather.mud]) / max(weather.salt + weather.mud, 1e-6)
        soil = shares[0] * SALT + shares[1] * MUD
        return cls(
            _color(snow_color(weather)),
            _color(SLUSH),
            opaque(mi.Float, weather.slush),
            _color(soil),
            opaque(mi.Float, weather.ice),
        )

    def soiled(self, color: Any, dirt: Any, paved: Any, patchy: Any) -> tuple[Any, Any]:
        """The ground's colour under its dirt (`surface.dirt`), and a leaf's share of it; salt keeps to the `paved`."""
        leaf = dr.clip((dirt - LEAF) * 4, 0, 1)
        color = dr.lerp(color, self.soil, dr.minimum(2 * dirt, 1) * (1 - leaf) * paved)
        brown, yellow = (mi.Color3f(*(float(v) for v in c)) for c in LEAVES)
        return dr.lerp(color, dr.lerp(brown, yellow, dr.clip(0.5 + patchy, 0, 1)), leaf), leaf

    def glazed(self, color: Any, wet: Any) -> Any:
        """The ground's colour under clear ice, greyed by its bubbles; `wet` is how smooth the surface is."""
        return dr.lerp(color, mi.Color3f(*(float(v) for v in ICE)), 0.45 * self.ice * wet)


def _color(values: Float[ndarray, "3"]) -> Any:
    return mi.Color3f(*(opaque(mi.Float, float(v)) for v in values))
