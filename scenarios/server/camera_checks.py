"""Which cameras can be made, and the sentences for those that cannot."""

from __future__ import annotations

import math

import numpy as np

from perception.camera import Camera
from perception.errors import WhiteoutError
from scenarios.lens_attributes import lens_of, readout_of
from scenarios.render.optics.settings import Settings
from scenarios.server.actors import Sensor
from scenarios.server.wire import CallError
from scenarios.server.world import World
from scenarios.twins import actor_left_out

LARGEST_PICTURE = 8192
"""Width and height limit of a camera [px]."""

LARGEST_COLOUR = 1 << 24
"""Most pixels of a camera that sees light: lens and denoiser hold the whole picture, about 0.7 KB a pixel."""

LIGHT = frozenset({"sensor.camera.rgb", "sensor.camera.glare", "sensor.camera.glare_ratio"})

NARROWEST, WIDEST = 1.0, 170.0
"""Limits of a pinhole camera's horizontal field of view [deg]."""


def check_camera(sensor: Sensor, world: World) -> None:
    """Whether a camera can be made.

    Raises:
        CallError: it cannot; names the attribute and what it may be.
    """
    for name in ("image_size_x", "image_size_y"):
        value = number_of(sensor, name)
        if not 1 <= value <= LARGEST_PICTURE or value != int(value):
            raise CallError(f"{sensor.blueprint}: attribute {name} must be a whole number from 1 to {LARGEST_PICTURE},"
                            f" not {sensor.attributes[name]}")  # fmt: skip
    pixels = int(number_of(sensor, "image_size_x") * number_of(sensor, "image_size_y"))
    if sensor.blueprint in LIGHT and pixels > LARGEST_COLOUR:
        raise CallError(
            f"{sensor.blueprint}: image_size_x times image_size_y must be at most {LARGEST_COLOUR}, not {pixels}; "
            "cameras of labels may be larger"
        )
    fov = number_of(sensor, "fov")
    if not NARROWEST <= fov <= WIDEST:
        raise CallError(
            f"{sensor.blueprint}: attribute fov must lie between {NARROWEST:g} and {WIDEST:g} degrees, not {fov:g}"
        )
    _check_optics(sensor, fov)
    _check_twin(sensor, world)


def _check_optics(sensor: Sensor, fov: float) -> None:
    try:
        Settings.of(sensor.attributes)
        readout_of(sensor.attributes)
        Camera.from_fov(8, 8, fov, np.eye(4), *lens_of(sensor.attributes, fov))
    except WhiteoutError as error:
        raise CallError(f"{sensor.blueprint}: {error}") from error


def _check_twin(sensor: Sensor, world: World) -> None:
    name = sensor.attributes.get("counterfactual", "none")
    if name == "none":
        return
    try:
        actor = actor_left_out(name)
    except WhiteoutError as error:
        raise CallError(f"{sensor.blueprint}: attribute counterfactual: {error}, or none") from error
    if actor is not None and actor not in world.actors:
        raise CallError(f"{sensor.blueprint}: attribute counterfactual: there is no actor {actor} to leave out")


def number_of(sensor: Sensor, name: str) -> float:
    """An attribute that is a number; 0 if there is none.

    Raises:
        CallError: it is something else.
    """
    text = sensor.attributes.get(name, "0")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CallError(f"{sensor.blueprint}: attribute {name} must be a number, not {text!r}")
    return value
