"""Exposure against a light meter, scattered light against its law, noise against EMVA 1288, lens effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from perception.camera import Camera
from perception.errors import WhiteoutError
from scenarios.instant import Instant, Pose, View
from scenarios.render.frames import camera_of
from scenarios.render.optics.develop import Optics
from scenarios.render.optics.exposure import (
    GREY_SIGNAL,
    LUMINANCE,
    Adaptation,
    adapted,
    daylight,
    ev100,
    expose,
    manual_gain,
)
from scenarios.render.optics.sensor import FULL_WELL, READ_NOISE, noisy, tone
from scenarios.render.optics.settings import Settings
from scenarios.render.optics.spread import SUN_SOLID_ANGLE, law, scattered_share, spread, sun_light
from scenarios.render.sky import directions, sky_of
from scenarios.server.blueprint_attributes import RGB_CAMERA
from scenarios.server.pictures import Order, render
from scenarios.weather import preset
from tests.scenarios.rendered import car, look, renderer, view

CLEAN = {"whiteout_sensor_noise": "0", "bloom_intensity": "0"}


def settings(**changes: object) -> Settings:
    return Settings.of({name: str(value) for name, value in changes.items()})


def flat(value: float, height: int = 24, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), value, np.float32)


def pinhole(width: int = 64, height: int = 40, fov: float = 80.0) -> Camera:
    return Camera.from_fov(width, height, fov, np.eye(4))


def developed(radiance: np.ndarray, chosen: Settings, camera: Camera | None = None) -> np.ndarray:
    optics = Optics(camera or pinhole(radiance.shape[1], radiance.shape[0]), chosen, 1, 2)
    return optics.develop(radiance, expose(radiance, chosen, 0.0, None), np.zeros_like(radiance))


# --- exposure


def card_in_full_sun() -> float:
    """Radiance of an 18 per cent grey card that lies on the ground under a clear sky with the sun 45 degrees up."""
    sky = sky_of(preset("clear"), 0)
    look_up = directions()
    rows, columns = look_up.shape[:2]
    height = np.pi / rows
    solid = np.sin((np.arange(rows) + 0.5) * height)[:, None] * height * (2 * np.pi / columns)
    from_sky = (sky.radiance @ LUMINANCE * np.clip(look_up[..., 2], 0, None) * solid).sum()
    return float(0.18 / np.pi * (from_sky + sky.sun_irradiance @ LUMINANCE * sky.sun[2]))


@pytest.mark.parametrize(
    ("fstop", "shutter", "iso"),
    [(16, 100, 100), (16, 125, 100), (16, 400, 400), (8, 400, 100), (4, 1600, 100), (5.6568, 1600, 200)],
)
def test_a_grey_card_in_full_sun_is_middle_grey_by_the_sunny_16_rule(fstop: float, shutter: float, iso: float) -> None:
    chosen = settings(exposure_mode="manual", fstop=fstop, shutter_speed=shutter, iso=iso, **CLEAN)
    assert ev100(chosen) == pytest.approx(np.log2(16**2 * 100), abs=0.33)
    grey = developed(flat(card_in_full_sun()), chosen) @ LUMINANCE
    low, high = (255 * tone(np.full((1, 1, 3), GREY_SIGNAL * 2.0 ** (s / 3)))[0, 0, 0] for s in (-1, 1))
    assert low < grey.mean() < high
    assert 255 * tone(np.full((1, 1, 3), GREY_SIGNAL))[0, 0, 0] == pytest.approx(118, abs=0.5)


def test_stops_are_exact() -> None:
    base = settings(exposure_mode="manual", fstop=8, shutter_speed=100, iso=100)
    for change, stops in (
        ({"fstop": 8 * 2**0.5}, -1),
        ({"shutter_speed": 25.0}, 2),
        ({"iso": 800.0}, 3),
        ({"exposure_compensation": -1.5}, -1.5),
    ):
        assert manual_gain(replace(base, **change)) / manual_gain(base) == pytest.approx(2.0**stops)  # type: ignore[arg-type]


def test_histogram_mode_keeps_within_its_limits_and_follows_the_calibration() -> None:
    free = expose(flat(1e-2), settings(), 0.0, None).gain
    assert free > expose(flat(1e-2), settings(exposure_min_bright=15), 0.0, None).gain * 4
    bright = expose(flat(5.0), settings(exposure_max_bright=12), 0.0, None).gain
    assert bright > expose(flat(5.0), settings(), 0.0, None).gain * 4
    assert expose(flat(0.05), settings(calibration_constant=8), 0.0, None).gain == pytest.approx(
        expose(flat(0.05), settings(), 0.0, None).gain / 2
    )


def test_adaptation_halves_the_gap_in_stops_and_differs_up_and_down() -> None:
    chosen = settings(exposure_speed_up=2.0, exposure_speed_down=0.5)
    start = Adaptation(10.0, 16.0)
    assert adapted(1.0, chosen, 10.5, start) == pytest.approx(4.0)
    assert adapted(1.0, chosen, 11.0, start) == pytest.approx(2.0)
    assert adapted(256.0, chosen, 12.0, start) == pytest.approx(64.0)
    assert adapted(1.0, chosen, 3.0, start) == 1.0


def order(sensor: int, kind: str, eye: View) -> Order:
    return Order(sensor, sensor, kind, "none", b"", eye)


def test_a_camera_adapts_from_its_own_earlier_pictures_alone() -> None:
    eye = view(48, 30, attributes={"exposure_speed_up": "1.0", "exposure_speed_down": "1.0"})
    other = replace(eye, pose=Pose(60.0, 1.75, 1.5))
    dark, bright = (Instant(f, t, preset(w)) for f, t, w in ((1, 0.0, "night"), (2, 0.5, "clear")))

    def play(*firsts: Order) -> bytes:
        newest: dict[int, object] = {}
        render(renderer(), dark, firsts, newest)
        (message,) = render(renderer(), bright, [order(1, "sensor.camera.rgb", eye)], newest)
        return message[1]

    alone = play(order(1, "sensor.camera.rgb", eye))
    assert alone == play(order(2, "sensor.camera.rgb", other), order(1, "sensor.camera.rgb", eye))
    assert alone == play(order(3, "sensor.camera.depth", eye), order(1, "sensor.camera.rgb", eye))
    fresh = play(order(2, "sensor.camera.rgb", other))
    assert fresh == play(order(1, "sensor.camera.depth", eye))
    values = [np.frombuffer(data, np.uint8)[12:].mean() for data in (alone, fresh)]
    assert values[0] > values[1] + 20


def test_twins_keep_the_exposure_of_the_real_picture() -> None:
    shot = renderer().shoot(Instant(1, 0.5, preset("low-sun-dry", 0.0)), view(48, 30), lambda: Adaptation(0.0, 0.02))
    plain = look("low-sun-dry", at=view(48, 30))
    assert shot.twin("no_sun").mean() < 0.5 * plain.twin("no_sun").mean()
    assert shot.adaptation is not None
    assert shot.adaptation.time == 0.5


def test_the_blueprint_and_the_settings_agree_on_every_default() -> None:
    assert Settings.of({a.name: a.values[0] for a in RGB_CAMERA}) == Settings()
    ours = {name for name in vars(Settings()) if name != "exposure_mode"}
    assert ours <= {a.name for a in RGB_CAMERA}


def test_an_attribute_that_makes_no_sense_is_named() -> None:
    with pytest.raises(WhiteoutError, match="fstop is 0"):
        settings(fstop=0)
    with pytest.raises(WhiteoutError, match="iso is 'high'"):
        settings(iso="high")
    with pytest.raises(WhiteoutError, match="exposure_min_bright"):
        settings(exposure_min_bright=5, exposure_max_bright=4)


# --- scattered light


def test_no_light_is_lost_or_won() -> None:
    turn = 2 * np.pi * np.pi / 180
    share, _ = quad(lambda t: float(law(np.array(t))) * turn * np.sin(np.deg2rad(t)), 0, 90, limit=400)
    assert scattered_share() == pytest.approx(share, rel=1e-3)
    pitch = np.deg2rad(0.14)
    source = np.zeros((700, 700, 3), np.float32)
    source[350, 350] = 1.0
    reach = 700 * 0.14 / 2
    inside, _ = quad(lambda t: float(law(np.array(t))) * turn * np.deg2rad(t), 0, reach, limit=400)
    total = spread(source, pitch)[..., 1].sum()
    assert 1 - scattered_share() + inside <= total * 1.01
    assert total <= 1.001


@pytest.mark.parametrize("pitch", [0.07, 0.14, 0.5])
def test_a_small_source_is_veiled_as_the_law_says_at_any_resolution(pitch: float) -> None:
    width = round(66 / pitch)
    source = np.zeros((round(3 / pitch), width, 3), np.float32)
    row, column = source.shape[0] // 2, width // 20
    step = np.deg2rad(pitch)
    source[row, column] = 1 / step**2
    picture = spread(source, step)
    for angle in (1.0, 3.0, 10.0, 30.0):
        away = np.tan(np.deg2rad(angle)) / step
        veil = np.interp(away, np.arange(width - column), picture[row, column:, 1])
        assert veil == pytest.approx(float(law(np.array(angle))), rel=0.12 if angle == 1.0 else 0.05)


def test_the_law_is_the_cie_small_angle_equation_with_our_strength() -> None:
    for angle in (1.0, 3.0, 10.0, 30.0):
        cie = 10 / angle**3 + 5 / angle**2
        assert float(law(np.array(angle))) == pytest.approx(1.2 * cie, rel=0.13 if angle == 1 else 0.02)


def test_the_suns_veil_follows_the_law_also_from_beside_the_picture() -> None:
    camera = pinhole(641, 401, 60.0)
    for off in (0.0, 40.0):
        sun = np.array([np.sin(np.deg2rad(off)), 0.0, np.cos(np.deg2rad(off))])
        light = sun_light(camera, sun, np.array([2.0, 1.0, 0.5]), 1.0)
        for angle in (3.0, 10.0, 25.0):
            column = 320.5 + camera.intrinsics[0, 0] * np.tan(np.deg2rad(angle)) - 0.5
            for channel, irradiance in enumerate((2.0, 1.0, 0.5)):
                seen = np.interp(column, np.arange(641), light[200, :, channel])
                assert seen == pytest.approx(float(law(np.array(abs(off - angle)))) * irradiance, rel=0.02)


def test_the_suns_disc_brings_its_irradiance() -> None:
    camera = pinhole(400, 400, 4.0)
    light = sun_light(camera, np.array([0.0, 0, 1]), np.array([1.0, 1, 1]), 1.0, strength=0.0)
    pixel = (1 / camera.intrinsics[0, 0]) ** 2
    assert light[..., 0].sum() * pixel == pytest.approx(1.0, rel=0.02)
    assert light.max() == pytest.approx(1 / SUN_SOLID_ANGLE, rel=1e-3)


def test_bloom_can_be_switched_off() -> None:
    hand = {"exposure_mode": "manual", "fstop": "8", "lens_flare_intensity": "0"}
    on, off = (
        look("low-sun-dry", at=view(48, 30, attributes={**hand, "bloom_intensity": b})).rgb() for b in ("0.675", "0.0")
    )
    corner = (slice(20, 30), slice(0, 10))
    assert on[corner].mean() > off[corner].mean() + 3


def test_ghosts_lie_across_the_middle_from_the_sun() -> None:
    camera = pinhole(200, 120, 60.0)
    off = settings(lens_flare_intensity=0, bloom_intensity=0)
    on = settings(lens_flare_intensity=1, bloom_intensity=0)
    sun = np.array([0.25, 0.0, 1.0]) / np.hypot(0.25, 1)
    added = [Optics(camera, s, 1, 2).of_sun(sun, np.ones(3), 1.0) for s in (off, on)]
    ghost = (added[1] - added[0]).mean(-1)
    assert ghost[:, :100].max() > 0.01
    assert ghost[:10].max() == 0
    beside = np.array([1.0, 0.0, 1.0]) / np.sqrt(2)
    assert not Optics(camera, on, 1, 2).of_sun(beside, np.ones(3), 1.0).any()


# --- sensor and lens


@pytest.mark.parametrize("amplification", [1.0, 16.0])
def test_noise_is_that_of_emva_1288(amplification: float) -> None:
    for level in (0.0, 0.2):
        noise = noisy(flat(level, 300, 300), amplification, 1.0, 5) - np.float32(level)
        electrons = FULL_WELL / amplification
        assert noise.var() == pytest.approx((level * electrons + READ_NOISE**2) / electrons**2, rel=0.03)
        assert abs(noise.mean()) < 4 * noise.std() / 500


def test_noise_repeats_for_a_seed_and_is_small_at_base_iso() -> None:
    signal = flat(0.145)
    np.testing.assert_array_equal(noisy(signal, 1.0, 1.0, 5), noisy(signal, 1.0, 1.0, 5))
    assert (noisy(signal, 1.0, 1.0, 5) != noisy(signal, 1.0, 1.0, 6)).mean() > 0.99
    assert np.std(255 * tone(noisy(signal, 1.0, 1.0, 5))) < 2
    assert np.std(255 * tone(noisy(signal, 64.0, 1.0, 5))) > 6


def test_white_balance_follows_temperature_and_tint() -> None:
    grey = flat(0.3)
    plain, warm, cool, magenta = (
        developed(grey, settings(**CLEAN, **c))[0, 0].astype(int)
        for c in ({}, {"temp": 9000}, {"temp": 4500}, {"tint": 0.5})
    )
    assert np.ptp(plain) <= 1
    assert warm[0] > warm[2] + 20
    assert cool[2] > cool[0] + 20
    assert magenta[1] < magenta[0] - 10
    np.testing.assert_allclose(daylight(6504.0), 1.0, atol=0.03)
    np.testing.assert_allclose(daylight(3999.9), daylight(4000.1), atol=0.04)


def test_vignette_gamma_and_tone_curve() -> None:
    grey = flat(0.3)
    dark = developed(grey, settings(**CLEAN, lens_circle_multiplier=0.8, lens_circle_falloff=2))
    assert dark[12, 20].mean() > dark[0, 0].mean() + 50
    plain = developed(grey, settings(**CLEAN))
    assert developed(grey, settings(**CLEAN, gamma=3.0)).mean() > plain.mean() + 10
    assert abs(developed(grey, settings(**CLEAN, enable_postprocess_effects=False)).mean() - plain.mean()) > 2


def test_fringes_draw_red_wider_than_blue() -> None:
    edge = flat(0.05, 60, 100)
    edge[:, 80:] = 0.5
    picture = developed(edge, settings(**CLEAN, chromatic_aberration_intensity=4.0)).astype(int)
    assert picture[30, 80, 2] > picture[30, 80, 0] + 30
    inner = developed(edge, settings(**CLEAN, chromatic_aberration_intensity=4.0, chromatic_aberration_offset=1.0))
    np.testing.assert_array_equal(inner, developed(edge, settings(**CLEAN)))


@pytest.mark.parametrize("kind", ["droplets", "dirt", "ice"])
def test_what_lies_on_the_windscreen_stays_there_and_leaves_the_labels(kind: str) -> None:
    clean, some, much = (
        view(96, 60, attributes={"whiteout_sensor_noise": "0", f"whiteout_{kind}": s}) for s in ("0", "0.3", "0.9")
    )
    shots = [look("clear", car(), at=v) for v in (clean, some, much)]
    change = [np.abs(s.rgb().astype(int) - shots[0].rgb()).mean() for s in shots]
    assert change[2] > change[1] > 0.5
    np.testing.assert_array_equal(shots[0].instance(), shots[2].instance())
    np.testing.assert_array_equal(shots[0].depth(), shots[2].depth())
    first, later = (look("clear", frame=f, at=v).rgb().astype(int) for f, v in ((1, much), (9, much)))
    bare = [look("clear", frame=f, at=clean).rgb().astype(int) for f in (1, 9)]
    assert np.corrcoef((first - bare[0]).ravel(), (later - bare[1]).ravel())[0, 1] > 0.9


def test_the_view_knows_its_lens() -> None:
    eye = view(64, 40, attributes={"whiteout_lens": "fisheye", "whiteout_lens_k1": "0.02"})
    assert camera_of(eye).lens == "fisheye"
    assert camera_of(eye).distortion == (0.02, 0.0, 0.0, 0.0)
    assert camera_of(view(64, 40, attributes={"lens_k": "-1.0", "lens_kcube": "0.0"})).lens == "pinhole"
    cubic = {"lens_k": "-0.2", "lens_kcube": "0.05", "lens_x_size": "1", "lens_y_size": "1"}
    bent = camera_of(view(640, 400, attributes=cubic))
    drawn = np.array([[0.0, 200.0], [480.0, 200.0], [320.0, 40.0]])
    radius = np.hypot(*(drawn - (320, 200)).T) / 320
    rays = bent.rays(drawn)
    seen = np.hypot(rays[:, 0], rays[:, 1]) / rays[:, 2] / np.tan(np.deg2rad(40))
    np.testing.assert_allclose(seen, radius * (1 - 0.2 * radius**2 + 0.05 * radius**3), rtol=3e-3)
