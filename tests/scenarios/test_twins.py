"""Counterfactual twins: one thing changes, and the noise, the exposure and everything else stay."""

from __future__ import annotations

import numpy as np
import pytest

from perception.errors import WhiteoutError
from perception.mask_codes import decode_ratio, encode_ratio
from scenarios.twins import CHOICES, changed, check_twin
from scenarios.weather import preset
from tests.scenarios.rendered import car, look, renderer, view

SMALL = view(96, 60)
TWINS = ("no_sun", "no_glare", "no_wetness", "no_snow", "no_actor:7", "sun+10", "sun-25.5")


def test_a_twin_without_what_cannot_be_seen_is_the_picture() -> None:
    """Traced anew, with another sky and another crowd in memory: the noise and the exposure must be the same ones."""
    shot = look("low-sun-wet", car(), car(9, -60.0), at=SMALL)
    np.testing.assert_array_equal(shot.twin("no_actor:9"), shot.rgb())


@pytest.mark.parametrize("name", ["no_snow", "no_wetness", "no_actor:4711", "sun+360"])
def test_a_twin_without_what_is_not_there_is_the_picture(name: str) -> None:
    shot = look("clear", car(), at=SMALL)
    np.testing.assert_array_equal(shot.twin(name), shot.rgb())


def test_making_twins_changes_nothing_of_the_picture() -> None:
    fresh = look("low-sun-wet", car(), at=SMALL)
    before = [fresh.rgb(), fresh.depth(), fresh.instance(), fresh.glare()]
    shot = look("low-sun-wet", car(), at=SMALL)
    twins = [shot.twin(name) for name in TWINS]
    for one, other in zip([shot.rgb(), shot.depth(), shot.instance(), shot.glare()], before, strict=True):
        np.testing.assert_array_equal(one, other)
    for name, twin in zip(TWINS, twins, strict=True):
        np.testing.assert_array_equal(shot.twin(name), twin)


def test_without_water_the_road_mirrors_less() -> None:
    shot = look("low-sun-wet", at=SMALL)
    mask = shot.glare() > 0
    assert mask.sum() > 50
    change = shot.rgb().astype(float) - shot.twin("no_wetness")
    assert change[mask].mean() > 10
    assert np.abs(change[:20]).mean() < 3


def test_without_snow_the_ground_is_dark_and_the_trees_stay() -> None:
    shot = look("overcast-snow", at=SMALL)
    below = shot.depth() < 25
    assert shot.rgb()[below].mean() > shot.twin("no_snow")[below].mean() + 30
    assert (
        changed(look(preset("overcast-snow").with_values(temperature=10.0)).instant, "no_snow").weather.temperature == 3
    )


@pytest.mark.parametrize("name", ["overcast-snow", "snow-banks@5", "ice@5", "slush@5"])
def test_a_twin_without_snow_has_none_of_any_kind(name: str) -> None:
    weather = preset(name)
    bare = changed(look(weather).instant, "no_snow").weather
    lying = ("snow_cover", "snow_depth", "snow_age", "snow_packed", "snow_tracks", "snow_banks", "ice", "slush")
    assert any(getattr(weather, field) for field in lying)
    assert not any(getattr(bare, field) for field in lying)


def test_a_twin_without_banks_sees_what_is_behind_them() -> None:
    """Fog shows the depth: it must be that of the twin, not of the picture."""
    weather = preset("snow-banks@5").with_values(fog_density=60.0)
    shot = look(weather, at=SMALL)
    bare = changed(shot.instant, "no_snow")
    alone = renderer().shoot(bare, SMALL)
    assert (alone.depth() > shot.depth() + 1).mean() > 0.02
    gain = alone.rgb().mean() / shot.twin("no_snow").mean()
    difference = np.abs(shot.twin("no_snow") * gain - alone.rgb())
    assert difference.mean() < 4


def test_without_an_actor_its_place_and_its_shadow_are_free() -> None:
    shot = look("clear", car(), at=SMALL)
    alone = look("clear", at=SMALL)
    difference = np.abs(shot.twin("no_actor:7").astype(int) - alone.rgb())
    assert difference.mean() < 2
    assert np.abs(shot.rgb().astype(int) - alone.rgb())[shot.instance() == 7].mean() > 20


def test_a_turned_sun_stands_to_the_right_and_shadows_fall_to_the_left() -> None:
    shot = look("low-sun-dry", at=SMALL)
    columns = [float(picture.astype(float).sum(-1)[:28].sum(0).argmax()) for picture in
               (shot.twin("sun-4"), shot.rgb(), shot.twin("sun+9"))]  # fmt: skip
    focal = 48 / np.tan(np.deg2rad(40))
    np.testing.assert_allclose(np.subtract(columns, 47.5), focal * np.tan(np.deg2rad([-4, 0, 9])), atol=3)


@pytest.mark.parametrize("name", ["moon", "no_", "no_actor", "no_actor:x", "sun", "sun10", "sun+", "no_snow "])
def test_another_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(WhiteoutError, match="no_actor:ID"):
        check_twin(name)
    with pytest.raises(WhiteoutError) as told:
        look("clear", at=SMALL).twin(name)
    assert CHOICES in str(told.value)


@pytest.mark.parametrize("weather", ["night", "overcast-snow"])
def test_without_sun_the_radiance_ratio_is_one(weather: str) -> None:
    assert (look(weather, at=SMALL).glare_ratio() == 1).all()


def test_the_radiance_ratio_is_large_in_the_glare_and_near_one_far_from_it() -> None:
    shot = look("low-sun-snow", at=SMALL)
    ratio, mask = shot.glare_ratio(), shot.glare() > 0
    assert (ratio >= 1).all()
    assert ratio[mask].min() > 1.2
    assert np.median(ratio[:15]) < 1.05


def test_the_radiance_ratio_is_that_of_the_two_pictures_before_the_curve() -> None:
    """In a linear camera, far from black and white, the ratio of two pictures is the ratio of their light."""
    shot = look("low-sun-snow", at=SMALL)
    with_it, without = (picture.astype(float).mean(-1) for picture in (shot.rgb(), shot.twin("no_glare")))
    brighter, ratio = with_it - without, shot.glare_ratio()
    clear = (without > 40) & (with_it < 150)
    assert np.corrcoef(brighter[clear], np.log(ratio[clear]))[0, 1] > 0.8
    assert (ratio[clear & (np.abs(brighter) < 0.5)] < 1.05).all()


def test_ratios_are_kept_to_a_seventh_of_a_percent() -> None:
    ratio = np.geomspace(1, 1e30, 5000).reshape(50, 100)
    np.testing.assert_allclose(decode_ratio(encode_ratio(ratio)), ratio, rtol=0.0014)
    assert encode_ratio(np.array([[1.0, 2.0, 1024.0]])).tolist() == [[0, 256, 2560]]
