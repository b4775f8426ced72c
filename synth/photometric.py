"""Augment a drive with photometric effects: the same frames in snow, flare, rain, fog, blur or compression.

`augment` is the way through: each frame, each effect, each draw -> a new frame whose labels still fit its picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from rich.progress import track

from perception.box import Box
from perception.camera import Camera
from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.lane import Lane
from perception.mask_codes import CODED
from synth.effects import DEFAULT_EFFECTS, EFFECTS, MOVING, STRENGTHS, changed, pipeline

METHOD = "photometric"


def augment(
    source: Path,
    out: Path,
    *,
    strength: str = "medium",
    effects: Sequence[str] = DEFAULT_EFFECTS,
    count: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> Drive:
    """Write a drive with `count` draws of each effect for every frame of `source`; the same arguments, the same bytes.

    Args:
        source: the drive to start from; it is not changed.
        out: the drive to make; must not exist.
        strength: one of `synth.effects.STRENGTHS`.
        effects: keys of `synth.effects.EFFECTS`.
        count: how often each effect is drawn for a frame.
        seed: another seed gives other flakes, flares and drops.
        progress: whether to show a progress bar.
    """
    _check(strength, effects, count)
    drive = Drive.open(source)
    lineage: dict[str, object] = {
        "method": METHOD,
        "source": drive.content_hash,
        "strength": strength,
        "seed": seed,
        "albumentations": version("albumentations"),
    }
    about = {"effects": list(effects), "count": count}
    with DriveWriter(
        out, {**drive.meta, "lineage": {**lineage, **about, "parent": drive.meta.get("lineage")}}
    ) as writer:
        for frame in track(drive, "augmenting", total=len(drive), disable=not progress):
            for made in _versions(frame, lineage, effects, count):
                writer.add(made)
    return Drive.open(out)


def apply_effect(frame: Frame, effect: str, strength: str, seed: int) -> Frame:
    """`frame` after one effect.

    Twin pictures among the masks get the very same effect as the picture, so that the pair still differs in one
    thing only; label rasters follow the pixels, and flow is left out, for no earlier picture goes with the new one.
    Boxes, lanes and the camera follow an effect that moves pixels.
    """
    height, width = frame.image.shape[:2]
    twins = tuple(kind for kind in frame.masks if frame.masks[kind].ndim == 3 and kind not in CODED)
    labels = [kind for kind in frame.masks if kind not in twins and kind != "flow"]
    transform = pipeline(effect, strength, (width, height), twins)
    transform.set_random_seed(seed)
    moved = _boxes_and_points(frame) if effect in MOVING else {}
    pictures = {kind: frame.masks[kind] for kind in twins}
    rasters = {"masks": [frame.masks[kind] for kind in labels]} if labels else {}
    result = transform(image=frame.image, **pictures, **rasters, **moved)
    masks = {kind: result[kind] for kind in twins} | dict(zip(labels, result.get("masks", ()), strict=True))
    new = replace(frame, image=result["image"], masks=masks)
    return _follow(new, result) if effect in MOVING else new


def draw_seed(seed: int, frame: str, effect: str, draw: int) -> int:
    """The random seed of one picture, independent of the order of work and of the platform."""
    text = f"{seed}/{frame}/{effect}/{draw}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _check(strength: str, effects: Sequence[str], count: int) -> None:
    if strength not in STRENGTHS:
        raise WhiteoutError(f"--strength is '{strength}'; choose from {', '.join(STRENGTHS)}.")
    if unknown := [effect for effect in effects if effect not in EFFECTS]:
        raise WhiteoutError(f"--effects names '{unknown[0]}', which is unknown; choose from {', '.join(EFFECTS)}.")
    if not effects or len(set(effects)) != len(effects):
        raise WhiteoutError("--effects needs at least one effect, and each only once; use --count for more draws.")
    if count < 1:
        raise WhiteoutError(f"--count is {count}; give 1 or more.")


def _versions(frame: Frame, lineage: dict[str, object], effects: Sequence[str], count: int) -> Iterator[Frame]:
    """The new frames that come from one."""
    for effect in effects:
        for draw in range(count):
            seed = draw_seed(int(str(lineage["seed"])), frame.name, effect, draw)
            new = apply_effect(frame, effect, str(lineage["strength"]), seed)
            if changed(frame.image, new.image) == 0:
                raise WhiteoutError(
                    f"effect '{effect}' leaves frame {frame.name} as it was (a blank picture?); "
                    "leave that effect out with --effects, or choose a stronger --strength."
                )
            history = {**lineage, "frame": frame.name, "effect": effect, "draw": draw, "draw_seed": seed}
            parent = {"parent": frame.meta["lineage"]} if "lineage" in frame.meta else {}
            meta = {**frame.meta, "lineage": {**history, **parent}}
            yield replace(new, name=f"{frame.name}_{effect}_{draw}", meta=meta)


def _boxes_and_points(frame: Frame) -> dict[str, object]:
    """Boxes and lane points as albumentations takes them; the last two points are the picture's corners."""
    width, height = frame.camera.width, frame.camera.height
    points = [lane.pixels for lane in frame.lanes] + [np.array([[0.0, 0.0], [width, height]])]
    return {
        "bboxes": np.array([box.xyxy for box in frame.boxes], dtype=np.float64).reshape(-1, 4),
        "box_ids": list(range(len(frame.boxes))),
        "keypoints": np.concatenate(points),
    }


