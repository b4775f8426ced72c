"""How much light a picture takes: metered and adapted, or set by hand.

Radiance is Mitsuba's RGB: a spectral radiance [W/m^2/sr/nm] weighted by CIE y and divided by the integral of y
(106.857 nm). So its luminance times 683 lm/W times 106.857 nm is in cd/m^2; under `clear` (sun 45 degrees up) the
ground gets 93 klx, as under a real clear sky. Exposure values are EV100 = log2(N^2 / t * 100 / ISO) (ISO 2720).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.optics.settings import Settings

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
CANDELA = 683.0 * 106.857
"""cd/m^2 of one unit of radiance."""
GREY_CARD = 0.18 * 3.4 / np.pi
"""Luminance of an 18 per cent grey card at EV100 = 0 [cd/m^2]: an incident-light meter of constant C = 340, within the
320 to 540 that ISO 2720 leaves to makers for a domed receptor, reads 3.4 lx there. With it the "sunny 16" rule holds
under `clear`."""
GREY_SIGNAL = 0.14463
"""The signal that the tone curve turns into 18 per cent of white."""
MIDDLE_GREY = 0.17
"""The signal that a metered mean is put to at CARLA's calibration constant of 16."""
DIM = 100.0
"""Mean luminance below which a scene is drawn darker than middle grey [cd/m2]."""
SLOWEST = 60.0
"""One over the longest exposure of the automatic camera [1/s]: half a picture's time at 30 a second, that what moves
stays sharp enough."""
MOST_SENSITIVE = 1600.0
"""Its highest ISO setting."""


@dataclass(frozen=True)
class Adaptation:
    """What an automatic camera had adapted to: simulated time [s] and gain, without compensation."""

    time: float
    gain: float


def no_picture_before() -> Adaptation | None:
    """What a camera had adapted to before its first picture."""
    return None


@dataclass(frozen=True)
class Exposure:
    """How radiance becomes signal.

    Attributes:
        gain: signal a unit of radiance.
        balance: white balance a channel.
        amplification: how much of the gain is the sensor's, as ISO / 100.
        adaptation: what the next picture of the camera starts from.
    """

    gain: float
    balance: tuple[float, float, float]
    amplification: float
    adaptation: Adaptation


def expose(
    radiance: Float[ndarray, "height width 3"], settings: Settings, time: float, earlier: Adaptation | None
) -> Exposure:
    """Exposure of a picture taken at `time` [s] by a camera that was adapted to `earlier` (None: its first)."""
    metered = metered_gain(radiance, settings)
    adaptation = Adaptation(time, metered if earlier is None else adapted(metered, settings, time, earlier))
    if settings.exposure_mode == "manual":
        gain, amplification = manual_gain(settings), settings.iso / 100
    else:
        gain = adaptation.gain * 2.0**settings.exposure_compensation
        amplification = max(1.0, gain / manual_gain(slowest(settings)))
    red, green, blue = (float(v) for v in white_balance(radiance, gain, settings))
    return Exposure(float(gain), (red, green, blue), float(amplification), adaptation)


def ev100(settings: Settings) -> float:
    """Exposure value at ISO 100 of aperture, shutter and sensitivity."""
    return float(np.log2(settings.fstop**2 * settings.shutter_speed * 100 / settings.iso))


def manual_gain(settings: Settings) -> float:
    """Gain that draws a grey card as middle grey in the light that the camera is set for."""
    return float(GREY_SIGNAL * CANDELA / GREY_CARD * 2.0 ** (settings.exposure_compensation - ev100(settings)))


def slowest(settings: Settings) -> Settings:
    """The automatic camera with its longest exposure, before it amplifies: the aperture stays."""
    speed = min(settings.shutter_speed, SLOWEST)
    return replace(settings, iso=100.0, shutter_speed=speed, exposure_compensation=0.0)


