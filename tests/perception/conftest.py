"""Drawn drives shared by the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception.drive import Drive, DriveWriter
from tests.perception.scenes import frame


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    """Four drawn frames on disk."""
    with DriveWriter(tmp_path / "drive", {"map": "drawn"}) as writer:
        for seed in range(4):
            writer.add(frame(seed))
    return Drive.open(tmp_path / "drive")
