"""Numbers in OpenDRIVE files as people write them."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET


def number_in(element: ET.Element, name: str, default: float = 0.0) -> float:
    """An attribute that is a finite number, else `default`: what says nothing must not keep a map from being drawn."""
    try:
        value = float(element.get(name, ""))
    except ValueError:
        return default
    return value if math.isfinite(value) else default
