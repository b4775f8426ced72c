"""What roadgen's OpenDRIVE still needs: exact signals, lane-change rules, smooth grades, short numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

from defusedxml.ElementTree import fromstring

Height = Callable[[float], float]

_NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]?\d+)?", re.IGNORECASE)
_ROAD_ORDER = (
    "link",
    "type",
    "planView",
    "elevationProfile",
    "lateralProfile",
    "lanes",
    "objects",
    "signals",
    "userData",
)
_MARK_WIDTH = {"solid": "0.15", "broken": "0.12", "solid solid": "0.12"}


def parse(text: str) -> ET.Element:
    """Read roadgen's document."""
    root = fromstring(text.encode())
    assert isinstance(root, ET.Element)
    return root


def serialise(root: ET.Element) -> str:
    """Write the document indented, with twelve significant digits, so that it is small and reads well in a diff."""
    for element in root.iter():
        for name, value in element.items():
            if _NUMBER.fullmatch(value):
                element.set(name, _short(float(value)))
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    text = re.sub(r"(<geoReference>)(.*?)(</geoReference>)", r"\1<![CDATA[\2]]>\3", text)  # roadgen reads it so only
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _short(value: float) -> str:
    return "0" if abs(value) < 1e-15 else f"{value:.12g}"


def finish_markings(root: ET.Element) -> None:
    """Give every painted line its width and say whether it may be crossed; unpainted borders may be."""
    for lane in root.iter("lane"):
        for mark in lane.findall("roadMark"):
            kind = mark.get("type", "none")
            if kind == "none":
                continue
            mark.set("weight", "standard")
            mark.set("width", _MARK_WIDTH[kind])
            mark.set("laneChange", "both" if kind == "broken" else "none")


def order_children(root: ET.Element) -> None:
    """Put each road's parts in the order that the OpenDRIVE 1.7 schema demands."""
    for road in root.iter("road"):
        road[:] = sorted(road, key=lambda part: _ROAD_ORDER.index(part.tag))


def paint_centre(road: ET.Element, kind: str, color: str) -> None:
    """Repaint the line between the two directions of one road, such as a double yellow."""
    for mark in road.findall("lanes/laneSection/center/lane/roadMark"):
        mark.set("type", kind)
        mark.set("color", color)


def finish_signals(root: ET.Element, country: str = "DE") -> None:
    """Split sign codes ("274-80") into type, subtype and value, and stand signs and lights beside the road.

    Every signal then has t just outside the outermost lane; the sign faces the traffic that its orientation names.
    """
    for road in root.iter("road"):
        for signal in road.findall("signals/signal"):
            for data in signal.findall("userData"):
                signal.remove(data)
            kind, _, value = signal.get("type", "").partition("-")
            if kind == "274":
                signal.set("value", value)
                signal.set("unit", "km/h")
            signal.set("type", kind)
            signal.set("subtype", value or "-1")
            signal.set("country", "OpenDRIVE" if kind == "1000001" else country)
            if kind != "1000001":
                signal.set("width", "0.7")
                signal.set("height", "0.7")
            right = float(signal.get("t", "0")) < 0
            for validity in signal.findall("validity"):
                _widen(validity)
            beside = _half_width(road, "right" if right else "left") + (0.5 if _has_sidewalk(road) else 1.2)
            signal.set("t", str(-beside if right else beside))


def _widen(validity: ET.Element) -> None:
    """Let a signal that was put on the outermost lane hold for all lanes of its direction."""
    lanes = sorted((int(validity.get("fromLane", "0")), 1 if int(validity.get("fromLane", "0")) > 0 else -1))
    validity.set("fromLane", str(lanes[0]))
    validity.set("toLane", str(lanes[1]))


def _has_sidewalk(road: ET.Element) -> bool:
    return any(lane.get("type") == "sidewalk" for lane in road.iter("lane"))


def _half_width(road: ET.Element, side: str) -> float:
    """Paved width of one side of the road's first section [m]; sidewalks are left out, poles stand on them."""
    lanes = road.findall(f"lanes/laneSection[1]/{side}/lane")
    return sum(float(lane.find("width").get("a")) for lane in lanes if lane.get("type") != "sidewalk")  # type: ignore[union-attr, arg-type, misc]


def finish_elevation(road: ET.Element, height: Height, start: float, spacing: float = 30.0) -> None:
    """Replace a road's height profile by cubics through `height`, smooth in value and slope.

    Args:
        road: OpenDRIVE road, changed in place.
        height: height over the route [m] as a function of the route's station [m].
        start: the route's station at the road's s = 0 [m].
        spacing: largest distance between knots [m].
    """
    length = float(road.get("length", "0"))
    pieces = max(1, round(length / spacing))
    profile = road.find("elevationProfile")
    assert profile is not None
    profile.clear()
    step = length / pieces
    for k in range(pieces):
        ends = (start + k * step, start + (k + 1) * step)
        (h0, h1), (g0, g1) = ((f(ends[0]), f(ends[1])) for f in (height, _slope_of(height)))
        c = (3 * (h1 - h0) / step - 2 * g0 - g1) / step
        d = (g0 + g1 - 2 * (h1 - h0) / step) / step**2
        ET.SubElement(profile, "elevation", s=_short(k * step), a=_short(h0), b=_short(g0), c=_short(c), d=_short(d))


def _slope_of(height: Height, h: float = 0.01) -> Height:
    return lambda s: (height(s + h) - height(s - h)) / (2 * h)
