"""The loader: its workers change when a batch is ready, never what is in it."""

from __future__ import annotations

import multiprocessing
import time

import pytest
import torch
from jaxtyping import Int
from numpy import ndarray
from numpy.random import Generator

from perception.config import ModelConfig
from perception.loader import PREFETCHED, Loader, Waiting
from perception.samples import Batch, Sample, make_batch, to_sample
from tests.perception.scenes import frame

CONFIG = ModelConfig(input_width=96, input_height=64, pyramid_channels=16)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [to_sample(frame(seed), CONFIG) for seed in range(5)]


def same(one: Batch, other: Batch) -> bool:
    mine, theirs = one.targets, other.targets
    pairs = [(one.pixels, other.pixels), (mine.lane_x, theirs.lane_x), (mine.lane_state, theirs.lane_state)]
    pairs += [(mine.lane_kind, theirs.lane_kind), (mine.lane_seen, theirs.lane_seen)]
    pairs += zip(mine.boxes, theirs.boxes, strict=True)
    pairs += zip(mine.hidden, theirs.hidden, strict=True)
    pairs += zip(mine.labels, theirs.labels, strict=True)
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_depend_on_seed_and_step_alone(samples: list[Sample], workers: int) -> None:
    loader = Loader(samples, 3, 7, CONFIG, workers)
    torch.rand(5)  # whatever was drawn elsewhere
    found = list(loader.batches(2, 8))
    for step, batch in zip(range(2, 8), found, strict=True):
        assert same(batch, make_batch(samples, step, 3, 7, CONFIG)), step
    (again,) = loader.batches(5, 6)
    assert same(again, found[3]), "a training that begins in the middle sees the same"
    assert not same(again, next(Loader(samples, 3, 8, CONFIG).batches(5, 6)))


def test_making_batches_leaves_the_random_numbers_of_training_alone(samples: list[Sample]) -> None:
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    list(Loader(samples, 2, 0, CONFIG, 1).batches(0, 2))
    assert torch.equal(torch.rand(3), wanted)


def test_processes_that_share_a_step_make_one_batch(samples: list[Sample]) -> None:
    whole = next(Loader(samples, 4, 0, CONFIG).batches(0, 1))
    parts = [next(Loader(samples, 4, 0, CONFIG, part=(rank, 2)).batches(0, 1)) for rank in range(2)]
    assert torch.equal(torch.stack([part.pixels for part in parts], 1).flatten(0, 1), whole.pixels)


def test_waiting_is_the_time_between_asking_and_getting(samples: list[Sample]) -> None:
    loader = Loader(samples, 2, 0, CONFIG)
    for _ in loader.batches(0, 4):
        time.sleep(0.2)
    assert loader.waiting.total > 0.8
    assert 0 < loader.waiting.data < loader.waiting.total - 0.79
    assert Waiting(1.0, 4.0).share == 0.25
    assert Waiting().share == 0


class Counted(list[Sample]):
    """Samples that count, over all processes, for how many batches they were put in order."""

    def __init__(self, samples: list[Sample]) -> None:
        super().__init__(samples)
        self.batches = multiprocessing.get_context("fork").Value("i", 0)

    def order(self, rng: Generator) -> Int[ndarray, "n"]:
        with self.batches.get_lock():
            self.batches.value += 1
        return rng.permutation(len(self))


def test_workers_make_ahead(samples: list[Sample]) -> None:
    """One batch was asked for; the worker makes so many ahead, and no more."""
    counted = Counted(samples)
    batches = Loader(counted, 1, 0, CONFIG, workers=1).batches(0, 100)
    next(batches)
    made = 1 + PREFETCHED
    deadline = time.monotonic() + 60
    while counted.batches.value < made and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    assert counted.batches.value == made
