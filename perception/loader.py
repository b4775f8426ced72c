"""Batches made ahead of time by worker processes, and how long training waited for them.

A batch depends on the seed and the step's number alone: workers are told the number, so how many there are changes
when a batch is ready, never what is in it.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch.utils.data import DataLoader, Dataset

from perception.config import ModelConfig
from perception.samples import Batch, Sample, make_batch

PREFETCHED = 4
"""Batches that each worker makes ahead."""

MOST_WORKERS = 8
"""Workers that are started by themselves at most."""


@dataclass
class Waiting:
    """How the time of a training was spent.

    Attributes:
        data: spent waiting for the next batch [s].
        total: spent altogether [s].
    """

    data: float = 0.0
    total: float = 0.0

    @property
    def share(self) -> float:
        """Share of the time spent waiting, 0 to 1."""
        return self.data / self.total if self.total else 0.0


@dataclass(eq=False)
class Loader:
    """Batches of varied samples.

    Attributes:
        samples: what they are made of.
        size: pictures per step, over all devices.
        seed: of their order and variation.
        config: the model's.
        workers: processes that make batches; 0 makes them when asked for.
        part: the share of each batch that this process takes: its number, and how many there are.
        waiting: how long this process waited so far.
    """

    samples: Sequence[Sample]
    size: int
    seed: int
    config: ModelConfig
    workers: int = 0
    part: tuple[int, int] = (0, 1)
    waiting: Waiting = field(default_factory=Waiting)

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps `first` up to `last` (which is left out), in order."""
        made: DataLoader[bytes] = DataLoader(
            _Steps(self),
            batch_size=None,
            sampler=range(first, last),
            num_workers=self.workers,
            multiprocessing_context="fork" if self.workers else None,
            prefetch_factor=PREFETCHED if self.workers else None,
            generator=torch.Generator(),
        )
        begin = asked = time.perf_counter()
        for packed in made:
            batch: Batch = pickle.loads(packed)  # noqa: S301 (made by our own child)
            self.waiting.data += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()
            self.waiting.total, begin = self.waiting.total + asked - begin, asked


class _Steps(Dataset[bytes]):
    """A step's batch by its number, packed: as bytes it needs no shared memory, of which containers have little."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __getitem__(self, step: int) -> bytes:
        of = self._loader
        return pickle.dumps(make_batch(of.samples, step, of.size, of.seed, of.config, of.part))


def usual_workers(device: str) -> int:
    """How many workers to start: beside a GPU as many as there are cores; a processor that computes spares two."""
    cores = os.cpu_count() or 1
    return min(cores, MOST_WORKERS if device == "cuda" else 2)