def metered_gain(radiance: Float[ndarray, "height width 3"], settings: Settings) -> float:
    """Gain that histogram mode would settle at.

    The log-mean of the lower two thirds is put to a middle grey, held back so that not more than a fifth of the whole
    picture is blown out, and a dim scene stays dim; the mean counts as no darker and no brighter than the limits in
    `settings`. A camera can do no more than its longest exposure and highest ISO setting: what is too dark for those
    stays dark.
    """
    luminance = np.maximum(radiance @ LUMINANCE, 1e-7)
    key = float(np.exp(np.mean(np.log(luminance[luminance.shape[0] // 3 :]))))
    middle = MIDDLE_GREY * settings.calibration_constant / 16 * lightness(key * CANDELA)
    low, high = (GREY_CARD / CANDELA * 2.0**v for v in (settings.exposure_min_bright, settings.exposure_max_bright))
    gain = middle / key
    bright = float(np.quantile(luminance, 0.8))
    longest = manual_gain(replace(slowest(settings), iso=MOST_SENSITIVE))
    gain = min(gain, max(2.6 / bright, gain * 0.35), longest)
    return float(np.clip(gain, middle / high, middle / low))


def lightness(luminance: float) -> float:
    """How light a scene of a mean luminance [cd/m2] is drawn, 1 by day: dusk and night shall look like dusk and night.

    The key value that Krawczyk, Myszkowski and Seidel (2005, "Lightness perception in tone reproduction for high
    dynamic range images") estimate from the mean, over that of `DIM`.
    """
    key, full = (1.03 - 2 / (2 + np.log10(value + 1)) for value in (luminance, DIM))
    return float(min(1.0, key / full))


def adapted(target: float, settings: Settings, time: float, earlier: Adaptation) -> float:
    """The gain on its way from an earlier one to `target`: the gap in stops halves every 1 / speed seconds."""
    passed = time - earlier.time
    if passed < 0:
        return target
    speed = settings.exposure_speed_up if target < earlier.gain else settings.exposure_speed_down
    left = 2.0 ** (-passed * max(speed, 0.0))
    return float(target * (earlier.gain / target) ** left)


def white_balance(radiance: Float[ndarray, "height width 3"], gain: float, settings: Settings) -> Float[ndarray, "3"]:
    """Gain a channel: it goes part of the way to a grey mean, as cameras do, then to the set temperature and tint."""
    mean = np.minimum(radiance, 3 / gain).mean((0, 1)) + 1e-9
    balance = (mean @ LUMINANCE / mean) ** 0.3
    balance = np.clip(balance / (balance @ LUMINANCE), 0.6, 1.9)
    if (settings.temp, settings.tint) == (6500.0, 0.0):
        return np.asarray(balance)
    chosen = balance * daylight(6500.0) / daylight(settings.temp) * [1, 2.0**-settings.tint, 1]
    return np.asarray(chosen / (chosen @ LUMINANCE))


def daylight(kelvin: float) -> Float[ndarray, "3"]:
    """Linear sRGB colour, luminance 1, of light of a colour temperature.

    CIE daylight from 4000 K to 25000 K (CIE 15), below that the Planckian locus by the cubic fit of Kim et al. (2002).
    """
    t = 1000 / float(np.clip(kelvin, 1667, 25000))
    if kelvin >= 4000:
        low, high = (0.244063, 0.09911, 2.9678, -4.6070), (0.237040, 0.24748, 1.9018, -2.0064)
        x = float(np.polyval((low if kelvin <= 7000 else high)[::-1], t))
        y = -3.0 * x**2 + 2.870 * x - 0.275
    else:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
        low, high = (
            (-1.1063814, -1.34811020, 2.18555832, -0.20219683),
            (-0.9549476, -1.37418593, 2.09137015, -0.16748867),
        )
        y = float(np.polyval(low if kelvin < 2222 else high, x))
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    matrix = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    return np.asarray(np.maximum(matrix @ xyz, 0.02))
