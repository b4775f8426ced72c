"""Sky and sun of a weather: radiance over all directions, the sun's strength, and what fog does to them.

The clear sky and the sun's colour are Mitsuba's `sunsky` (Hosek and Wilkie 2012 and 2013); clouds, the haze around the
sun, overcast (CIE overcast distribution) and night are mixed on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from scenarios.render.frames import sun_direction
from scenarios.render.mitsuba_setup import dr, mi, on_device
from scenarios.render.optics.exposure import LUMINANCE
from scenarios.render.optics.spread import SUN_SOLID_ANGLE
from scenarios.weather import Weather

HEIGHT, WIDTH = 384, 1536
NIGHT = np.array([1.08, 0.98, 0.92]) * 0.002 / 72_983
"""Radiance of a clear, moonless night sky over a small town, in the units of `sunsky`: 2 mcd/m2 at the zenith, ten
times the natural sky ..."""
CLOUDS_BRIGHTEN = 4.0
"""... and this many times more under closed clouds, which send the town's light back: Kyba et al. (2011) measured
tenfold in a city and less than threefold outside."""
SUNSET = 0.111
"""Share of the sky's light that is left when the sun sets."""


@dataclass(frozen=True, eq=False)
class Sky:
    """Radiance of the sky, and of the sun.

    Attributes:
        radiance: rows from the zenith to the nadir, columns by azimuth from +x towards +y (renderer axes).
        sun: unit vector towards the sun.
        sun_radiance: of the sun's disc, RGB; zero where it gives no direct light.
    """

    radiance: Float32[ndarray, "rows columns 3"]
    sun: Float[ndarray, "3"]
    sun_radiance: Float[ndarray, "3"]

    @property
    def sun_irradiance(self) -> Float[ndarray, "3"]:
        """Of a surface facing the sun."""
        return self.sun_radiance * SUN_SOLID_ANGLE

    @property
    def horizon(self) -> Float[ndarray, "3"]:
        """Mean radiance just above the horizon: the colour of far fog."""
        half = self.radiance.shape[0] // 2
        return np.asarray(self.radiance[half - 14 : half - 2].mean((0, 1)), np.float64)


def directions() -> Float[ndarray, "rows columns 3"]:
    """Unit vectors of the picture of the sky."""
    zenith = (np.arange(HEIGHT) + 0.5) / HEIGHT * np.pi
    azimuth = (np.arange(WIDTH) + 0.5) / WIDTH * 2 * np.pi
    flat = np.sin(zenith)[:, None]
    z = np.broadcast_to(np.cos(zenith)[:, None], (HEIGHT, WIDTH))
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), z], -1)


