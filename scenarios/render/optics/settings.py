"""What a camera is set to: the attributes of its blueprint as numbers, with CARLA's names and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from perception.errors import WhiteoutError
from scenarios.lens_attributes import LARGEST

STOPS = 60.0
"""Greatest amount of attributes that count stops."""


@dataclass(frozen=True)
class Settings:
    """Attributes that change a picture; names and meaning are CARLA's, those that begin with `whiteout_` are ours.

    Of CARLA's other attributes `blur_amount`, `blur_radius`, `focal_distance` and `min_fstop` have no effect (a small
    camera is sharp everywhere), nor have `slope`, `toe`, `shoulder`, `black_clip` and `white_clip` (the tone curve
    is fixed).

    Attributes:
        enable_postprocess_effects: False leaves scattered light, flare, motion blur, fringes and tone curve out.
        exposure_mode: "histogram" (metered and adapted over time) or "manual" (aperture, shutter and ISO).
        exposure_compensation: [stops], in both modes.
        fstop: aperture number N.
        shutter_speed: one over the exposure time [1/s].
        iso: sensitivity.
        gamma: of the output; 2.2 is sRGB's transfer function.
        calibration_constant: the signal that the metered mean is put to [per cent], 16 being our middle grey.
        exposure_min_bright, exposure_max_bright: darkest and brightest mean that histogram mode adapts to [EV100].
            CARLA's own defaults, 10 and 12, would leave a sunny day (15) white and a night black; ours are wide open.
        exposure_speed_up, exposure_speed_down: of adaptation to a brighter or darker scene [1/s].
        temp: colour temperature of the light that looks white [K]; higher is yellower.
        tint: green (negative) to magenta (positive) [stops of green].
        bloom_intensity: light scattered by lens and windscreen; CARLA's default 0.675 is the measured law.
        lens_flare_intensity: ghosts of the sun; CARLA's default 0.1 is a coated lens.
        blade_count: corners of the ghosts.
        lens_circle_falloff, lens_circle_multiplier: vignette: transmission 1 - multiplier * r^falloff, r = 1 in the
            picture's corner.
        chromatic_aberration_intensity: how much wider red is drawn than green, and green than blue [per cent].
        chromatic_aberration_offset: up to which r (1 = corner) there are no fringes.
        motion_blur_intensity: share of the shutter time over which motion shows, 0 to 1.
        motion_blur_max_distortion: longest blur [per cent of the picture's width].
        motion_blur_min_object_screen_size: actors narrower than this are not blurred [per cent of the width].
        whiteout_sensor_noise: strength of the sensor's noise; 1 is a small automotive sensor.
        whiteout_droplets, whiteout_dirt, whiteout_ice: on the windscreen, 0 to 1.
    """

    enable_postprocess_effects: bool = True
    exposure_mode: str = "histogram"
    exposure_compensation: float = 0.0
    fstop: float = 1.4
    shutter_speed: float = 200.0
    iso: float = 100.0
    gamma: float = 2.2
    calibration_constant: float = 16.0
    exposure_min_bright: float = -10.0
    exposure_max_bright: float = 20.0
    exposure_speed_up: float = 3.0
    exposure_speed_down: float = 1.0
    temp: float = 6500.0
    tint: float = 0.0
    bloom_intensity: float = 0.675
    lens_flare_intensity: float = 0.1
    blade_count: int = 5
    lens_circle_falloff: float = 5.0
    lens_circle_multiplier: float = 0.0
    chromatic_aberration_intensity: float = 0.0
    chromatic_aberration_offset: float = 0.0
    motion_blur_intensity: float = 0.45
    motion_blur_max_distortion: float = 0.35
    motion_blur_min_object_screen_size: float = 0.1
    whiteout_sensor_noise: float = 1.0
    whiteout_droplets: float = 0.0
    whiteout_dirt: float = 0.0
    whiteout_ice: float = 0.0

    def __post_init__(self) -> None:
        for name in ("fstop", "shutter_speed", "iso", "gamma", "calibration_constant", "temp"):
            if not getattr(self, name) > 0:
                raise WhiteoutError(f"camera attribute {name} is {getattr(self, name)}; give a number above 0")
        if self.exposure_mode not in ("histogram", "manual"):
            raise WhiteoutError(f"camera attribute exposure_mode is {self.exposure_mode!r}; use histogram or manual")
        if self.exposure_min_bright > self.exposure_max_bright:
            raise WhiteoutError("camera attribute exposure_min_bright is above exposure_max_bright; swap them")

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Settings:
        """Read a blueprint's attributes; what is not among them keeps its default.

        Raises:
            WhiteoutError: a value that is no number, or out of range.
        """
        known = {field.name: field.default for field in fields(cls)}
        return cls(**{name: _read(name, text, known[name]) for name, text in attributes.items() if name in known})


def _read(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return text.strip().lower() in ("true", "1")
    if isinstance(default, str):
        return text
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= (STOPS if name.startswith("exposure_") else LARGEST):
        raise WhiteoutError(f"camera attribute {name} is {text!r}; give a number in its range")
    return type(default)(value)
