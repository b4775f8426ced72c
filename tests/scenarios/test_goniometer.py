"""Reflectance of the pictures' materials against published ranges and orderings."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from perception.errors import WhiteoutError
from scenarios.render.goniometer import PUBLISHED, reflectance_factor
from scenarios.render.surface import Tiles
from scenarios.weather import Weather, preset

DRY, WET = Weather(), Weather(wetness=100.0)
FRESH = Weather(snow_cover=1.0, snow_depth=0.3, temperature=-5.0)
PACKED = Weather(snow_cover=1.0, snow_packed=1.0, temperature=-5.0)


@lru_cache(maxsize=1)
def tiles() -> Tiles:
    return Tiles(0)


def factor(material: str, weather: Weather, incidence: float, view: float, azimuth: float = 0.0) -> float:
    return reflectance_factor(
        material,
        weather,
        incidence=float(incidence),
        view=float(view),
        azimuth=float(azimuth),
        spots=4096,
        tiles=tiles(),
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_reflectance_from_above_lies_in_the_published_range(name: str) -> None:
    known = PUBLISHED[name]
    assert known.low <= factor(known.material, known.weather, 45, 0) <= known.high


def test_wet_asphalt_is_darker_from_above_and_brighter_against_the_sun() -> None:
    """Lekner and Dorf 1988 (darkening); CIE 144's wet tables against its dry ones (specularity)."""
    assert factor("road", WET, 45, 0) < 0.8 * factor("road", DRY, 45, 0)
    assert factor("road", WET, 83, 83) > 5 * factor("road", DRY, 83, 83) > 5 * factor("road", DRY, 83, 0)
    assert factor("road", WET, 83, 83, 180) < 0.3 * factor("road", WET, 83, 83)


def test_polished_snow_mirrors_a_low_sun_more_than_fresh_snow() -> None:
    assert factor("road", PACKED, 80, 80) > 1.5 * factor("road", FRESH, 80, 80)


@pytest.mark.parametrize("sun", [60.0, 70.0, 80.0])
def test_snow_sends_more_light_forward_than_up_and_more_up_than_matte_at_a_high_sun(sun: float) -> None:
    """Forward above back above nadir, and more the lower the sun: Dumont et al. 2010, Kokhanovsky and Breon 2012."""
    forward, back, above = (
        factor("grass", FRESH, sun, 70),
        factor("grass", FRESH, sun, 70, 180),
        factor("grass", FRESH, sun, 0),
    )
    assert forward > 1.15 * back
    assert back > above
    assert factor("grass", FRESH, sun, 60) > factor("grass", FRESH, sun - 20, 60)


def test_brightness_keeps_the_order_that_every_driver_knows() -> None:
    values = [factor(m, w, 45, 0) for m, w in (("road", WET), ("road", DRY), ("marking_white", DRY), ("grass", FRESH))]
    assert values == sorted(values)


def test_old_snow_salt_and_mud_take_and_give_light() -> None:
    assert factor("grass", FRESH.with_values(snow_age=30), 45, 0) < 0.85 * factor("grass", FRESH, 45, 0)
    assert factor("road", preset("salt@5"), 45, 0) > 1.5 * factor("road", DRY, 45, 0)
    assert factor("marking_white", preset("mud-leaves@5"), 45, 0) < 0.9 * factor("marking_white", DRY, 45, 0)


def test_the_bench_repeats_to_the_bit() -> None:
    assert len({factor("road", DRY, 60, 60) for _ in range(3)}) == 1
    assert np.isfinite(factor("body", DRY, 60, 60))


def test_wrong_questions_are_answered_with_a_sentence() -> None:
    with pytest.raises(WhiteoutError, match="'cheese'"):
        factor("cheese", DRY, 0, 0)
    with pytest.raises(WhiteoutError, match="below 90"):
        factor("road", DRY, 90, 0)
