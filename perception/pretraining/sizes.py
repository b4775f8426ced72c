"""Which picture sizes every backbone takes."""

from __future__ import annotations

from perception.config import STRIDES
from perception.errors import WhiteoutError


def check_size(width: int, height: int) -> None:
    """Refuse pictures [px] that the coarsest stage cannot divide, or that are too small for it."""
    if min(width, height) < 64 or width % STRIDES[-1] or height % STRIDES[-1]:
        raise WhiteoutError(f"pretrain: pictures of {width} x {height} px do not suit; use multiples of 32 from 64.")
