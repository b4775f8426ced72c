"""Where predicted lane lines lie on the road, if the road is flat.

The road is taken for a level plane (normal: world z) a known height h below the camera's optical centre. Where it rises
by a slope of s, a point d metres ahead is put about s d^2 / h too far along its line of sight, and hardly sideways.
"""

from __future__ import annotations

from dataclasses import replace

from perception.camera import Camera
from perception.prediction import LanePrediction, Prediction

CAMERA_HEIGHT = 1.45
"""Height of the camera above the road in drives that `whiteout replay` makes [m]."""


def on_road(prediction: Prediction, camera: Camera, height: float = CAMERA_HEIGHT) -> Prediction:
    """The prediction with `LanePrediction.metres`, for a camera `height` [m] above a flat road."""
    plane = float(camera.position[2]) - height

    def placed(line: LanePrediction) -> LanePrediction:
        return replace(line, metres=camera.ground_points(line.pixels, plane))

    return replace(prediction, lanes=tuple(placed(line) for line in prediction.lanes))
