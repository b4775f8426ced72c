"""The cameras of a drive."""

from __future__ import annotations

import pytest

from perception.ground import CAMERA_HEIGHT
from scenarios.rig import MOUNT


def test_drives_are_taken_from_the_height_that_perception_assumes() -> None:
    assert pytest.approx(CAMERA_HEIGHT) == MOUNT.location.z
