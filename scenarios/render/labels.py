"""Labels of a view, from the scene: depth, semantic classes, actor ids, boxes with their visible share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt8
from numpy import ndarray

from perception.camera import Camera
from scenarios.render.geometry import Mesh
from scenarios.render.hits import Hits, bands, cast
from scenarios.render.scene import Scene

SKY, ROAD, MARKING = 11, 1, 24
COVERED = 0.6
"""Snow cover above which a marking counts as road."""


Cover = Callable[[Float[ndarray, "n 3"], Float[ndarray, "n 2"]], Float[ndarray, "n"]]
"""Snow cover of marking points, given their places and tile coordinates."""


@dataclass(frozen=True)
class Visibility:
    """What a view shows of one actor.

    Attributes:
        actor_id: CARLA actor id.
        visible_px: pixels in which it is the nearest thing.
        silhouette_px: pixels it would fill if nothing stood before it, inside the picture.
        xyxy: tight box around the silhouette inside the picture: left, top, right, bottom [px].
        amodal: the same around the whole silhouette, also where it leaves the picture. What lies behind the camera's
            image plane is not part of it.
        truncation: share of the silhouette's area that lies outside the picture, 0 to 1.
        truncated: part of the silhouette lies outside the picture.
    """

    actor_id: int
    visible_px: int
    silhouette_px: int
    xyxy: tuple[float, float, float, float]
    amodal: tuple[float, float, float, float]
    truncation: float
    truncated: bool


@dataclass(frozen=True, eq=False)
class Labels:
    """Label pictures.

    Attributes:
        depth: along the optical axis [m]; inf in the sky, and beside and behind the camera.
        distance: along each pixel's own ray [m]; inf in the sky.
        semantic: CityObjectLabel.
        instance: actor id; 0 for none.
    """

    depth: Float32[ndarray, "height width"]
    distance: Float32[ndarray, "height width"]
    semantic: UInt8[ndarray, "height width"]
    instance: Int32[ndarray, "height width"]


def label(scene: Scene, camera: Camera, classes: dict[int, int], cover: Cover) -> Labels:
    """Cast one ray through each pixel's centre.

    Args:
        scene: with the actors in place.
        camera: the view, renderer axes.
        classes: CityObjectLabel of each actor by id.
        cover: snow cover of marking points, given their places and tile coordinates.
    """
    parts = [_label(scene, band, classes, cover) for _, band in bands(camera)]
    if len(parts) == 1:
        return parts[0]
    return Labels(
        np.concatenate([part.depth for part in parts]),
        np.concatenate([part.distance for part in parts]),
        np.concatenate([part.semantic for part in parts]),
        np.concatenate([part.instance for part in parts]),
    )


def _label(scene: Scene, camera: Camera, classes: dict[int, int], cover: Cover) -> Labels:
    hits = cast(scene, camera)
    along = camera.pixel_rays()[..., 2]
    depth = np.where(hits.found & (along > 0), hits.distance * along, np.inf).astype(np.float32)
    actor = np.where(hits.found, scene.actor_of_instance[hits.number], 0).astype(np.int32)
    material = scene.buffers.materials[hits.face]
    of_material = np.array([m.semantic for m in scene.table.entries], np.uint8)
    semantic = np.where(hits.found, of_material[material], SKY).astype(np.uint8)
    for number in np.unique(actor[actor > 0]):
        semantic[actor == number] = classes[int(number)]
    painted = hits.found & (semantic == MARKING) & (actor == 0)
    if painted.any():
        snow = cover(hits.points(painted), _tile_place(scene, hits, painted))
        semantic[painted] = np.where(snow > COVERED, ROAD, MARKING)
    return Labels(depth, hits.distance, semantic, actor)


def _tile_place(scene: Scene, hits: Hits, chosen: Bool[ndarray, "h w"]) -> Float[ndarray, "n 2"]:
    corners = scene.buffers.uv[scene.buffers.faces[hits.face[chosen]]]
    return np.asarray(np.einsum("nk,nkc->nc", hits.weights(chosen), corners.astype(np.float64)))


def visibility(
    camera: Camera, pieces: dict[int, list[tuple[Mesh, Float[ndarray, "4 4"]]]], instance: Int32[ndarray, "h w"]
) -> tuple[Visibility, ...]:
    """Silhouettes of actors, each drawn alone, against what is seen of them; actors outside the view are left out."""
    seen = dict(zip(*np.unique(instance, return_counts=True), strict=True))
    found = []
    for actor_id, parts in sorted(pieces.items()):
        triangles = [_projected(camera, part, matrix) for part, matrix in parts]
        polygons = np.concatenate(triangles) if triangles else np.zeros((0, 3, 2))
        if not len(polygons):
            continue
        low, high = polygons.min((0, 1)), polygons.max((0, 1))
        if (high <= 0).any() or low[0] >= camera.width or low[1] >= camera.height:
            continue
        mask = _filled(camera, polygons)
        if not mask.any():
            continue
        outside = bool((low < -0.5).any() or high[0] > camera.width + 0.5 or high[1] > camera.height + 0.5)
        corner = (max(low[0], 0), max(low[1], 0), min(high[0], camera.width), min(high[1], camera.height))
        left, top, right, bottom = (float(v) for v in corner)
        shown = int(seen.get(actor_id, 0))
        found.append(
            Visibility(
                actor_id=actor_id,
                visible_px=shown,
                silhouette_px=max(int(mask.sum()), shown),
                xyxy=(left, top, right, bottom),
                amodal=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
                truncation=_share_outside(camera, polygons) if outside else 0.0,
                truncated=outside,
            )
        )
    return tuple(found)


def _share_outside(camera: Camera, polygons: Float[ndarray, "m 3 2"]) -> float:
    """Share of the area that triangles cover together which lies outside the picture, on a grid of `GRID` cells."""
    low, high = polygons.min((0, 1)), polygons.max((0, 1))
    cell = float((high - low).max()) / GRID
    columns, rows = (max(int(np.ceil(v)), 1) for v in (high - low) / cell)
    mask = np.zeros((rows, columns), np.uint8)
    for triangle in np.round(((polygons - low) / cell - 0.5) * 16).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 1, lineType=cv2.LINE_8, shift=4)
    x, y = (start + (np.arange(count) + 0.5) * cell for start, count in zip(low, (columns, rows), strict=True))
    inside = ((y > 0) & (y < camera.height))[:, None] & ((x > 0) & (x < camera.width))[None]
    return 1 - float(mask[inside].sum()) / max(float(mask.sum()), 1.0)


GRID = 512
"""Pixels of the raster on which an outline outside the picture is measured."""
NEAR = 0.05
"""Triangles are cut where they are nearer to the camera than this [m]."""


def _projected(camera: Camera, part: Mesh, matrix: Float[ndarray, "4 4"]) -> Float[ndarray, "m 3 2"]:
    """Triangles in pixels: before a pinhole cut along the near plane, before another lens in pieces that stay flat."""
    local = camera.to_camera(part.vertices.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3])
    corners = local[part.faces]
    if camera.lens == "fisheye":
        return _drawn_flat(camera, corners)
    ahead = corners[..., 2] > NEAR
    whole = corners[ahead.all(1)]
    cut = [_clipped(t) for t in corners[ahead.any(1) & ~ahead.all(1)]]
    every = np.concatenate([whole, *cut]) if cut else whole
    if camera.lens != "pinhole":
        return _drawn_flat(camera, every)
    return camera.draw(every.reshape(-1, 3)).reshape(-1, 3, 2)


FLAT = 0.1
"""A piece of a triangle is drawn with straight edges if their middles lie within this of where they belong [px]."""
SPLITS = 7


def _drawn_flat(camera: Camera, corners: Float[ndarray, "m 3 3"]) -> Float[ndarray, "k 3 2"]:
    """Triangles in camera axes to pixels, in ever smaller pieces until a lens draws their edges as good as straight."""
    done = []
    for split in range(SPLITS + 1):
        middles = (corners + np.roll(corners, -1, axis=1)) / 2
        pixels = camera.draw(corners.reshape(-1, 3)).reshape(-1, 3, 2)
        bent = camera.draw(middles.reshape(-1, 3)).reshape(-1, 3, 2) - (pixels + np.roll(pixels, -1, axis=1)) / 2
        seen = np.isfinite(pixels).all((1, 2))
        error = np.abs(np.where(np.isfinite(bent), bent, np.inf)).max((1, 2))
        good = seen & ((error <= FLAT) | (split == SPLITS))
        done.append(pixels[good])
        left = ~good & np.isfinite(pixels).any((1, 2))
        a, b, c = np.moveaxis(corners[left], 1, 0)
        ab, bc, ca = np.moveaxis(middles[left], 1, 0)
        corners = np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
        if not len(corners):
            break
    return np.concatenate(done)


def _clipped(triangle: Float[ndarray, "3 3"]) -> Float[ndarray, "k 3 3"]:
    """What of a triangle lies beyond the near plane, as one or two triangles (Sutherland and Hodgman 1974)."""
    kept: list[Float[ndarray, "3"]] = []
    for i in range(3):
        a, b = triangle[i], triangle[(i + 1) % 3]
        if a[2] > NEAR:
            kept.append(a)
        if (a[2] > NEAR) != (b[2] > NEAR):
            kept.append(a + (b - a) * (NEAR - a[2]) / (b[2] - a[2]))
    return np.array([[kept[0], kept[i], kept[i + 1]] for i in range(1, len(kept) - 1)])


FINE = 5
"""A silhouette is drawn this much finer than the picture, for OpenCV fills every pixel that an edge touches."""
SMALL = 64
"""Silhouettes up to this size [px] are drawn three times as fine again: their edge is a large share of them."""


def _filled(camera: Camera, polygons: Float[ndarray, "m 3 2"]) -> Bool[ndarray, "rows columns"]:
    """Pixels of the picture whose centre lies in one of the triangles, within the rectangle that they take up."""
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(polygons.min((0, 1))), 0, size - 1).astype(int)
    high = np.clip(np.ceil(polygons.max((0, 1))), low + 1, size).astype(int)
    fine = FINE if (high - low).max() > SMALL else 3 * FINE
    width, height = (high - low) * fine
    mask = np.zeros((height, width), np.uint8)
    limit = 8 * fine * int(size.max())
    fixed = np.round((np.clip((polygons - low) * fine, -limit, limit) - 0.5) * 16).astype(np.int32)
    for triangle in fixed:
        cv2.fillConvexPoly(mask, triangle, 1, lineType=cv2.LINE_8, shift=4)
    return mask[fine // 2 :: fine, fine // 2 :: fine] > 0
