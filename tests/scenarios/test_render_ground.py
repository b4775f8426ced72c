"""What weather lays on the road: seams and dirt, water by height, snow banks; and what it hangs in the air."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from scenarios.instant import Instant, Pose, View
from scenarios.render.air import EYE, Air, extinction
from scenarios.render.banks import PROFILE, bank_mesh
from scenarios.render.frames import camera_of
from scenarios.render.goniometer import reflectance_factor
from scenarios.render.labels import MARKING
from scenarios.render.materials import MaterialTable
from scenarios.render.mitsuba_setup import dr, mi
from scenarios.render.pavement import GRAIN_CONTRAST, SEAL_DARKENS, SEAL_SHOWN, TileSize, flat_pattern, lane_pattern
from scenarios.render.precipitation import opacity, streak_ends, wind
from scenarios.render.renderer import Renderer
from scenarios.render.retro import NEW_MARKING, ROUGH, retroreflected
from scenarios.render.roads import lanes_of
from scenarios.render.shading import stretches
from scenarios.render.sky import daylight, sky_of
from scenarios.render.spray import spray, water_thrown
from scenarios.render.surface import LEAF, TILES, Tiles, dirt, puddles, snow_cover
from scenarios.weather import Weather, preset
from tests.scenarios.rendered import car, look, renderer, straight_map, view

SMALL = view(96, 60)
PATTERN = lane_pattern(TILES[0], np.random.default_rng(7))


def test_seams_do_not_change_how_bright_asphalt_is_on_average() -> None:
    light = (1 + GRAIN_CONTRAST * PATTERN.grain) * (1 - SEAL_DARKENS * SEAL_SHOWN * PATTERN.seal)
    assert light.mean() == pytest.approx(1, abs=5e-3)
    assert 0.005 < (PATTERN.seal > 0.5).mean() < 0.08


def test_a_tile_goes_on_at_its_other_side() -> None:
    """The step over the border is no larger than steps inside."""
    for field in (PATTERN.seal, PATTERN.grain, PATTERN.low):
        inside = np.abs(np.diff(field, axis=1)).mean(axis=0)
        assert np.abs(field[:, 0] - field[:, -1]).mean() < inside.max() * 1.2


def test_the_road_differs_from_one_repeat_of_the_tile_to_the_next() -> None:
    place = mi.Float(np.arange(40, dtype=np.float32) + 0.1)
    tone, shown = (np.asarray(a.numpy()) for a in stretches(place, dr.full(mi.Bool, True, 40)))
    assert tone.std() > 0.03
    assert shown.min() == 0
    assert shown.max() == 1
    assert shown.mean() == pytest.approx(SEAL_SHOWN, abs=0.15)


def test_water_stands_in_the_ruts_first_and_only_rises() -> None:
    levels = [puddles(PATTERN, Weather(precipitation_deposits=d)) for d in (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)]
    shares = [float(level.mean()) for level in levels]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert all((after >= before - 1e-6).all() for before, after in pairwise(levels))
    rut, crown = PATTERN.tracks > 0.8, PATTERN.tracks < 0.1
    assert levels[2][rut].mean() > 3 * levels[2][crown].mean()


def test_deep_snow_leaves_no_gap_where_no_wheel_rolls() -> None:
    verge = flat_pattern(TileSize(8.0, 8.0, 128, 128), 0.0, np.random.default_rng(7))
    thin, deep = (snow_cover(verge, Weather(snow_cover=0.6, snow_depth=d)) for d in (0.0, 0.3))
    assert thin.min() < 0.5
    assert deep.min() > 0.95


def test_a_cleared_carriageway_is_bare_but_for_its_edges_and_the_land_keeps_its_snow() -> None:
    verge = flat_pattern(TILES[1], 0.0, np.random.default_rng(7))
    snowy = preset("cleared-snow@3").with_values(cleared=0.0)
    np.testing.assert_array_equal(snow_cover(verge, snowy), snow_cover(verge, replace(snowy, cleared=1.0)))
    assert snow_cover(verge, snowy).min() > 0.9
    shares = [
        [float(snow_cover(PATTERN, preset(f"cleared-snow@{step}"))[where].mean()) for step in (1, 3, 5)]
        for where in (PATTERN.border > 0.9, PATTERN.border < 0.1)
    ]
    assert all(share == sorted(share) for share in shares)
    assert all(edge > 2 * middle for edge, middle in zip(*shares, strict=True))
    assert shares[1][0] < 0.01
    assert shares[0][0] > 0.05
    assert snow_cover(PATTERN, preset("cleared-snow@1"))[PATTERN.tracks > 0.5].mean() < 0.002


def test_paint_and_shoulders_are_cleared_with_the_lanes_and_labels_agree() -> None:
    """At the same place and in the same weather the land is white; what lies beside the lanes is known by its row."""
    snowy = Weather(snow_cover=1.0, snow_depth=0.2, snow_tracks=0.2, temperature=-5.0)
    swept = replace(snowy, cleared=1.0, snow_tracks=1.0)
    tiles = Tiles(3)
    for material in ("shoulder", "grass"):
        white, left = (
            reflectance_factor(material, weather, incidence=45.0, view=10.0, tiles=tiles) for weather in (snowy, swept)
        )
        assert white > 0.6
        assert left == white if material == "grass" else left < 0.6 * white
    own, points = renderer(), np.array([[40.0, -1.75, 0.0], [60.0, 1.75, 0.0], [50.0, 9.0, 0.0]])
    off_the_tile = np.full((3, 2), np.nan)
    assert own.cover_on_tile(snowy, points, off_the_tile).min() > 0.6
    assert own.cover_on_tile(swept, points, off_the_tile).max() < 0.1
    shown = [int((look(weather, at=SMALL).semantic() == MARKING).sum()) for weather in (snowy, swept, Weather())]
    assert shown[0] < 0.2 * shown[1]
    assert 0.7 * shown[2] < shown[1] <= shown[2]


def test_salt_dries_beside_the_tracks_and_leaves_lie_where_no_wheel_rolls() -> None:
    salt = dirt(PATTERN, preset("salt@5"))
    assert salt[PATTERN.tracks < 0.1].mean() > 1.5 * salt[PATTERN.tracks > 0.8].mean()
    leaves = dirt(PATTERN, preset("mud-leaves@5")) > LEAF
    assert leaves[PATTERN.tracks < 0.1].mean() > 3 * leaves[PATTERN.tracks > 0.8].mean()
    assert not dirt(PATTERN, Weather()).any()


def test_banks_stand_beside_the_lanes_as_high_as_they_are_said_to_be() -> None:
    world_map = straight_map(120.0)
    lanes = lanes_of(world_map.opendrive, world_map.carla_map())
    bank, again = (bank_mesh(lanes, 1.0, MaterialTable(), 0) for _ in range(2))
    assert bank is not None
    assert again is not None
    across = np.abs(bank.vertices[:, 1])
    assert across.min() > 3.5 - 0.9
    tops = bank.vertices[:, 2].reshape(-1, len(PROFILE)).max(axis=1)
    assert 0.8 < np.median(tops) < 1.3
    np.testing.assert_array_equal(bank.vertices, again.vertices)
    assert (bank.normals[:, 2] > 0).mean() > 0.99


def test_banks_come_and_go_with_the_weather() -> None:
    own = Renderer(straight_map(120.0), quality="preview", seed=3)
    at = view(64, 40)
    plain = preset("overcast-snow")
    shots = [own.shoot(Instant(1, 0.05, w, (car(),)), at) for w in (plain, replace(plain, snow_banks=1.0), plain)]
    depths = [shot.depth() for shot in shots]
    np.testing.assert_array_equal(depths[0], depths[2])
    assert (depths[1] < depths[0] - 0.2).mean() > 0.05
    assert (shots[1].instance() == 7).any()


def test_twilight_falls_to_a_hundredth_over_its_civil_part() -> None:
    steps = [daylight(altitude) for altitude in (60.0, 2.0, 1.0, 0.0, -1.0, -3.0, -6.0, -12.0)]
    assert steps == sorted(steps, reverse=True)
    assert steps[:2] == [1, 1]
    assert steps[6] / steps[3] == pytest.approx(3.4 / 400, rel=0.05)
    horizons = [float(sky_of(preset(f"dusk@{step}"), 0).horizon.mean()) for step in (1, 3, 5)]
    assert horizons[0] > 2 * horizons[1] > 4 * horizons[2]


def test_fog_that_falls_off_hides_the_ground_and_not_the_heights() -> None:
    camera = camera_of(SMALL)
    weather = preset("fog").with_values(fog_falloff=0.5)
    sky = sky_of(preset("fog"), 0)
    depth, black = np.full((60, 96), 60.0, np.float32), np.zeros((60, 96, 3))
    layered, even = (
        Air.of(Instant(1, 0.0, w), sky, camera, depth, 0).through(black, depth).mean(-1)
        for w in (weather, preset("fog"))
    )
    assert layered[5].mean() < 0.3 * layered[29].mean()
    assert even[5].mean() == pytest.approx(even[29].mean(), rel=0.01)
    level = np.exp(-extinction(weather) * 60 * np.exp(-0.5 * EYE))
    assert layered[29:31].mean() == pytest.approx(sky.horizon.mean() * (1 - level), rel=0.1)


def test_the_wind_keeps_its_strength_and_takes_its_direction_from_a_seed() -> None:
    winds = np.array([wind(Weather(wind_intensity=50.0), seed) for seed in range(40)])
    np.testing.assert_allclose(np.linalg.norm(winds, axis=1), 2.0)
    assert (winds[:, 2] == 0).all()
    assert np.linalg.norm(winds.mean(0)) < 0.8
    np.testing.assert_array_equal(wind(Weather(wind_intensity=50.0), 3), winds[3])


def test_a_longer_exposure_draws_longer_streaks_of_the_same_drops() -> None:
    camera, depth = camera_of(SMALL), np.full((60, 96), np.inf)
    weather = Weather(precipitation=60.0)
    covered = [
        float((opacity(weather, camera, depth, 1, exposure_time=seconds) > 0.02).mean())
        for seconds in (1 / 2000, 1 / 60)
    ]
    assert covered[1] > 1.5 * covered[0]


def test_drops_streak_by_the_way_they_go() -> None:
    camera = camera_of(SMALL)
    middle = np.array([[48.0, 30.0]])
    ends = streak_ends(camera, middle, 5.0, np.array([[0.0, 0.04, 0.0]]))
    focal = float(camera.intrinsics[0, 0])
    np.testing.assert_allclose(ends - middle, [[0, 0.04 / 5.0 * focal]], atol=1e-6)
    outward = streak_ends(camera, np.array([[80.0, 30.0]]), 5.0, np.array([[0.0, 0.0, -0.1]]))
    assert outward[0, 0] > 80


def test_spray_grows_with_speed_and_water_and_ends_at_what_stands_before_it() -> None:
    camera, depth = camera_of(SMALL), np.full((60, 96), np.inf, np.float32)

    def thickness(weather: Weather, speed: float, far: np.ndarray = depth) -> float:
        actors = (replace(car(), speed=speed),)
        return float(spray(Instant(1, 0.0, weather, actors), camera, far).sum())

    wet = preset("rain")
    by_speed = [thickness(wet, speed) for speed in (3.0, 12.0, 20.0, 28.0)]
    assert by_speed[0] == 0
    assert by_speed == sorted(by_speed)
    assert thickness(Weather(), 25.0) == 0
    assert thickness(Weather(wetness=60.0), 25.0) < thickness(wet, 25.0)
    assert thickness(preset("slush@5"), 25.0) > 0
    assert water_thrown(preset("low-sun-snow")) == 0
    wall = np.full((60, 96), 2.0, np.float32)
    assert thickness(wet, 25.0, wall) < 0.2 * thickness(wet, 25.0)
    hidden = spray(Instant(1, 0.0, wet, (replace(car(), speed=25.0),)), camera, depth, frozenset({7}))
    assert not hidden.any()


def test_beads_send_light_back_and_nowhere_else() -> None:
    forth = mi.Vector3f(0.0, float(np.sin(1.2)), float(np.cos(1.2)))
    aside = mi.Vector3f(0.0, float(np.sin(0.9)), float(np.cos(0.9)))
    paint = SimpleNamespace(viewer=forth, beads=mi.Float(1), ground=mi.Bool(False), alpha=mi.Float(0.36))
    assert float(retroreflected(paint, forth)[0]) == pytest.approx(NEW_MARKING, rel=1e-5)
    assert float(retroreflected(paint, aside)[0]) < 0.01 * NEW_MARKING


def test_dry_asphalt_sends_a_headlamps_light_back_and_wet_asphalt_away() -> None:
    flat = mi.Vector3f(0.0, float(np.sin(1.53)), float(np.cos(1.53)))
    dry, wet = (
        SimpleNamespace(viewer=flat, beads=mi.Float(0), ground=mi.Bool(True), alpha=mi.Float(alpha))
        for alpha in (ROUGH, 0.015)
    )
    assert 0.005 < float(retroreflected(dry, flat)[0]) < 0.1 * NEW_MARKING
    assert float(retroreflected(wet, flat)[0]) < 0.05 * float(retroreflected(dry, flat)[0])


@pytest.mark.parametrize("name", ["slush", "ice", "salt", "mud-leaves", "snow-banks", "dusk", "rain-night"])
def test_conditions_grow_stronger_with_severity(name: str) -> None:
    """The picture moves farther from the mildest with every second step."""
    lit = (replace(car(), lights=6), replace(car(8, 29.0), lights=6))
    at = view(64, 40, hidden=frozenset({8}))
    pictures = [look(preset(f"{name}@{step}", 0.0), *lit, at=at).rgb().astype(int) for step in (1, 3, 5)]
    first, both = (np.abs(p - pictures[0]).mean() for p in pictures[1:])
    assert 1 < first < both


def test_lines_under_a_bank_are_covered() -> None:
    """CARLA's axes; the right edge line of the straight road lies at y = 3.5 m."""
    edge, middle = (np.array([[x, y, 0.0] for x in range(40, 60)]) for y in (3.5, 1.75))
    high = Weather(snow_banks=1.2)
    assert (renderer().surface(edge, high) == 1).mean() > 0.9
    assert (renderer().surface(middle, high) == 0).all()
    assert (renderer().surface(edge, Weather()) == 0).all()


def test_banks_of_one_height_after_another_are_those_of_a_fresh_scene() -> None:
    """Nothing of an earlier bank may stay, and a bank comes back after a picture without one."""
    used, heights = Renderer(straight_map(60.0), quality="preview"), (0.4, 1.1, 0.0, 1.1, 0.7)
    at = View(Pose(x=10.0, y=1.75, z=1.5), 64, 40, 80.0)
    seen = [used.shoot(Instant(1, 0.0, Weather(snow_banks=h)), at).depth() for h in heights]
    assert len({depth.tobytes() for depth in seen}) == 4
    np.testing.assert_array_equal(seen[1], seen[3])
    fresh = Renderer(straight_map(60.0), quality="preview").shoot(Instant(1, 0.0, Weather(snow_banks=0.7)), at)
    np.testing.assert_array_equal(seen[4], fresh.depth())