def sky_of(weather: Weather, seed: int) -> Sky:
    """The sky in a weather; the same seed draws the same clouds."""
    sun = sun_direction(weather)
    look = directions()
    clouds = weather.cloudiness / 100
    day = daylight(weather.sun_altitude_angle)
    town = NIGHT * (1 + CLOUDS_BRIGHTEN * clouds) * (1 + 1.5 * np.exp(-np.abs(look[..., 2:]) * 6))
    clear = _clear(look, sun, weather) * day + town
    luminous = float(np.mean(clear[: HEIGHT // 2].mean((0, 1)) @ LUMINANCE))
    direct = _sun_radiance(sun, weather)
    spread = float(direct @ LUMINANCE) * SUN_SOLID_ANGLE * max(sun[2], 0.03) / np.pi
    grey = np.array([0.96, 1.0, 1.05]) * (luminous * 0.9 + spread * 0.35)
    overcast = grey * (1 + 0.2 * np.clip(look[..., 2:], 0, 1)) / 1.1
    bright = overcast + direct * SUN_SOLID_ANGLE / np.pi * 0.55
    cover = _cloud_cover(look, clouds, seed)[..., None]
    glow = 1 + 1.5 * np.exp(-np.arccos(np.clip(look @ sun, -1, 1))[..., None] * 5)
    mixed = clear * (1 - cover) + bright * glow * cover * (1 - clouds) + overcast * cover * clouds
    below = np.clip(-look[..., 2:] * 12, 0, 1)
    ground = mixed[HEIGHT // 2 - 8 : HEIGHT // 2 - 1].mean((0, 1)) * 0.8
    radiance = mixed * (1 - below) + ground * below
    clear_sun = np.clip(1.35 - clouds * 1.5, 0, 1) ** 2 * np.exp(-weather.fog_density / 12)
    return Sky(radiance.astype(np.float32), sun, direct * clear_sun * float(clear_sun > 1e-3))


def daylight(altitude: float) -> float:
    """Light of the clear sky beside that of a sun 2 degrees high, for a lower sun [deg].

    It falls to about 400 lx at sunset and 3.4 lx at the end of civil twilight, 6 degrees below the horizon (RCA
    Electro-Optics Handbook 1974): from there on by e for every 1.26 degrees.
    """
    return float(min(1.0, SUNSET * np.exp(altitude * (1.1 if altitude >= 0 else 1 / 1.26))))


def _clear(look: Float[ndarray, "h w 3"], sun: Float[ndarray, "3"], weather: Weather) -> Float[ndarray, "h w 3"]:
    """Clear sky with a bright haze around the sun, at its own height or on the horizon after sunset."""
    height = max(float(np.arcsin(sun[2])), 0.02)
    flat = sun[:2] / max(float(np.hypot(*sun[:2])), 1e-6)
    raised = np.array([*(flat * np.cos(height)), np.sin(height)])
    values = _sunsky(np.where(look[..., 2:] < 0.004, look * [1, 1, 0] + [0, 0, 0.004], look), raised, "sky", weather)
    angle = np.rad2deg(np.arccos(np.clip(look @ sun, -1, 1)))[..., None]
    strength = _sunsky(raised[None, None], raised, "sun", weather)[0, 0] * SUN_SOLID_ANGLE
    haze = (
        strength
        * (0.9 * np.exp(-angle / 1.6) + 0.22 * np.exp(-angle / 6.5))
        * np.clip(weather.scattering_intensity, 0, 4)
    )
    return np.asarray(np.maximum(values, 0) + haze)


def _sun_radiance(sun: Float[ndarray, "3"], weather: Weather) -> Float[ndarray, "3"]:
    if sun[2] <= 0.003:
        return np.zeros(3)
    return np.asarray(np.maximum(_sunsky(sun[None, None], sun, "sun", weather)[0, 0], 0))


def turbidity(weather: Weather) -> float:
    """Haziness of the air as Hosek and Wilkie count it: 2 clear arctic air to 10 thick haze."""
    return float(np.clip(2.4 + 40 * (weather.mie_scattering_scale - 0.03) + 0.05 * weather.dust_storm, 2, 9))


def _sunsky(
    look: Float[ndarray, "h w 3"], sun: Float[ndarray, "3"], part: str, weather: Weather
) -> Float[ndarray, "h w 3"]:
    """Radiance of one part, "sky" or "sun", of Mitsuba's emitter along directions."""
    scales = {"sun_scale": float(part == "sun"), "sky_scale": float(part == "sky")}
    towards = [float(v) for v in sun]
    emitter = mi.load_dict({"type": "sunsky", "sun_direction": towards, "turbidity": turbidity(weather), **scales})
    count = look.shape[0] * look.shape[1]
    si = dr.zeros(mi.SurfaceInteraction3f, count)
    si.wi = -mi.Vector3f(*(on_device(look[..., i]) for i in range(3)))
    values = emitter.eval(si)
    return np.asarray(np.stack([channel.numpy() for channel in values], -1).reshape(look.shape).astype(np.float64))


def _cloud_cover(look: Float[ndarray, "h w 3"], share: float, seed: int) -> Float[ndarray, "h w"]:
    """How far a cloud hides the sky along each direction: fractal noise on a plane overhead."""
    if share <= 0.01:
        return np.zeros(look.shape[:2])
    rng = np.random.default_rng([seed, 11])
    size = 512
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) * size
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / np.maximum(frequency, 1) ** 1.65
    spectrum[frequency < 2] = 0
    field = np.fft.irfft2(spectrum, s=(size, size))
    field /= field.std()
    up = np.maximum(look[..., 2], 0.02) + 0.08
    x, y = (np.mod(look[..., i] / up * 42, size).astype(int) for i in (0, 1))
    edge = np.quantile(field, 1 - np.clip(share, 0, 1))
    covered = np.clip((field[y, x] - edge) * 0.9 + 0.1, 0, 1)
    return np.asarray(np.maximum(covered, np.clip(share * 2 - 1, 0, 1)) * (look[..., 2] > -0.02))


def texture(sky: Sky) -> object:
    """The sky as a device texture for the tracer."""
    radiance = mi.TensorXf(on_device(sky.radiance), sky.radiance.shape)
    return mi.Texture2f(radiance, wrap_mode=dr.WrapMode.Repeat)
