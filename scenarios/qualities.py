"""How much work goes into a picture: the one list of qualities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

INDIRECT_CLAMP = 3.0
"""Light arriving over more than one bounce is cut at this multiple of a white, sunlit wall: it removes sparkles."""
HEAVIEST = 4.0
"""What one bounce may multiply a path's light by at most, but in `reference`: it removes sparkles."""


@dataclass(frozen=True)
class Quality:
    """How a picture is traced.

    Attributes:
        samples: paths a pixel, traced at once.
        bounces: surfaces a path meets.
        denoise: Open Image Denoise's effort; "" leaves the picture as it is.
        rounds: how often it is traced, each time by other chance; the picture is the mean.
        clamp: see `INDIRECT_CLAMP`.
        heaviest: see `HEAVIEST`.
    """

    samples: int
    bounces: int
    denoise: str
    rounds: int = 1
    clamp: float = INDIRECT_CLAMP
    heaviest: float = HEAVIEST


QualityName = Literal["physical", "preview", "reference"]

QUALITIES: dict[str, Quality] = {
    "physical": Quality(8, 3, "balanced"),
    "preview": Quality(1, 2, "fast"),
    "reference": Quality(16, 8, "", rounds=32, clamp=float("inf"), heaviest=float("inf")),
}
"""`reference` is what the others are held against: 512 paths a pixel, not denoised, no light cut at the clamp; about a
minute a picture of 640 x 384 on two cores."""

QUALITY_NAMES: tuple[QualityName, ...] = get_args(QualityName)
