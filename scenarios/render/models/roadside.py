"""Posts, lamps and traffic lights: they stand at the origin and face +x, towards the driver who reads them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Model

POST_FOOT = 1.0
"""How far a gantry's posts reach into the ground, which falls away beside the road [m]."""


@lru_cache(maxsize=1)
def guide_post() -> Model:
    """Return a delineator: white, 1 m high, with a black band and a reflector."""
    post = shapes.loft([_oval(0.06, 0.05, z) for z in (0.0, 0.72)], caps=False)
    band = shapes.loft([_oval(0.062, 0.052, z) for z in (0.70, 0.92)], caps=False)
    top = shapes.loft([_oval(0.06, 0.05, 0.92), _oval(0.03, 0.045, 1.0)])
    lens = shapes.box((0.062, 0, 0.81), (0.01, 0.05, 0.16))
    return Model(
        (
            shapes.part("post", shapes.join(post, top), "reflector"),
            shapes.part("band", band, "plastic"),
            shapes.part("lens", lens, "reflector", smooth=False, color=(0.8, 0.75, 0.6)),
        )
    )


def _oval(x: float, y: float, z: float) -> np.ndarray:
    angle = np.arange(8) / 8 * 2 * math.pi
    return np.stack([x * np.cos(angle), y * np.sin(angle), np.full(8, z)], axis=1)


@lru_cache(maxsize=1)
def street_lamp() -> Model:
    """Return a lamp post of 7 m whose arm reaches 1.6 m to +x."""
    pole = shapes.tube(
        [(0, 0, 0), (0, 0, 0.9), (0, 0, 6.2), (0.25, 0, 6.85), (1.0, 0, 7.05)], [0.09, 0.07, 0.05, 0.045, 0.035], 8
    )
    head = shapes.ellipsoid((1.35, 0, 7.04), (0.42, 0.15, 0.09), 10, 6)
    glass = shapes.box((1.38, 0, 6.965), (0.5, 0.2, 0.04))
    return Model(
        (
            shapes.part("pole", pole, "pole"),
            shapes.part("head", head, "pole"),
            shapes.part("glass", glass, "lamp", smooth=False),
        )
    )


@lru_cache(maxsize=1)
def traffic_light() -> Model:
    """Return a signal head on a post; its three lenses are parts named lamp_red, lamp_yellow and lamp_green."""
    pole = shapes.tube([(-0.12, 0, 0), (-0.12, 0, 3.75)], [0.07, 0.055], 8)
    case = shapes.box((0, 0, 3.1), (0.2, 0.32, 0.98))
    board = shapes.box((-0.06, 0, 3.1), (0.02, 0.52, 1.18))
    visors, lamps = [], []
    angle = np.linspace(0, math.pi, 7)
    for name, z in (("lamp_red", 3.41), ("lamp_yellow", 3.10), ("lamp_green", 2.79)):
        ring = np.stack(
            [np.zeros(12), *(0.105 * f(np.arange(12) / 12 * 2 * math.pi) for f in (np.cos, np.sin))], axis=1
        )
        lamps.append(shapes.part(name, shapes.fan(ring + np.array([0.105, 0.0, z])), name, smooth=False))
        for radius, ends in ((0.125, (0.1, 0.28)), (0.121, (0.28, 0.1))):
            arc = np.stack([np.zeros(7), radius * np.cos(angle), radius * np.sin(angle)], axis=1)
            visors.append(shapes.grid(np.stack([arc + np.array([x, 0, z]) for x in ends])))
    arms = [shapes.box((-0.07, 0, z), (0.14, 0.06, 0.05)) for z in (2.75, 3.45)]
    return Model(
        (
            shapes.part("pole", pole, "pole"),
            shapes.part("case", shapes.join(case, board, *visors, *arms), "housing", smooth=False),
            *lamps,
        )
    )


@lru_cache(maxsize=1)
def actor_light() -> Model:
    """Return the signal head in the axes of CARLA's actor: x runs across the lane, whose traffic drives towards +y."""
    turned = (
        replace(p, vertices=np.column_stack([p.vertices[:, 1], -p.vertices[:, 0], p.vertices[:, 2]]).astype(np.float32))
        for p in traffic_light().parts
    )
    return Model(tuple(turned))


@lru_cache(maxsize=1)
def bollard() -> Model:
    """Return a bollard of 0.9 m with a reflecting band."""
    post = shapes.tube([(0, 0, 0), (0, 0, 0.86), (0, 0, 0.9)], [0.06, 0.06, 0.03], 10)
    band = shapes.tube([(0, 0, 0.66), (0, 0, 0.78)], [0.062, 0.062], 10, caps=False)
    return Model((shapes.part("post", post, "plastic"), shapes.part("band", band, "reflector")))


@lru_cache(maxsize=64)
def gantry(posts: tuple[float, ...], ends: tuple[float, float], height: float) -> Model:
    """Return a gantry for signs, or with one post a cantilever, across a road that runs along x.

    Args:
        posts: y of its posts [m].
        ends: lowest and highest y that its beam reaches [m].
        height: of the middle of its beam over the road [m].
    """
    low, high = ends
    chords = [
        shapes.box((x, (low + high) / 2, height + z), (0.09, high - low, 0.09))
        for x in (-0.2, 0.2)
        for z in (-0.25, 0.25)
    ]
    joints = np.linspace(low, high, max(2, round((high - low) / 1.2) + 1))
    braces = [
        shapes.tube([(x, a, height - 0.25 * side), (x, b, height + 0.25 * side)], [0.03, 0.03], 5)
        for x in (-0.2, 0.2)
        for a, b, side in zip(joints[:-1], joints[1:], np.resize([1, -1], len(joints) - 1), strict=True)
    ]
    stands = [shapes.box((0.0, y, (height - POST_FOOT) / 2), (0.4, 0.3, height + 0.6 + POST_FOOT)) for y in posts]
    return Model((shapes.part("gantry", shapes.join(*chords, *braces, *stands), "metal", smooth=False),))


@lru_cache(maxsize=16)
def plain_pole(height: float) -> Model:
    """Return a bare pole of `height` metres."""
    return Model((shapes.part("pole", shapes.tube([(0, 0, 0), (0, 0, height)], [0.06, 0.045], 8), "pole"),))
