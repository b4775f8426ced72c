"""Sun, glare, weather and exposure: what changes in the picture, and what must not."""

from __future__ import annotations

from dataclasses import replace

import carla
import numpy as np
import pytest

from perception.errors import WhiteoutError
from scenarios.instant import Instant
from scenarios.qualities import HEAVIEST, QUALITIES
from scenarios.render.mitsuba_setup import dr, mi
from scenarios.render.renderer import Renderer
from scenarios.render.scattering import bounce
from scenarios.render.shading import Hit
from scenarios.render.tracer import trace
from scenarios.weather import CARLA_FIELDS, PRESETS, Weather, preset
from tests.scenarios.rendered import car, look, renderer, straight_map, view

SMALL = view(96, 60)


def brightness(picture: np.ndarray) -> float:
    return float(picture.astype(float).mean())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_a_picture_of_its_own(name: str) -> None:
    lit = replace(car(), lights=6)
    picture = look(name, lit, at=SMALL).rgb()
    assert picture.shape == (60, 96, 3)
    assert picture.std() > 4
    if name != "clear":
        assert np.abs(picture.astype(int) - look("clear", lit, at=SMALL).rgb()).mean() > 4


def test_low_sun_on_packed_snow_glares() -> None:
    shot = look("low-sun-snow", at=SMALL)
    glare = shot.glare()
    assert set(np.unique(glare)) <= {0, 255}
    assert 0.01 < (glare > 0).mean() < 0.6
    rows, columns = np.nonzero(glare)
    assert rows.min() >= 24
    assert 30 < columns.mean() < 66


@pytest.mark.parametrize(
    "weather",
    [
        preset("low-sun-snow", 180.0),
        preset("clear"),
        preset("overcast-snow"),
        preset("night"),
    ],
    ids=["sun behind", "high sun", "clouds", "night"],
)
def test_without_a_low_sun_ahead_there_is_no_glare(weather: Weather) -> None:
    assert (look(weather, at=SMALL).glare() > 0).mean() < 0.002


def test_removing_the_glare_darkens_the_glare_and_little_else() -> None:
    shot = look("low-sun-snow", at=SMALL)
    change = shot.rgb().astype(float).mean(-1) - shot.twin("no_glare").astype(float).mean(-1)
    mask = shot.glare() > 0
    assert change[mask].mean() > 8
    assert abs(change[:20]).mean() < 0.15 * change[mask].mean()


def test_removing_the_sun_leaves_skylight_at_the_same_exposure() -> None:
    shot = look("clear", car(), at=SMALL)
    with_sun, without = shot.rgb(), shot.twin("no_sun")
    ground = shot.depth() < 40
    assert brightness(without[ground]) < 0.75 * brightness(with_sun[ground])
    sky = np.isinf(shot.depth())
    np.testing.assert_allclose(brightness(without[sky]), brightness(with_sun[sky]), atol=4)


def test_overcast_has_no_sun_to_remove() -> None:
    shot = look("overcast-snow", at=SMALL)
    np.testing.assert_array_equal(shot.rgb(), shot.twin("no_sun"))


def test_another_word_is_refused() -> None:
    with pytest.raises(WhiteoutError, match="'moon'"):
        look("clear", at=SMALL).twin("moon")


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(WhiteoutError, match="physical, preview"):
        Renderer(straight_map(), quality="nice")


def test_a_sun_in_the_picture_whitens_it() -> None:
    ahead, away = (look(preset("low-sun-dry", azimuth), at=SMALL).rgb().astype(float) for azimuth in (0.0, 150.0))
    at_sun, corner = (slice(19, 27), slice(44, 52)), (slice(0, 8), slice(0, 12))
    assert brightness(ahead[at_sun]) > 240
    assert brightness(ahead[at_sun]) > brightness(ahead[corner]) + 15
    assert abs(brightness(away[at_sun]) - brightness(away[corner])) < 15


def test_manual_exposure_follows_the_aperture() -> None:
    pictures = []
    for fstop in ("8.0", "32.0"):
        attributes = {"exposure_mode": "manual", "fstop": fstop, "iso": "100", "shutter_speed": "200"}
        pictures.append(look("clear", at=view(48, 30, attributes=attributes)).rgb())
    assert brightness(pictures[1]) < 0.5 * brightness(pictures[0])


