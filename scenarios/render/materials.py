"""What things are made of, by name, and the table of numbers the tracer reads.

Reflectances are linear RGB at 0 to 1. A roughness is GGX's alpha's square root, as in Disney's "principled" model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

LAMP_KINDS = ("none", "headlight", "taillight", "brakelight", "indicator", "lamp_red", "lamp_yellow", "lamp_green",
              "streetlamp", "window", "tunnel")  # fmt: skip
"""Kinds of things that can glow; an actor's (or the scenery's) lamp bits say which of them do."""


@dataclass(frozen=True)
class Material:
    """One material.

    Attributes:
        color: diffuse reflectance; of a metal, its mirror's.
        roughness: 0 mirror to 1 matte.
        specular: reflectance at right angles of the dielectric's surface.
        metallic: 0 or 1.
        clearcoat: strength of a second, sharp, clear layer.
        detail: how far the surface tile's grain brightens and darkens the colour (0.1 = +-10 %).
        snow: how far snow stays on it: 1 ground, 0 never.
        film: how far water and ice films form on it.
        ground: lies on the ground: its mirror image of the sun counts as glare.
        traffic: wheels roll over it, although it follows no lane.
        ploughed: cleared with the carriageway, although it lies on the verge's tile.
        slab: made of concrete slabs with sealed joints, 5 m long and a lane wide.
        wear: share of it that is worn off to the asphalt below, for paint.
        semantic: CARLA's CityObjectLabel where it is part of the scenery.
        lamp: its kind of lamp, from LAMP_KINDS.
    """

    color: tuple[float, float, float]
    roughness: float = 0.8
    specular: float = 0.04
    metallic: float = 0.0
    clearcoat: float = 0.0
    detail: float = 0.0
    snow: float = 0.0
    film: float = 0.0
    ground: bool = False
    traffic: bool = False
    ploughed: bool = False
    slab: bool = False
    wear: float = 0.0
    semantic: int = 20
    lamp: str = "none"


ASPHALT_COLOR = (0.088, 0.09, 0.096)
_ROAD = Material(ASPHALT_COLOR, 0.78, detail=0.35, snow=1.0, film=1.0, ground=True, semantic=1)
CONCRETE_COLOR = (0.27, 0.262, 0.245)
"""Weathered grey concrete reflects 0.20 to 0.30, new one 0.35 to 0.40 (American Concrete Pavement Association 2002,
"Albedo: a measure of pavement surface reflectance")."""
_CONCRETE = replace(_ROAD, color=CONCRETE_COLOR, roughness=0.7, detail=0.12, slab=True)
_PAINT = replace(_ROAD, color=(0.72, 0.72, 0.7), roughness=0.6, detail=0.1, wear=0.22, ploughed=True, semantic=24)

MATERIALS: dict[str, Material] = {
    "road": _ROAD,
    "junction": replace(_ROAD, traffic=True),
    "shoulder": replace(_ROAD, color=(0.115, 0.112, 0.108), ploughed=True),
    "marking_white": _PAINT,
    "crossing": replace(_PAINT, traffic=True),
    "marking_yellow": replace(_PAINT, color=(0.68, 0.42, 0.05)),
    "marking_red": replace(_PAINT, color=(0.45, 0.03, 0.02)),
    "marking_blue": replace(_PAINT, color=(0.02, 0.1, 0.42)),
    "marking_green": replace(_PAINT, color=(0.02, 0.25, 0.08)),
    "marking_orange": replace(_PAINT, color=(0.65, 0.17, 0.02)),
    "marking_violet": replace(_PAINT, color=(0.25, 0.05, 0.3)),
    "bridge": Material((0.34, 0.33, 0.31), 0.85, detail=0.25, snow=0.3, semantic=26),
    "wall": Material((0.34, 0.33, 0.31), 0.85, detail=0.2, snow=0.3, semantic=4),
    "rail": Material((0.42, 0.43, 0.44), 0.45, metallic=1.0, snow=0.2, semantic=28),
    "grass": Material((0.085, 0.115, 0.035), 0.95, 0.02, detail=0.5, snow=1.0, film=0.2, ground=True, semantic=10),
    "gravel": Material((0.2, 0.185, 0.16), 0.95, 0.03, detail=0.5, snow=1.0, film=0.3, ground=True, semantic=10),
    "snow_bank": Material((0.64, 0.65, 0.67), 0.9, 0.01, detail=0.3, snow=0.75, ground=True, semantic=10),
    "sidewalk": Material((0.33, 0.32, 0.3), 0.85, detail=0.2, snow=0.85, film=0.8, ground=True, semantic=2),
    "kerb": Material((0.4, 0.39, 0.37), 0.8, detail=0.2, snow=0.8, film=0.6, ground=True, semantic=2),
    "brick": Material((0.3, 0.14, 0.095), 0.85, detail=0.25, snow=0.3, semantic=3),
    "plaster": Material((0.6, 0.55, 0.45), 0.9, detail=0.1, snow=0.3, semantic=3),
    "roof": Material((0.2, 0.085, 0.06), 0.8, detail=0.25, snow=1.0, semantic=3),
    "frame": Material((0.6, 0.6, 0.58), 0.5, snow=0.3, semantic=3),
    "glazing": Material((0.02, 0.025, 0.03), 0.06, 0.11, semantic=3),
    "door": Material((0.1, 0.06, 0.035), 0.5, semantic=3),
    "bark": Material((0.085, 0.065, 0.05), 0.95, detail=0.3, snow=0.42, semantic=9),
    "leaf": Material((0.05, 0.085, 0.022), 0.75, 0.03, detail=0.4, snow=0.7, semantic=9),
    "needle": Material((0.025, 0.05, 0.022), 0.8, 0.03, detail=0.4, snow=0.62, semantic=9),
    "metal": Material((0.45, 0.46, 0.47), 0.4, metallic=1.0, snow=0.2, semantic=6),
    "pole": Material((0.3, 0.31, 0.32), 0.45, snow=0.1, semantic=6),
    "body": Material((0.4, 0.4, 0.42), 0.42, 0.05, clearcoat=1.0, snow=0.12),
    "glass": Material((0.012, 0.014, 0.016), 0.06, 0.08),
    "tyre": Material((0.022, 0.022, 0.023), 0.9, 0.03),
    "rim": Material((0.5, 0.5, 0.52), 0.3, metallic=1.0),
    "plastic": Material((0.025, 0.025, 0.027), 0.55),
    "headlight": Material((0.6, 0.6, 0.58), 0.12, 0.06, clearcoat=1.0, lamp="headlight"),
    "taillight": Material((0.35, 0.012, 0.012), 0.15, 0.05, clearcoat=1.0, lamp="taillight"),
    "brakelight": Material((0.38, 0.012, 0.012), 0.15, 0.05, clearcoat=1.0, lamp="brakelight"),
    "indicator": Material((0.6, 0.22, 0.02), 0.15, 0.05, clearcoat=1.0, lamp="indicator"),
    "plate": Material((0.7, 0.7, 0.66), 0.5),
    "skin": Material((0.42, 0.26, 0.19), 0.6),
    "cloth_a": Material((0.12, 0.13, 0.2), 0.95),
    "cloth_b": Material((0.05, 0.055, 0.075), 0.95),
    "shoe": Material((0.03, 0.028, 0.026), 0.7),
    "hair": Material((0.05, 0.035, 0.022), 0.7),
    "lamp_red": Material((0.25, 0.02, 0.02), 0.25, lamp="lamp_red"),
    "lamp_yellow": Material((0.3, 0.2, 0.02), 0.25, lamp="lamp_yellow"),
    "lamp_green": Material((0.02, 0.25, 0.1), 0.25, lamp="lamp_green"),
    "lamp": Material((0.7, 0.7, 0.65), 0.3, semantic=6, lamp="streetlamp"),
    "tunnel_lamp": Material((0.7, 0.7, 0.65), 0.3, semantic=6, lamp="tunnel"),
    "cone": Material((0.75, 0.13, 0.02), 0.6, snow=0.2),
    "reflector": Material((0.85, 0.85, 0.82), 0.5),
    "sign": Material((0.75, 0.75, 0.73), 0.45, semantic=8),
    "sign_red": Material((0.55, 0.03, 0.03), 0.45, semantic=8),
    "sign_blue": Material((0.03, 0.1, 0.45), 0.45, semantic=8),
    "sign_yellow": Material((0.75, 0.45, 0.02), 0.45, semantic=8),
    "sign_back": Material((0.35, 0.36, 0.37), 0.5, semantic=8),
    "housing": Material((0.03, 0.032, 0.03), 0.5),
    "concrete": _CONCRETE,
    "concrete_junction": replace(_CONCRETE, traffic=True),
    "concrete_shoulder": replace(_CONCRETE, ploughed=True),
}  # fmt: skip

COLUMNS = 16


class MaterialTable:
    """Numbers for materials, and their rows; a coloured variant gets its own number when it is first asked for."""

    def __init__(self) -> None:
        self.names: list[str] = list(MATERIALS)
        self.entries: list[Material] = list(MATERIALS.values())
        self._numbers: dict[tuple[str, tuple[float, float, float] | None], int] = {
            (name, None): i for i, name in enumerate(self.names)
        }

    def number(self, name: str, color: tuple[float, float, float] | None = None) -> int:
        """The number of material `name`, in another linear RGB `color` if given; an unknown name is grey plastic."""
        key = (name, color)
        if key not in self._numbers:
            base = MATERIALS.get(name, Material((0.3, 0.3, 0.3), 0.6))
            self._numbers[key] = len(self.entries)
            self.names.append(name)
            self.entries.append(base if color is None else replace(base, color=color))
        return self._numbers[key]

    def rows(self) -> Float32[ndarray, "n 16"]:
        """One row a material, in the order that `shading.Surface` reads."""
        return np.array(
            [
                (*m.color, m.roughness, m.specular, m.metallic, m.clearcoat, m.detail, m.snow, m.film, float(m.ground),
                 m.wear, float(LAMP_KINDS.index(m.lamp)), float(m.traffic), float(m.ploughed),
                 float(m.slab))
                for m in self.entries
            ],
            dtype=np.float32,
        )  # fmt: skip
