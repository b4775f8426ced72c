"""Places beside a road: from OpenDRIVE's s and t to the map's axes, as the file's plan view and elevation give them.

ASAM OpenDRIVE's shapes: lines, arcs, spirals (Euler curves) and (parametric) cubic polynomials.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scenarios.render.opendrive_number import number_in

Place = tuple[float, float, float, float]
"""x, y, z [m] and heading [rad] in OpenDRIVE's axes."""


@dataclass(frozen=True, eq=False)
class ReferenceLine:
    """The reference line of one `<road>`."""

    geometries: tuple[ET.Element, ...]
    elevations: tuple[ET.Element, ...]

    @classmethod
    def of(cls, road: ET.Element) -> ReferenceLine:
        """Read a road's line."""
        geometries = sorted(road.findall("planView/geometry"), key=lambda one: number_in(one, "s"))
        elevations = sorted(road.findall("elevationProfile/elevation"), key=lambda one: number_in(one, "s"))
        return cls(tuple(geometries), tuple(elevations))

    def at(self, s: float, t: float = 0.0) -> Place:
        """The place `t` metres left of the line at `s` metres along it."""
        x, y, heading = self._plan(s)
        return x - t * math.sin(heading), y + t * math.cos(heading), self.height(s), heading

    def height(self, s: float) -> float:
        """Elevation at s [m]."""
        return cubic_at(self.elevations, "s", s)

    def _plan(self, s: float) -> tuple[float, float, float]:
        if not self.geometries:
            return 0.0, 0.0, 0.0
        part = latest(self.geometries, "s", s) or self.geometries[0]
        length, shape = number_in(part, "length"), next(iter(part), None)
        ds = min(max(s - number_in(part, "s"), 0.0), length)
        u, v, turn = (ds, 0.0, 0.0) if shape is None else _local(shape, ds, length)
        heading = number_in(part, "hdg")
        c, d = math.cos(heading), math.sin(heading)
        return number_in(part, "x") + c * u - d * v, number_in(part, "y") + d * u + c * v, heading + turn


def latest(parts: Iterable[ET.Element], start: str, s: float) -> ET.Element | None:
    """The last of the elements, by their attribute `start`, that begins at or before `s`; None before the first."""
    begun = [one for one in parts if number_in(one, start) <= s + 1e-9]
    return max(reversed(begun), key=lambda one: number_in(one, start), default=None)


def cubic_at(parts: Iterable[ET.Element], start: str, s: float) -> float:
    """Value at `s` of cubic polynomials that each begin at their attribute `start`; 0 before the first."""
    part = latest(parts, start, s)
    if part is None:
        return 0.0
    ds = s - number_in(part, start)
    return sum(number_in(part, name) * ds**power for power, name in enumerate("abcd"))


def _local(shape: ET.Element, ds: float, length: float) -> tuple[float, float, float]:
    """Place and heading `ds` metres along a geometry, in its own axes."""
    if shape.tag in {"arc", "spiral"}:
        first = number_in(shape, "curvature") if shape.tag == "arc" else number_in(shape, "curvStart")
        last = first if shape.tag == "arc" else number_in(shape, "curvEnd")
        along = np.linspace(0.0, ds, 65)
        turn = first * along + (last - first) / max(length, 1e-9) * along**2 / 2
        step = ds / (len(along) - 1)
        u, v = (float((f[1:] + f[:-1]).sum() * step / 2) for f in (np.cos(turn), np.sin(turn)))
        return u, v, float(turn[-1])
    if shape.tag == "poly3":
        a, b, c, d = (number_in(shape, name) for name in "abcd")
        return ds, a + b * ds + c * ds**2 + d * ds**3, math.atan(b + 2 * c * ds + 3 * d * ds**2)
    if shape.tag == "paramPoly3":
        p = ds if shape.get("pRange") == "arcLength" else ds / max(length, 1e-9)
        powers, slopes = np.array([1, p, p**2, p**3]), np.array([0, 1, 2 * p, 3 * p**2])
        across, up = (np.array([number_in(shape, name + axis) for name in "abcd"]) for axis in "UV")
        return float(across @ powers), float(up @ powers), math.atan2(float(up @ slopes), float(across @ slopes))
    return ds, 0.0, 0.0
