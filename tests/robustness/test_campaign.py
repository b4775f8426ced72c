from __future__ import annotations

from tests.robustness.drawn_campaign import Finished


def test_every_cell_was_computed(finished: Finished) -> None:
    assert finished.summary.failures == ()
    assert all(check.passed for check in finished.summary.health), finished.summary.health
