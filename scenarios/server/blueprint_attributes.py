"""Blueprint attributes in CARLA's wire shape, and the lists that sensors have of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BOOL, INT, FLOAT, STRING, COLOR = 1, 2, 3, 4, 5
"""CARLA's ActorAttributeType."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of a blueprint.

    Attributes:
        name: such as "color".
        kind: BOOL, INT, FLOAT, STRING or COLOR.
        values: the recommended values, the first of which is the default; a constant has one.
        modifiable: whether a client may set it.
        restricted: whether only the recommended values are allowed.
    """

    name: str
    kind: int
    values: tuple[str, ...]
    modifiable: bool = True
    restricted: bool = False

    def wire(self) -> list[object]:
        """As CARLA sends it."""
        recommended = list(self.values) if self.modifiable else []
        return [self.name, self.kind, self.values[0], recommended, self.modifiable, self.restricted]


def constant(name: str, kind: int, value: object) -> Attribute:
    """An attribute that tells something about the blueprint."""
    return Attribute(name, kind, (str(value),), modifiable=False)


def choice(name: str, kind: int, *values: str, restricted: bool = False) -> Attribute:
    """An attribute that a client may set."""
    return Attribute(name, kind, values, restricted=restricted)


def _numbers(pairs: Sequence[tuple[str, str]]) -> tuple[Attribute, ...]:
    return tuple(choice(name, FLOAT, value) for name, value in pairs)


SENSOR_TICK = choice("sensor_tick", FLOAT, "0.0")

CAMERA: tuple[Attribute, ...] = (
    SENSOR_TICK,
    choice("image_size_x", INT, "800"),
    choice("image_size_y", INT, "600"),
    choice("fov", FLOAT, "90.0"),
    *_numbers([
        ("lens_circle_falloff", "5.0"), ("lens_circle_multiplier", "0.0"), ("lens_k", "-1.0"),
        ("lens_kcube", "0.0"), ("lens_x_size", "0.08"), ("lens_y_size", "0.08"),
    ]),
    choice("whiteout_lens", STRING, "pinhole", "brown_conrady", "fisheye", restricted=True),
    *_numbers([(f"whiteout_lens_{name}", "0.0") for name in ("k1", "k2", "k3", "k4", "p1", "p2")]),
    choice("whiteout_rolling_shutter", FLOAT, "0.0"),
)  # fmt: skip
"""What every camera has; `whiteout_lens` is ours: OpenCV's lens models and their coefficients, and so
is `whiteout_rolling_shutter`: the time in which the rows are read [s] (`lens_attributes`)."""

RGB_CAMERA: tuple[Attribute, ...] = (
    *CAMERA,
    choice("enable_postprocess_effects", BOOL, "True"),
    choice("exposure_mode", STRING, "histogram", "manual", restricted=True),
    choice("blade_count", INT, "5"),
    choice("counterfactual", STRING, "none", "no_glare", "no_sun", "no_wetness", "no_snow", "sun+10", "sun-10"),
    *_numbers([
        ("gamma", "2.2"), ("motion_blur_intensity", "0.45"), ("motion_blur_max_distortion", "0.35"),
        ("motion_blur_min_object_screen_size", "0.1"), ("lens_flare_intensity", "0.1"), ("bloom_intensity", "0.675"),
        ("exposure_compensation", "0.0"), ("shutter_speed", "200.0"), ("iso", "100.0"), ("fstop", "1.4"),
        ("exposure_min_bright", "-10.0"), ("exposure_max_bright", "20.0"), ("exposure_speed_up", "3.0"),
        ("exposure_speed_down", "1.0"), ("calibration_constant", "16.0"), ("focal_distance", "1000.0"),
        ("blur_amount", "1.0"), ("blur_radius", "0.0"), ("min_fstop", "1.2"), ("slope", "0.88"), ("toe", "0.55"),
        ("shoulder", "0.26"), ("black_clip", "0.0"), ("white_clip", "0.04"), ("temp", "6500.0"), ("tint", "0.0"),
        ("chromatic_aberration_intensity", "0.0"), ("chromatic_aberration_offset", "0.0"),
        ("whiteout_sensor_noise", "1.0"), ("whiteout_droplets", "0.0"), ("whiteout_dirt", "0.0"),
        ("whiteout_ice", "0.0"),
    ]),
)  # fmt: skip
"""CARLA's rgb camera; `counterfactual` ("none", or the name of a twin: `scenarios.twins`) and `whiteout_*` are ours.

`render.optics.settings` tells what each does, and which do nothing here. The limits of automatic exposure are wider
than CARLA's 10 and 12, which would leave a real sunny day white and a night black.
"""

GNSS: tuple[Attribute, ...] = (
    SENSOR_TICK,
    *_numbers([(f"noise_{axis}_{what}", "0.0") for axis in ("alt", "lat", "lon") for what in ("bias", "stddev")]),
    choice("noise_seed", INT, "0"),
)

IMU: tuple[Attribute, ...] = (
    SENSOR_TICK,
    *_numbers([(f"noise_accel_stddev_{axis}", "0.0") for axis in "xyz"]),
    *_numbers([(f"noise_gyro_{what}_{axis}", "0.0") for what in ("bias", "stddev") for axis in "xyz"]),
    choice("noise_seed", INT, "0"),
)

FRICTION_TRIGGER: tuple[Attribute, ...] = _numbers(
    [("friction", "3.5"), ("extent_x", "1.0"), ("extent_y", "1.0"), ("extent_z", "1.0")]
)
