"""Pictures that cells make for the report: evidence over a picture, and a perturbation that can be seen."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray


def heat_over(
    image: UInt8[ndarray, "height width 3"], evidence: Float[ndarray, "height width"]
) -> UInt8[ndarray, "height width 3"]:
    """Evidence (at least 0, scaled by its own maximum) in warm colours over a grey picture; the warmer, the more.

    The colours (inferno) rise evenly in lightness, so they also read without colour vision and in grey print.
    """
    share = evidence / evidence.max() if evidence.max() > 0 else np.zeros_like(evidence)
    colors = cv2.cvtColor(cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    weight = 0.7 * np.sqrt(share)[..., None]
    return np.asarray((1 - weight) * grey + weight * colors).round().astype(np.uint8)


def magnified(
    clean: UInt8[ndarray, "height width 3"], attacked: UInt8[ndarray, "height width 3"]
) -> UInt8[ndarray, "height width 3"]:
    """The change from `clean` to `attacked` around mid-grey, times the whole number that makes it fill the range."""
    change = attacked.astype(np.int32) - clean
    largest = int(np.abs(change).max())
    return np.asarray(np.clip(128 + (127 // largest if largest else 1) * change, 0, 255), dtype=np.uint8)