def _follow(frame: Frame, result: dict[str, ndarray]) -> Frame:
    """Labels and camera moved as albumentations moved them; what left the picture is dropped."""
    points = np.asarray(result["keypoints"], dtype=np.float64)
    corners, points = points[-2:], points[:-2]
    size = np.array([frame.camera.width, frame.camera.height], dtype=np.float64)
    scale = (corners[1] - corners[0]) / size
    splits = np.cumsum([len(lane.pixels) for lane in frame.lanes])[:-1]
    parts = np.split(points, splits) if frame.lanes else []
    lanes = [_lane(lane, part, size) for lane, part in zip(frame.lanes, parts, strict=True)]
    boxes = [
        _box(frame.boxes[int(index)], np.asarray(xyxy, dtype=np.float64), scale)
        for index, xyxy in zip(result["box_ids"], result["bboxes"], strict=True)
    ]
    camera = _camera(frame.camera, scale, corners[0])
    return replace(frame, boxes=tuple(boxes), lanes=tuple(lane for lane in lanes if lane), camera=camera)


def _box(box: Box, xyxy: Float[ndarray, "4"], scale: Float[ndarray, "2"]) -> Box:
    """`box` at its new place; what was cut off no longer counts as visible, and what is outside is not known."""
    before = (box.xyxy[2] - box.xyxy[0]) * (box.xyxy[3] - box.xyxy[1]) * scale.prod()
    kept = min(1.0, float((xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1]) / before))
    cut = kept < 0.999
    moved = cut or not np.allclose(xyxy, box.xyxy, atol=1e-6)
    left, top, right, bottom = xyxy.tolist()
    visible = box.visible * kept if cut else box.visible
    return replace(
        box, xyxy=(left, top, right, bottom), visible=visible, truncated=box.truncated or cut,
        amodal=None if moved else box.amodal, truncation=None if moved else box.truncation,
    )  # fmt: skip


def _lane(lane: Lane, pixels: Float[ndarray, "n 2"], size: Float[ndarray, "2"]) -> Lane | None:
    """`lane` at its new place, the part inside the picture; None if fewer than two points are."""
    inside = ((pixels >= 0) & (pixels <= size)).all(axis=1)
    if inside.sum() < 2:
        return None
    states = tuple(state for state, kept in zip(lane.states, inside, strict=False) if kept)
    return replace(lane, pixels=pixels[inside], metres=lane.metres[inside], visible=lane.visible[inside], states=states)


def _camera(camera: Camera, scale: Float[ndarray, "2"], origin: Float[ndarray, "2"]) -> Camera:
    """The camera whose picture, as large as before, is the old one scaled by `scale`, then shifted by `origin` [px]."""
    move = np.array([[scale[0], 0, origin[0]], [0, scale[1], origin[1]], [0, 0, 1]])
    moved = replace(camera, intrinsics=move @ camera.intrinsics)
    return moved.reading((0 - origin[1]) / scale[1], (camera.height - origin[1]) / scale[1], camera)
