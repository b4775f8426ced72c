"""Lamps: the intensities of their standards, what they light, and the glow of their beams in the air."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scenarios.instant import ActorState, Instant, Pose
from scenarios.render.airlight import airlight, lit
from scenarios.render.beams import HIGH, LENS, LOW, LUMINAIRE, beam, headlamp, low_beam
from scenarios.render.frames import camera_of
from scenarios.render.lamps import LAMP_COLORS, MOST, lamps_of
from scenarios.render.materials import LAMP_KINDS
from scenarios.render.mitsuba_setup import mi, on_device, table
from scenarios.render.optics.exposure import CANDELA, LUMINANCE
from scenarios.render.sky import sky_of
from scenarios.weather import Weather, preset
from tests.scenarios.rendered import EYE, LANE, car, look, view

NONE = np.zeros((0, 3))
SMALL = view(96, 60)
NIGHT = preset("night")


def luminance(picture: np.ndarray) -> np.ndarray:
    """Of linear RGB [cd/m2]."""
    return np.asarray(picture @ LUMINANCE * CANDELA)


def sent(right: float, up: float) -> float:
    """Low beam towards a test point, angles [deg]."""
    rise, side = (mi.Float(float(np.sin(np.deg2rad(angle)))) for angle in (up, right))
    return float(low_beam(rise, side).numpy()[0])


@pytest.mark.parametrize(
    ("point", "right", "up", "least", "most"),
    [
        ("B50L", -3.43, 0.57, 0, 350),
        ("75R", 1.15, -0.57, 10_100, np.inf),
        ("75L", -3.43, -0.57, 0, 10_600),
        ("50L", -3.43, -0.86, 0, 13_200),
        ("50R", 1.72, -0.86, 10_100, np.inf),
        ("50V", 0.0, -0.86, 5_100, np.inf),
        ("25L", -9.0, -1.72, 1_700, np.inf),
        ("25R", 9.0, -1.72, 1_700, np.inf),
        ("zone III, ahead", -1.0, 1.5, 0, 625),
        ("zone III, left", -6.0, 0.2, 0, 625),
        ("zone IV", 3.0, -1.72, 2_500, np.inf),
    ],
)
def test_a_low_beam_holds_the_test_points_of_regulation_112(
    point: str, right: float, up: float, least: float, most: float
) -> None:
    assert least <= sent(right, up) <= most, point


def test_a_beam_follows_its_vehicle() -> None:
    axis, away = mi.Vector3f(0, 1, 0), mi.Vector3f(0.02, 0.9997, -0.015)
    ahead = headlamp(axis, away, mi.Bool(False)).numpy()[0]
    assert ahead == pytest.approx(sent(np.rad2deg(np.arcsin(0.02)), -np.rad2deg(np.arcsin(0.015))), rel=0.02)
    assert headlamp(axis, -away, mi.Bool(True)).numpy()[0] == 0
    assert headlamp(axis, axis, mi.Bool(True)).numpy()[0] > 40_500


def row(kind: int, place: tuple[float, float, float] = (0, 0, 0), axis: tuple[float, float, float] = (1, 0, 0)) -> list:
    return [*place, *axis, 1 / CANDELA, 1 / CANDELA, 1 / CANDELA, 0.0, float(kind)]


def test_a_luminaire_lights_the_road_evenly_and_not_the_sky() -> None:
    down = [mi.Float(v) for v in row(LUMINAIRE, axis=(0, 0, -1))]
    horizontal = []
    for beside in (0.0, 4.0, 8.0, 12.0):
        away = np.array([beside, 0, -7.0])
        length = np.linalg.norm(away)
        strength = beam(down, mi.Vector3f(*(away / length).tolist())).numpy()[0]
        horizontal.append(strength * 7 / length**3)
    assert min(horizontal) > 0.3 * max(horizontal)
    assert beam(down, mi.Vector3f(1, 0, 0)).numpy()[0] == 0


def rows_of(weather: Weather, *actors: ActorState, street: np.ndarray = NONE) -> np.ndarray:
    return lamps_of(Instant(1, 0.0, weather, actors), street, NONE, camera_of(SMALL))


def test_lamps_are_lit_when_they_show() -> None:
    beams = replace(car(), lights=3)
    assert len(rows_of(preset("clear"), beams)) == 0
    assert len(rows_of(NIGHT, car())) == 0
    for weather in (NIGHT, preset("rain-night"), preset("dusk")):
        assert sorted(rows_of(weather, beams)[:, 10]) == [LENS, LOW, LOW], "two headlamps and the tail"
    assert sorted(rows_of(NIGHT, replace(car(), lights=7))[:, 10])[1:] == [HIGH, HIGH]
    far = rows_of(NIGHT, replace(car(x=120.0), lights=3))
    assert len(far) == 2, "far headlamps are one lamp"
    both = rows_of(NIGHT, beams)
    power = [rows[rows[:, 10] == LOW, 6:9].sum() for rows in (far, both)]
    assert power[0] == pytest.approx(power[1])


def test_signals_are_as_strong_as_their_regulations_ask() -> None:
    def candelas(lights: int) -> float:
        rows = rows_of(NIGHT, replace(car(), lights=lights))
        return float(luminance(rows[:, 6:9]).sum())

    assert 2 * 4 <= candelas(1) <= 2 * 17
    assert 2 * 60 <= candelas(8) <= 2 * 260
    assert 4 * 175 <= candelas(32) * 2 <= 4 * 500
    light = ActorState(9, "traffic.traffic_light", Pose(x=50.0), light_state=2)
    signal = rows_of(NIGHT, light)[0]
    assert luminance(signal[6:9]) >= 100
    assert signal[7] > 5 * signal[6], "green"


def test_the_nearest_street_lamps_light_a_picture() -> None:
    street = np.column_stack([np.arange(0, 6000, 20.0), np.zeros(300), np.full(300, 7.0)])
    rows = rows_of(NIGHT, street=street)
    assert 0 < len(rows) <= MOST
    assert np.abs(rows[:, 0] - 50).max() < 160
    assert len(rows_of(preset("dusk@1"), street=street)) == 0, "the sun has just set"


def test_a_moonless_night_is_as_dark_as_over_a_small_town() -> None:
    for clouds, least, most in ((0.0, 1e-3, 6e-3), (100.0, 5e-3, 2e-2)):
        sky = sky_of(Weather(sun_altitude_angle=-30.0, cloudiness=clouds), 0)
        assert least < luminance(sky.radiance[:190]).mean() < most


def test_headlamps_give_the_road_about_a_candela() -> None:
    at = view(96, 60, hidden=frozenset({7}))
    shot = look(NIGHT, replace(car(x=29.0), lights=3), at=at)
    depth = shot.depth()
    ahead = luminance(shot._seen)[:, 38:58][(depth[:, 38:58] > 8) & (depth[:, 38:58] < 25)]
    assert 0.3 < np.median(ahead) < 4
    dark = look(NIGHT, at=at)
    assert np.median(luminance(dark._seen)[40:]) < 0.01


def test_oncoming_headlamps_dazzle() -> None:
    oncoming = replace(car(), pose=Pose(x=45.0, y=-LANE, yaw=180.0))
    pictures = [look(NIGHT, replace(oncoming, lights=lights), at=SMALL).rgb().astype(float) for lights in (0, 3)]
    assert pictures[1].max() > 200 > pictures[0].max()
    beside = (slice(26, 31), slice(26, 38))
    assert pictures[1][beside].mean() > pictures[0][beside].mean() + 8


def test_brake_lamps_redden_the_road_behind_them_at_night() -> None:
    behind = (slice(40, 46), slice(42, 54))
    pictures = [luminance(look(NIGHT, replace(car(x=38.0), lights=n), at=SMALL)._seen) for n in (0, 8)]
    assert pictures[1][behind].mean() > pictures[0][behind].mean() + 0.05
    colored = look(NIGHT, replace(car(x=38.0), lights=8), at=SMALL)._seen[behind]
    assert colored[..., 0].mean() > 5 * colored[..., 1].mean()


def test_the_face_of_a_lamp_has_its_intensity_over_its_area() -> None:
    brake, tail = (luminance(LAMP_COLORS[LAMP_KINDS.index(kind)]) for kind in ("brakelight", "taillight"))
    assert brake == pytest.approx(120 / 0.03)
    assert tail == pytest.approx(8 / 0.05)


def straight_through(lamp: list, distance: float, extinction: float) -> float:
    """Light scattered on the look along +x up to a distance, by brute force."""
    t = (np.arange(200_000) + 0.5) / 200_000 * distance
    away = np.column_stack([t, np.zeros_like(t), np.full_like(t, EYE)]) - lamp[:3]
    length = np.linalg.norm(away, axis=1)
    cosine = np.clip(away @ lamp[3:6] / length, 0, 1)
    step, turned = distance / len(t), -away[:, 0] / length
    back = (1 - 0.6**2) / (1 + 0.6**2 + 2 * 0.6 * turned) ** 1.5
    share = (0.95 + 0.05 * back) / (4 * np.pi)
    return float((cosine / length**2 * np.exp(-extinction * (t + length)) * share).sum() * step * extinction)


def test_the_glow_of_a_lamp_is_the_integral_along_the_look() -> None:
    camera = camera_of(replace(view(64, 40), pose=Pose(z=EYE), fov=4.0))
    for place, distance in (((6.0, 1.0, EYE + 0.5), 20.0), ((30.0, -2.0, EYE), 50.0)):
        lamp = row(LENS, place, (-1.0, 0.0, 0.0))
        depth = np.full((40, 64), distance)
        seen = airlight(np.array([lamp]), camera, depth, extinction=0.05, forward=0.0)
        expected = straight_through(lamp, distance, 0.05)
        middle = luminance(seen)[18:22, 30:34].mean()
        assert middle == pytest.approx(expected, rel=0.1)


def test_what_falls_is_lit_by_the_inverse_square() -> None:
    camera = camera_of(replace(view(64, 40), pose=Pose(z=EYE)))
    lamp = np.array([row(LENS, (-4.0, 0.0, EYE))])
    near, far = (luminance(lit(lamp, camera, np.full((40, 64), 100.0), t))[18:22, 30:34].mean() for t in (4.0, 12.0))
    assert near / far == pytest.approx(16**2 / 8**2, rel=0.05)
    assert near == pytest.approx(1 / 8**2, rel=0.05)


def test_beams_glow_in_fog_at_night() -> None:
    own = replace(car(x=29.0), lights=3)
    fog = NIGHT.with_values(fog_density=60.0)
    at = view(96, 60, hidden=frozenset({7}))
    with_beams, without = (luminance(look(fog, replace(own, lights=n), at=at)._seen) for n in (3, 0))
    assert with_beams[32:40].mean() > 5 * without[32:40].mean()


@pytest.mark.parametrize("offset", range(5))
def test_what_reaches_the_kernels_lies_at_an_even_place(offset: int) -> None:
    """Dr.Jit compiles other code for numbers that lie elsewhere, and for tables of one."""
    memory = np.arange(offset + 7, dtype=np.float32)[offset:]
    np.testing.assert_array_equal(on_device(memory).numpy(), memory)
    assert table(memory[:1]).numpy().tolist() == [float(offset), 0.0]
    assert len(table(memory[:0]).numpy()) == 2