def test_fog_hides_what_is_far_before_what_is_near() -> None:
    cars = (car(7, 40.0, 5.0), car(8, 75.0))
    clear, fog = (look(weather, *cars) for weather in ("clear", "fog"))
    near, far = clear.instance() == 7, clear.instance() == 8
    contrast = [float(fog.rgb()[mask].astype(float).std()) for mask in (near, far)]
    assert far.sum() > 5
    assert contrast[1] < 0.4 * contrast[0]


def test_snow_falls_elsewhere_in_the_next_frame() -> None:
    first, again, later = (look("snowfall", frame=f, at=SMALL).rgb() for f in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (np.abs(first.astype(int) - later) > 12).mean() > 0.005


def test_brake_lights_shine() -> None:
    dark = replace(car(x=38.0), lights=0)
    braking = replace(dark, lights=8)
    pictures = [look("overcast-snow", actor, at=SMALL).rgb().astype(int) for actor in (dark, braking)]
    redder = (pictures[1] - pictures[0])[..., 0] - (pictures[1] - pictures[0])[..., 2]
    assert redder.max() > 20


def test_headlamps_light_the_road_at_night() -> None:
    beam = view(96, 60, hidden=frozenset({7}), attributes={"exposure_mode": "manual", "fstop": "1.4", "iso": "6400"})
    road = [
        brightness(look("night", replace(car(x=29.0), lights=lights), at=beam).rgb()[40:50, 30:66]) for lights in (0, 2)
    ]
    assert road[1] > road[0] + 10


def test_weather_alone_does_not_move_the_labels() -> None:
    shots = [renderer().shoot(Instant(1, 0.0, preset(n), (car(),)), SMALL) for n in ("clear", "overcast-snow")]
    np.testing.assert_array_equal(shots[0].instance(), shots[1].instance())


CARLAS = sorted(
    name for name, value in vars(carla.WeatherParameters).items() if isinstance(value, carla.WeatherParameters)
)


@pytest.mark.parametrize("name", CARLAS)
def test_every_weather_of_carlas_own_can_be_drawn(name: str) -> None:
    theirs = getattr(carla.WeatherParameters, name)
    weather = Weather(**{field: getattr(theirs, field) for field in CARLA_FIELDS}).clamped()
    picture = look(weather, at=view(48, 30)).rgb()
    assert picture.std() > 1


def test_only_the_reference_lets_a_bounce_be_as_heavy_as_it_is() -> None:
    """Clear ice on snow, seen at a grazing angle, sends rare directions several times the light of a white wall."""
    rng = np.random.default_rng(0)
    choice, *sample = (mi.Float(rng.random(20_000).astype(np.float32)) for _ in range(3))
    rest = dict.fromkeys(("p", "geometric", "frame", "beads", "ground", "lamp", "instance"))
    seen = Hit(
        viewer=dr.normalize(mi.Vector3f(1.0, 0.0, 0.05)), alpha=mi.Float(0.01), albedo=mi.Color3f(0.9),
        mirror=mi.Color3f(0.01), coat=mi.Float(1.0), snow=mi.Float(1.0), **rest,
    )  # fmt: skip
    cut, whole = (
        bounce(seen, choice, mi.Point2f(*sample), mi.Float(QUALITIES[name].heaviest))[1].numpy()
        for name in ("physical", "reference")
    )
    assert whole.max() > 5
    np.testing.assert_array_equal(cut, np.minimum(whole, HEAVIEST))
    assert QUALITIES["reference"].heaviest == QUALITIES["reference"].clamp == np.inf


def test_the_limit_of_a_bounce_reaches_the_paths() -> None:
    shot = look("clear", at=view(48, 30))
    scene, light, shader = renderer().prepare(shot.instant, shot.view)
    none, some, free = (
        trace(scene, shot.camera, light, shader, samples=1, bounces=2, seed=1, heaviest=limit).sky.mean()
        for limit in (0.0, 0.1, np.inf)
    )
    assert none < some < free
