"""Vectors for every pixel, from geometry alone: surface normals, and optical flow since an earlier instant."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.instant import ActorState
from scenarios.render.hits import Hits
from scenarios.render.scene import Scene

HORIZON = 1e6
"""How far away the sky is taken to be [m]: it moves with the camera's turning alone."""


def normals(scene: Scene, hits: Hits) -> Float32[ndarray, "height width 3"]:
    """Unit normals of the surfaces, renderer axes, turned towards the camera; 0 in the sky.

    They are the meshes' own (interpolated between the corners), without the bumps that snow and asphalt add in shading.
    """
    chosen = hits.found
    corners = scene.buffers.faces[hits.face[chosen]]
    turn = scene.placement.numpy().reshape(-1, 3, 4)[hits.number[chosen], :, :3].astype(np.float64)
    mixed = np.einsum("nk,nkc->nc", hits.weights(chosen), scene.buffers.normals[corners].astype(np.float64))
    place = scene.buffers.vertices[corners].astype(np.float64)
    flat = _turned(turn, np.cross(place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]))
    flat *= -np.sign((flat * hits.rays[chosen]).sum(-1, keepdims=True))
    smooth = _turned(turn, mixed)
    smooth *= np.where((smooth * flat).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    field = np.zeros((*hits.found.shape, 3), np.float32)
    field[chosen] = smooth / np.maximum(np.linalg.norm(smooth, axis=-1, keepdims=True), 1e-12)
    return field


def _turned(turn: Float[ndarray, "n 3 3"], vectors: Float[ndarray, "n 3"]) -> Float[ndarray, "n 3"]:
    return np.asarray(np.einsum("nij,nj->ni", turn, vectors))


def flow(
    scene: Scene, hits: Hits, earlier: Camera, actors: dict[int, ActorState]
) -> Float32[ndarray, "height width 2"]:
    """How far each pixel's point has come across the picture since an earlier instant: right and down [px].

    The point under the pixel's centre is taken back by the motion of its piece of an actor (a wheel turns, a leg
    swings) and projected into the earlier camera; the sky turns with the camera only. NaN where the earlier camera had
    the point behind it. What was hidden earlier still has its flow: nothing is looked up in pictures.

    Args:
        scene: with the actors in place as they are now.
        hits: of the camera as it is now.
        earlier: the camera as it was.
        actors: the actors as they were, by id; who is not among them has stood still.
    """
    camera = hits.camera
    away = np.where(hits.found, hits.distance, HORIZON).astype(np.float64)
    points = hits.origins + hits.rays * away[..., None]
    points[~hits.found] += earlier.position - camera.position
    of_actor = hits.found & (scene.actor_of_instance[hits.number] > 0)
    for number in np.unique(hits.number[of_actor]):
        back = scene.motion_of(int(number), actors)
        chosen = of_actor & (hits.number == number)
        points[chosen] = points[chosen] @ back[:3, :3].T + back[:3, 3]
    pixels, _ = earlier.project(points.reshape(-1, 3))
    rows, columns = np.indices(hits.found.shape)
    here = np.stack([columns + 0.5, rows + 0.5], -1)
    return np.asarray(here - pixels.reshape(here.shape), np.float32)
