"""What road and paint send back to where the light came from: glass beads in markings, and the asphalt's grain.

EN 1436 measures the coefficient of retroreflected luminance R_L [cd/m2/lx] as a driver sees it 30 m ahead (lit at
1.24 degrees to the road, seen at 2.29 degrees): luminance over the illuminance on a plane that faces the lamp. Grain
shows its lit sides to whom the light comes from (Oren and Nayar 1994), so that a road in headlamps is far brighter
than a matte plane at such a flat angle.
"""

from __future__ import annotations

from typing import Any

from scenarios.render.mitsuba_setup import dr

NEW_MARKING = 0.15
"""R_L of a dry white marking [cd/m2/lx]: EN 1436's class R3."""
LOBE = 0.0035
"""Squared half-width of the returned light [rad^2], about 3.4 degrees: assumed, the standard measures one angle."""
BARE_ROAD = 0.012
"""R_L of dry asphalt [cd/m2/lx]: a tenth of a marking's or less, assumed."""
GRAIN_LOBE = 0.08
"""Squared half-width of what the grain returns [rad^2], about 16 degrees: assumed."""
ROUGH = 0.6
"""GGX's alpha of dry asphalt."""


def retroreflected(hit: Any, light: Any) -> Any:
    """Luminance over the illuminance of a plane that faces the lamp, which stands in the local direction `light`."""
    apart = 2 * (1 - dr.dot(hit.viewer, light))
    grain = dr.select(hit.ground, BARE_ROAD * dr.minimum(hit.alpha / ROUGH, 1), 0)
    return hit.beads * NEW_MARKING * dr.exp(-apart / LOBE) + grain * dr.exp(-apart / GRAIN_LOBE)
