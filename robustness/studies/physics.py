"""Our reflectances, daylight and exposure beside published values: part 3 of the picture study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.weather import Weather, preset

SURFACES: dict[str, tuple[str, Weather]] = {
    "dry asphalt": ("road", Weather()),
    "wet asphalt": ("road", Weather(wetness=100.0)),
    "fresh snow": ("grass", Weather(snow_cover=1.0, snow_depth=0.3, temperature=-5.0)),
    "packed snow": ("road", Weather(snow_cover=1.0, snow_packed=1.0, temperature=-5.0)),
}
"""What is drawn against angle: material and weather."""
INCIDENCES = (45.0, 80.0)
VIEWS = tuple(float(v) for v in range(-80, 81, 5))
"""Angles of the eye from the vertical in the sun's plane [deg], positive towards the light."""
SUN_HEIGHTS = (60.0, 45.0, 20.0, 7.0)
EXTRATERRESTRIAL = 127.5
"""Illuminance of the sun outside the air [klx]."""
CARDS = ((16.0, 100.0, 100.0), (11.0, 200.0, 100.0), (8.0, 400.0, 100.0), (16.0, 400.0, 400.0), (16.0, 200.0, 100.0))
"""f-stop, 1 / shutter time [1/s] and ISO; the last is one stop short."""


def reflectance_table() -> list[str]:
    """Markdown: reflectance factors lit from 45 degrees and seen from above, beside published ranges."""
    from scenarios.render.goniometer import PUBLISHED, reflectance_factor

    lines = ["| surface | ours | published | source |", "| --- | --- | --- | --- |"]
    for name, known in PUBLISHED.items():
        ours = reflectance_factor(known.material, known.weather, incidence=45.0, view=0.0)
        lines.append(f"| {name} | {ours:.2f} | {known.low:.2f} to {known.high:.2f} | {known.source} |")
    return lines


def plot_reflectance(file: Path) -> None:
    """Reflectance factor against the eye's angle for each surface, a panel a height of the light."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from scenarios.render.goniometer import reflectance_factor
    from scenarios.render.surface import Tiles

    tiles = Tiles(0)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subplots(1, len(INCIDENCES), sharey=True)
    for panel, incidence in zip(panels, INCIDENCES, strict=True):
        for name, (material, weather) in SURFACES.items():
            values = [
                reflectance_factor(
                    material, weather, incidence=incidence, view=abs(v), azimuth=0.0 if v > 0 else 180.0, tiles=tiles
                )
                for v in VIEWS
            ]
            panel.semilogy(VIEWS, values, label=name)
        panel.set(
            title=f"light {incidence:.0f} degrees from the vertical", xlabel="eye, positive towards the light [deg]"
        )
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("reflectance factor")
    panels[0].legend(fontsize=8)
    figure.savefig(file, dpi=110)


def daylight_table() -> list[str]:
    """Markdown: illuminance of sun and sky by the sun's height, beside the IES's clear-sky formulas."""
    lines = [
        "| sun's height [deg] | sun, facing it [klx] | IES | sky, on the ground [klx] | IES | disc over zenith sky |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for height in SUN_HEIGHTS:
        sun, sky, ratio = daylight(height)
        direct = EXTRATERRESTRIAL * np.exp(-0.21 / np.sin(np.deg2rad(height)))
        diffuse = 0.8 + 15.5 * np.sin(np.deg2rad(height)) ** 0.5
        lines.append(f"| {height:.0f} | {sun:.0f} | {direct:.0f} | {sky:.1f} | {diffuse:.1f} | {ratio:.0f} |")
    return lines


def daylight(height: float) -> tuple[float, float, float]:
    """Illuminance facing the sun and of the sky on flat ground [klx], and the disc's luminance over the zenith's."""
    from scenarios.render.optics.exposure import CANDELA, LUMINANCE
    from scenarios.render.sky import directions, sky_of

    sky = sky_of(Weather(cloudiness=0.0, sun_altitude_angle=height), 0)
    look = directions()
    luminance: Float[ndarray, "rows columns"] = sky.radiance.astype(np.float64) @ LUMINANCE * CANDELA
    rows, columns = luminance.shape
    up = look[..., 2]
    solid = np.sqrt(1 - up**2) * (np.pi / rows) * (2 * np.pi / columns)
    flat = float((luminance * np.clip(up, 0, None) * solid).sum())
    disc = float(sky.sun_radiance @ LUMINANCE * CANDELA)
    zenith = float(luminance[: rows // 90].mean())
    return float(sky.sun_irradiance @ LUMINANCE * CANDELA) / 1000, flat / 1000, disc / zenith


def card_table() -> list[str]:
    """Markdown: an 18 per cent grey card on the ground under `clear`, drawn at several manual settings."""
    from scenarios.render.optics.exposure import CANDELA, LUMINANCE, ev100, manual_gain
    from scenarios.render.optics.sensor import to_bytes, tone
    from scenarios.render.optics.settings import Settings

    sun, sky, _ = daylight(preset("clear").sun_altitude_angle)
    lux = 1000 * (sun * np.sin(np.deg2rad(preset("clear").sun_altitude_angle)) + sky)
    radiance = 0.18 * lux / np.pi / CANDELA * np.ones((1, 1, 3)) / LUMINANCE.sum()
    lines = ["| f-stop, 1/shutter, ISO | EV100 | card's grey of 255 |", "| --- | --- | --- |"]
    for fstop, speed, iso in CARDS:
        settings = Settings(exposure_mode="manual", fstop=fstop, shutter_speed=speed, iso=iso)
        grey = int(to_bytes(tone(radiance * manual_gain(settings)))[0, 0, 0])
        lines.append(f"| f/{fstop:g}, 1/{speed:g} s, ISO {iso:g} | {ev100(settings):.1f} | {grey} |")
    return lines
