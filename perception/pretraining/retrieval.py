"""Frames by words, and words for frames: search, recall at k, and recognition without a training for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn.functional import normalize

from perception.descriptions import STATES, Scene, describe, scene_of
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.frame import Frame
from perception.model import images_from_frames


@runtime_checkable
class PictureWords(Protocol):
    """A model that puts pictures and sentences into one space."""

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of RGB pictures in [0, 1]."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float[Tensor, "batch dimensions"]:
        """Unit vectors of sentences."""
        ...


@dataclass(frozen=True)
class Found:
    """A frame that was found: its picture's file, and the cosine between it and the words."""

    path: Path
    score: float


@dataclass(frozen=True)
class Recognition:
    """How well states were told apart from words alone.

    Attributes:
        right: frames whose state was named rightly.
        frames: frames whose state is known.
        states: how many states there are to choose from.
    """

    right: int
    frames: int
    states: int

    @property
    def accuracy(self) -> float:
        """Share of the frames, NaN without any."""
        return self.right / self.frames if self.frames else float("nan")


def find(model: PictureWords, drives: Sequence[Drive], words: str, top: int = 10) -> list[Found]:
    """The frames that suit `words` best, best first; of equal ones the earlier first."""
    wanted = model.encode_texts([words])[0]
    paths = [drive.path / "images" / f"{name}.png" for drive in drives for name in drive.names]
    scores = (encode_frames(model, _frames(drives), len(paths)) @ wanted).tolist()
    order = sorted(range(len(paths)), key=lambda index: -scores[index])
    return [Found(paths[index], scores[index]) for index in order[:top]]


def encode_frames(model: PictureWords, frames: Iterable[Frame], total: int) -> Float[Tensor, "frames dimensions"]:
    """A unit vector for each frame; one at a time, so a frame's answer does not depend on its company."""
    shown = track(frames, "looking", total, console=Console(stderr=True), transient=True)
    vectors = [model.encode_images(images_from_frames([frame]))[0] for frame in shown]
    if not vectors:
        raise WhiteoutError("find: these drives hold no frame; name others.")
    return torch.stack(vectors)


def recall_at(similarity: Float[Tensor, "texts frames"], same: Bool[Tensor, "texts frames"], k: int) -> float:
    """Share of the texts with a frame of theirs (true in `same`) among the `k` most similar ones."""
    best = similarity.topk(min(k, similarity.shape[1]), dim=1).indices
    return float(same.gather(1, best).any(1).float().mean())


def recall(
    model: PictureWords, drives: Sequence[Drive], ks: Sequence[int] = (1, 5, 10), seed: int = 0
) -> dict[int, float]:
    """Recall at each k: one sentence is drawn for each frame, and any frame of the same scene counts as its answer."""
    scenes = [scene_of(frame, drive.meta) for drive in drives for frame in drive]
    texts = [describe(scene, np.random.default_rng((seed, place))) for place, scene in enumerate(scenes)]
    similarity = model.encode_texts(texts) @ encode_frames(model, _frames(drives), len(scenes)).mT
    same = torch.tensor([[one.key == other.key for other in scenes] for one in scenes])
    return {k: recall_at(similarity, same, k) for k in ks}


def recognise(model: PictureWords, drives: Sequence[Drive]) -> dict[str, Recognition]:
    """Light, air and road of every frame named by the nearest state's words, and how often that was right."""
    scenes = [scene_of(frame, drive.meta) for drive in drives for frame in drive]
    pictures = encode_frames(model, _frames(drives), len(scenes))
    return {name: _recognise(model, pictures, name, ways, scenes) for name, ways in STATES.items()}


def state_vectors(model: PictureWords, ways: Mapping[str, tuple[str, ...]]) -> Float[Tensor, "states dimensions"]:
    """One unit vector a state: the mean over the ways to say it (Radford et al. 2021, section 3.1.4)."""
    return normalize(torch.stack([model.encode_texts(said).mean(0) for said in ways.values()]), dim=-1)


def _recognise(
    model: PictureWords, pictures: Tensor, name: str, ways: Mapping[str, tuple[str, ...]], scenes: Sequence[Scene]
) -> Recognition:
    states = list(ways)
    nearest = (pictures @ state_vectors(model, ways).mT).argmax(1).tolist()
    known = [(states[chosen], getattr(scene, name)) for chosen, scene in zip(nearest, scenes, strict=True)]
    told = [chosen == true for chosen, true in known if true is not None]
    return Recognition(sum(told), len(told), len(states))


def _frames(drives: Sequence[Drive]) -> Iterator[Frame]:
    return (frame for drive in drives for frame in drive)
