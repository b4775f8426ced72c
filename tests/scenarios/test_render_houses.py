"""Houses: where their walls, windows and fronts are."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.render.facades import house
from scenarios.render.materials import MaterialTable
from scenarios.render.town import plots_of


def block(low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    return np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])


@pytest.mark.parametrize(("storeys", "high"), [(1, 3.4), (2, 6.2), (5, 15.2)])
def test_a_house_has_windows_all_round_and_a_door_in_front(storeys: int, high: float) -> None:
    table = MaterialTable()
    built = house(14.0, 10.0, high, storeys, table, np.random.default_rng(3))
    named = np.array([table.names[k] for k in built.materials])
    corners = built.vertices[built.faces]
    panes = corners[named == "glazing"]
    for axis, sign, out in ((0, 1, 5.0), (0, -1, 5.0), (1, 1, 7.0), (1, -1, 7.0)):
        assert ((sign * panes[:, :, axis] > out) & (sign * panes[:, :, axis] < out + 0.1)).all(axis=1).any()
    assert panes[:, :, 2].max() < high
    assert panes[:, :, 2].max() > high - 3.2
    doors = corners[(named == "door") & (np.ptp(corners[:, :, 0], axis=1) < 1e-6)]
    assert (doors[:, :, 0] > 5.0).all(axis=1).any()
    assert built.vertices[:, 2].max() > high + 0.4
    assert np.abs(built.vertices[:, 0]).max() < 5.0 + 1.4
    assert len(built.faces) < 6000


def test_houses_repeat_for_a_seed_and_differ_between_seeds() -> None:
    def built(seed: int) -> tuple:
        table = MaterialTable()
        one = house(12.0, 9.0, 6.0, 2, table, np.random.default_rng(seed))
        return one.vertices.tobytes(), tuple(table.entries[k].color for k in sorted(set(one.materials.tolist())))

    assert built(1) == built(1)
    assert len({built(seed) for seed in range(6)}) == 6


@pytest.mark.parametrize(
    ("door", "facing"), [((6, 1), 0.0), ((-6, 1), np.pi), ((1, 4), np.pi / 2), ((0, -4), -np.pi / 2)]
)
def test_a_plot_fronts_where_its_door_is(door: tuple[float, float], facing: float) -> None:
    walls = block((-6, -4, 0), (6, 4, 5)) + np.array([100.0, 50.0, 0.0])
    leaf = block((door[0], door[1], 0), (door[0], door[1], 2)) + np.array([100.0, 50.0, 0.0])
    faces = np.zeros((1, 3), int)
    parts = [("M_Building_Brick", walls, faces), ("M_Building_Door", leaf, faces), ("M_Building_Plaster", walls, faces)]
    plot, other = plots_of(parts)
    np.testing.assert_allclose(plot.middle, [100, 50], atol=1e-4)
    assert np.cos(plot.facing - facing) == pytest.approx(1.0, abs=1e-5)
    assert (plot.deep, plot.wide) == pytest.approx((12, 8) if abs(np.cos(facing)) > 0.5 else (8, 12), abs=1e-4)
    assert other.high == pytest.approx(5.0)
