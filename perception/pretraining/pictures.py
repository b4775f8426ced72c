"""Unlabelled pictures, from drives or from plain folders, kept small in memory and varied by step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from perception.errors import WhiteoutError
from perception.model import MEAN, STD
from perception.raster import read_raster
from perception.samples import Sample, draw, shrunk, view

ENDINGS = (".jpeg", ".jpg", ".png")
"""File names that count as pictures."""


def picture_paths(folder: Path) -> list[Path]:
    """The pictures of a drive, or of any folder and those below it, by name."""
    place = folder / "images" if (folder / "meta.json").is_file() else folder
    if not place.is_dir():
        raise WhiteoutError(f"{folder}: there is no such folder; name a drive or a folder of pictures.")
    paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not paths:
        raise WhiteoutError(f"{folder}: holds no pictures; name a drive or a folder of {', '.join(ENDINGS)} files.")
    return paths


def load_pictures(folders: Sequence[Path], width: int, height: int) -> list[Sample]:
    """Every picture at the given size, without labels."""
    paths = [path for folder in folders for path in picture_paths(folder)]
    shown = track(paths, "reading", console=Console(stderr=True), transient=True)
    return [Sample(_read(path, width, height), (), (), ()) for path in shown]


def describe_pictures(folders: Sequence[Path]) -> list[dict[str, object]]:
    """Name, number and hash of each folder's pictures, for a card."""
    described: list[dict[str, object]] = []
    for folder in folders:
        paths, digest = picture_paths(folder), hashlib.sha256()
        for path in paths:
            digest.update(
                path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest()
            )
        described.append({"folder": folder.name, "pictures": len(paths), "pictures_hash": digest.hexdigest()})
    return described


def picture_batch(samples: Sequence[Sample], step: int, size: int, seed: int) -> Float[Tensor, "batch 3 height width"]:
    """The pictures of one step, mirrored and cropped by chance, normalised as backbones take them."""
    return normalised([view(samples[place], rng).image for place, rng in draw(samples, step, size, seed)])


def normalised(images: Sequence[np.ndarray]) -> Float[Tensor, "batch 3 height width"]:
    """RGB bytes as a backbone takes them."""
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div(255)
    return (pixels - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _read(path: Path, width: int, height: int) -> np.ndarray:
    raster = read_raster(path)
    if raster.dtype != np.uint8:
        raise WhiteoutError(f"{path}: the picture has {raster.dtype} values, not bytes; convert it or leave it out.")
    colour = raster if raster.ndim == 3 else np.repeat(raster[:, :, None], 3, axis=2)
    return shrunk(colour, width, height)
