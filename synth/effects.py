"""Named photometric effects in named strengths, as albumentations transforms.

The numbers are given for a picture 384 px high and scale with the height, so that a strength means the same on any
camera. `RandomSnow`'s "texture" method is not used: in albumentations 2.0.8 it adds the texture to hue and saturation
too, and bright pixels wrap around to dark.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it asks the network for a newer version

import albumentations as A
from jaxtyping import UInt8
from numpy import ndarray

from perception.errors import WhiteoutError

STRENGTHS: tuple[str, ...] = ("mild", "medium", "strong")
REFERENCE_HEIGHT = 384
"""Height [px] for which the effects' numbers are given."""

Size = tuple[int, int]
"""Width, height [px]."""

Step = A.BasicTransform | A.BaseCompose
"""One transform, or a choice between several."""


def _snow(level: int, size: Size) -> list[Step]:
    """Snow on the ground and in the air: dark pixels bleached, soft short flakes over them."""
    _, height = size
    bleach = A.RandomSnow(
        snow_point_range=[(0.25, 0.35), (0.4, 0.5), (0.55, 0.65)][level],
        brightness_coeff=[1.4, 1.7, 2.0][level],
        method="bleach",
        p=1,
    )
    flakes = A.RandomRain(
        slant_range=(-4, 4),
        drop_length=_pixels(3, height),
        drop_width=_pixels(2, height),
        drop_color=(230, 230, 235),
        blur_value=_pixels(3, height),
        brightness_coefficient=1.0,
        rain_type=["default", "heavy", "torrential"][level],
        p=1,
    )
    return [bleach, flakes]


def _sun_flare(level: int, size: Size) -> list[Step]:
    """The sun in or near the picture's upper half, with lens ghosts."""
    _, height = size
    flare = A.RandomSunFlare(
        flare_roi=(0.1, 0.05, 0.9, 0.45),
        src_radius=_pixels([25, 50, 90][level], height),
        src_color=(255, 246, 224),
        num_flare_circles_range=[(3, 5), (5, 8), (8, 12)][level],
        method="physics_based",
        p=1,
    )
    return [flare, _veil(level)]


def _veil(level: int) -> A.BasicTransform:
    """Light scattered in the lens: less contrast, more brightness everywhere."""
    lift = [0.03, 0.08, 0.16][level]
    return A.RandomBrightnessContrast(brightness_limit=(lift, lift), contrast_limit=(-2 * lift, -lift), p=1)


def _rain(level: int, size: Size) -> list[Step]:
    """Streaks, less light, less contrast."""
    _, height = size
    return [
        A.RandomRain(
            slant_range=(-8, 8),
            drop_length=_pixels([14, 20, 28][level], height),
            drop_width=1,
            drop_color=(190, 195, 200),
            blur_value=_pixels([2, 3, 4][level], height),
            brightness_coefficient=[0.9, 0.8, 0.65][level],
            rain_type=["default", "heavy", "torrential"][level],
            p=1,
        )
    ]


def _fog(level: int, size: Size) -> list[Step]:
    """Bright haze, densest around the middle of the picture, where the road vanishes."""
    del size
    amount = [0.35, 0.6, 0.9][level]
    return [A.RandomFog(fog_coef_range=(amount - 0.05, amount + 0.05), alpha_coef=[0.07, 0.12, 0.2][level], p=1)]


def _blur(level: int, size: Size) -> list[Step]:
    """Camera shake or a lens out of focus."""
    _, height = size
    shortest, longest = [(5, 7), (9, 13), (17, 23)][level]
    lengths = (_odd(shortest, height), _odd(longest, height))
    sigma = max(0.75, [1.2, 2.2, 4.0][level] * height / REFERENCE_HEIGHT)  # below that the kernel is one pixel
    return [
        A.OneOf(
            [
                A.MotionBlur(blur_limit=lengths, allow_shifted=False, direction_range=(0, 0), p=1),
                A.GaussianBlur(blur_limit=0, sigma_limit=(0.8 * sigma, 1.2 * sigma), p=1),
            ],
            p=1,
        )
    ]


def _compression(level: int, size: Size) -> list[Step]:
    """A starved video link."""
    del size
    return [A.ImageCompression(quality_range=[(35, 45), (16, 22), (7, 10)][level], p=1)]


def _crop(level: int, size: Size) -> list[Step]:
    """A part of the picture, enlarged to the full size; the one effect here that moves pixels."""
    width, height = size
    share = [0.9, 0.75, 0.6][level]
    part = A.RandomCrop(height=max(1, round(share * height)), width=max(1, round(share * width)), p=1)
    return [part, A.Resize(height=height, width=width, p=1)]


EFFECTS: dict[str, Callable[[int, Size], list[Step]]] = {
    "snow": _snow,
    "sun_flare": _sun_flare,
    "rain": _rain,
    "fog": _fog,
    "blur": _blur,
    "compression": _compression,
    "crop": _crop,
}
DEFAULT_EFFECTS: tuple[str, ...] = tuple(name for name in EFFECTS if name != "crop")
MOVING: frozenset[str] = frozenset({"crop"})
"""Effects after which labels are no longer where they were."""


@cache
def pipeline(effect: str, strength: str, size: Size, twins: tuple[str, ...] = ()) -> A.Compose:
    """The transform for one effect on pictures of `size` (width, height [px]).

    Call `set_random_seed` on it before each use. The picture goes in as "image", further rasters as "masks". An effect
    of `MOVING` also takes boxes as "bboxes" (left, top, right, bottom [px]) with their indices as "box_ids", and
    points as "keypoints" (x, y [px]); points outside the picture stay.

    Args:
        effect: a key of `EFFECTS`.
        strength: one of `STRENGTHS`.
        size: width and height of the picture [px].
        twins: names of further RGB pictures that get the very same effect.
    """
    if effect not in EFFECTS:
        raise WhiteoutError(f"effect '{effect}' is unknown; choose from {', '.join(EFFECTS)}.")
    if strength not in STRENGTHS:
        raise WhiteoutError(f"strength '{strength}' is unknown; choose from {', '.join(STRENGTHS)}.")
    boxes = A.BboxParams("pascal_voc", label_fields=["box_ids"], clip=True, min_area=1.0)
    points = A.KeypointParams("xy", remove_invisible=False)
    return A.Compose(
        EFFECTS[effect](STRENGTHS.index(strength), size),
        bbox_params=boxes if effect in MOVING else None,
        keypoint_params=points if effect in MOVING else None,
        additional_targets=dict.fromkeys(twins, "image"),
        seed=0,
    )


def changed(before: UInt8[ndarray, "h w 3"], after: UInt8[ndarray, "h w 3"]) -> float:
    """Mean absolute difference of two pictures [grey levels, 0 to 255]."""
    return float(abs(before.astype(int) - after.astype(int)).mean())


def _pixels(at_reference: int, height: int) -> int:
    return max(1, round(at_reference * height / REFERENCE_HEIGHT))


def _odd(at_reference: int, height: int) -> int:
    return max(3, 2 * round(at_reference * height / REFERENCE_HEIGHT / 2 - 0.5) + 1)
