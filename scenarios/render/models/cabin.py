"""What stands on a car's body: roof, pillars, windscreen, side and rear windows, as sheets cut into glass and paint."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models import shapes
from scenarios.render.models.car_body import CROWN, BodyShape
from scenarios.render.models.mesh import Color, Part

_ACROSS = np.array([1.0, 0.93, 0.6, 0.2, -0.2, -0.6, -0.93, -1.0])
_UP = np.array([0.0, 0.10, 0.5, 0.90, 1.0])
_GLASS_UP = np.array([False, True, True, False])
_ROOF_CROWN = 0.05  # [m]


def cabin_parts(shape: BodyShape, paint: Color) -> list[Part]:
    """Build the cabin of a body; its sheets share their edges, so nothing shows between them."""
    side, glass_columns = _side(shape)
    mirror = (1.0, -1.0, 1.0)
    front = _across(side[:, 0], shape.profile.bow, 0.4 * shape.profile.bow)
    rear = _across(side[:, -1], -0.5 * shape.profile.bow, -0.3 * shape.profile.bow)
    roof = side[-1][:, None] * np.stack([np.ones_like(_ACROSS), _ACROSS, np.ones_like(_ACROSS)], axis=-1)
    roof[:, :, 2] += _ROOF_CROWN * (1 - _ACROSS**2)
    roof[0], roof[-1] = front[-1], rear[-1]

    panes = _GLASS_UP[:, None] & glass_columns
    middle = np.r_[False, np.ones(len(_ACROSS) - 3, dtype=bool), False]
    front_pane = _GLASS_UP[:, None] & middle
    rear_pane = _GLASS_UP[:, None] & middle & shape.profile.rear_window
    sheets = (
        (side, panes),
        (side[:, ::-1] * mirror, panes[:, ::-1]),
        (front[:, ::-1], front_pane),
        (rear, rear_pane),
    )
    glass = shapes.join(*(shapes.grid_cells(points, keep) for points, keep in sheets if keep.any()))
    between = np.flatnonzero(glass_columns)
    inside = np.zeros_like(glass_columns)
    inside[between[0] : between[-1] + 1] = True
    posts = _GLASS_UP[:, None] & inside & ~glass_columns
    foot = np.array([True, False, False, False])[:, None] & middle
    trims = (posts, posts[:, ::-1], foot, np.zeros_like(rear_pane))
    dark = [shapes.grid_cells(points, keep) for (points, _), keep in zip(sheets, trims, strict=True) if keep.any()]
    frame = shapes.join(
        *(shapes.grid_cells(points, ~keep & ~trim) for (points, keep), trim in zip(sheets, trims, strict=True)),
        shapes.grid(roof[:, ::-1]),
    )
    return [
        shapes.part("pillars", shapes.join(*dark), "plastic", smooth=False),
        shapes.part("windows", glass, "glass", smooth=shape.profile.smooth),
        shapes.part("cabin", frame, "body", smooth=shape.profile.smooth, color=paint),
    ]


def _side(shape: BodyShape) -> tuple[Float[ndarray, "rows columns 3"], ndarray]:
    """The left side from belt to roof edge, and which of its columns are windows."""
    p = shape.profile
    edges = {0.0, 1.0, *(edge for window in p.windows for edge in window)}
    t = np.array(sorted(edges | {(a + b) / 2 for a, b in p.windows if b - a > 0.15}))
    foot_x = shape.x(p.glass[0]) + t * (shape.x(p.glass[3]) - shape.x(p.glass[0]))
    head_x = shape.x(p.glass[1]) + t * (shape.x(p.glass[2]) - shape.x(p.glass[1]))
    foot = shape.at(foot_x, shape.top(foot_x))
    foot[:, 1] *= 0.985
    head_y = np.full_like(t, shape.half_width * (1 - p.tumblehome) - 0.02)
    arch = 0.035 * shape.height * (2 * t - 1) ** 2 if p.smooth else 0.0 * t
    head = np.stack([head_x, np.minimum(head_y, foot[:, 1]), shape.height - _ROOF_CROWN - arch], axis=-1)
    up = _UP[:, None, None]
    side = foot * (1 - up) + head * up
    side[:, :, 1] += (0.035 * 4 * up * (1 - up))[:, :, 0]
    middles = (t[1:] + t[:-1]) / 2
    return side, np.array([any(a < m < b for a, b in p.windows) for m in middles])


def _across(edge: Float[ndarray, "rows 3"], bow_foot: float, bow_head: float) -> Float[ndarray, "rows n 3"]:
    """A sheet from the left edge to its mirror image on the right, bulging along x in the middle."""
    points: Float[ndarray, "rows n 3"] = edge[:, None] * np.stack(
        [np.ones_like(_ACROSS), _ACROSS, np.ones_like(_ACROSS)], axis=-1
    )
    share = (edge[:, 2] - edge[0, 2]) / max(edge[-1, 2] - edge[0, 2], 1e-6)
    bow = bow_foot + share * (bow_head - bow_foot)
    crown = CROWN + share * (_ROOF_CROWN - CROWN)
    points[:, :, 0] += bow[:, None] * (1 - _ACROSS**2)
    points[:, :, 2] += crown[:, None] * (1 - _ACROSS**2)
    return points
