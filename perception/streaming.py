"""Training pictures from shards, a few shards in memory at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from typing import overload

import numpy as np
from jaxtyping import Int
from numpy import ndarray
from numpy.random import Generator

from perception.config import ModelConfig
from perception.errors import WhiteoutError
from perception.samples import Sample, to_sample
from perception.shards import FrameSource, ShardSet

WINDOW = 4
"""Shards that are in memory at a time: pictures are shuffled among them."""


class StreamedSamples(Sequence[Sample]):
    """Training pictures of shard sets of which `WINDOW` shards are in memory at a time, at the model's input size.

    A pass takes the shards in an order drawn anew, and shuffles the pictures of `WINDOW` shards among themselves. Which
    picture is where depends on the generator alone, so a resumed training goes on as an undisturbed one.
    """

    def __init__(self, sets: Sequence[ShardSet], config: ModelConfig) -> None:
        self._config = config
        self._shards = [(one, number) for one in sets for number in range(len(one.shards))]
        counts = [one.shards[number].frames for one, number in self._shards]
        self._ends = list(accumulate(counts))
        self._starts = [0, *self._ends[:-1]]
        self._kept: OrderedDict[int, list[Sample]] = OrderedDict()

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        number = bisect_right(self._ends, index)
        return self._load(number)[index - self._starts[number]]

    def order(self, rng: Generator) -> Int[ndarray, "n"]:
        """The order of a pass over all pictures."""
        shards = rng.permutation(len(self._shards))
        windows = [shards[first : first + WINDOW] for first in range(0, len(shards), WINDOW)]
        places = [np.concatenate([np.arange(self._starts[n], self._ends[n]) for n in window]) for window in windows]
        return np.concatenate([rng.permutation(part) for part in places])

    def _load(self, number: int) -> list[Sample]:
        """The pictures of a shard; the shard used longest ago makes room."""
        if number not in self._kept:
            while len(self._kept) >= WINDOW:
                self._kept.popitem(last=False)
            source, place = self._shards[number]
            self._kept[number] = [to_sample(frame, self._config) for frame in source.frames(place)]
        self._kept.move_to_end(number)
        return self._kept[number]


def gather_samples(sources: Sequence[FrameSource], config: ModelConfig) -> Sequence[Sample]:
    """Training pictures: those of drives all in memory, those of shards as they are needed."""
    sets = [one for one in sources if isinstance(one, ShardSet)]
    if not sets:
        return [to_sample(frame, config) for source in sources for frame in source]
    if len(sets) < len(sources):
        raise WhiteoutError("train: drives and shards are mixed; turn the drives into shards: convert --to webdataset.")
    return StreamedSamples(sets, config)
