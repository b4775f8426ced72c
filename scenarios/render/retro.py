"""Glass beads in road markings: they send a headlamp's light back to where it came from.

EN 1436 measures the coefficient of retroreflected luminance R_L [cd/m2/lx] as a driver sees it 30 m ahead (lit at
1.24 degrees to the road, seen at 2.29 degrees): luminance over the illuminance on a plane that faces the lamp.
"""

from __future__ import annotations

from typing import Any

from scenarios.render.mitsuba_setup import dr

NEW_MARKING = 0.15
"""R_L of a dry white marking [cd/m2/lx]: EN 1436's class R3."""
LOBE = 0.0035
"""Squared half-width of the returned light [rad^2], about 3.4 degrees: assumed, the standard measures one angle."""


def retroreflected(viewer: Any, light: Any) -> Any:
    """Luminance over the illuminance of a plane that faces the lamp, between two unit directions; device arrays."""
    apart = 2 * (1 - dr.dot(viewer, light))
    return NEW_MARKING * dr.exp(-apart / LOBE)
