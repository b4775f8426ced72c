"""Lamps that light the scene, with the intensities of their standards, and what the glowing faces look like.

Intensities are in candelas and luminances in cd/m2; `CANDELA` turns them into the renderer's units. Where a standard
leaves a range, a lamp of its middle is taken:

- headlamps: UN Regulation 112, class B, see `beams.py`;
- rear position lamps 4 to 17 cd, brake lamps 60 to 260 cd (UN Regulation 7), direction indicators 175 to 1,000 cd in
  front, 50 to 500 cd at the rear (UN Regulation 6);
- signal heads: at least 100, 200 or 400 cd by performance level (EN 12368);
- street lamps: so that the road's luminance lies at 0.75 to 1 cd/m2, classes M4 and M3 of EN 13201-2;
- tunnels: some cd/m2 on the road in the interior zone (CIE 88:2004), more by day.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from perception.camera import Camera
from scenarios.actor_sizes import EXTENTS
from scenarios.instant import ActorState, Instant
from scenarios.render.actors import BRAKE, HIGH_BEAM, LEFT, LOW_BEAM, POSITION, RIGHT
from scenarios.render.beams import COLUMNS, HIGH, LENS, LOW, LUMINAIRE
from scenarios.render.frames import pose_matrix
from scenarios.render.materials import LAMP_KINDS
from scenarios.render.optics.exposure import CANDELA, LUMINANCE, daylight
from scenarios.weather import Weather

TAIL, BRAKING, INDICATING, SIGNAL = 8.0, 120.0, 220.0, 250.0
"""Intensity of one lamp [cd]."""
STREET, TUNNEL = 1300.0, 12_000.0
"""Intensity of a lamp straight down [cd]."""


def _tint(red: float, green: float, blue: float) -> Float[ndarray, "3"]:
    """The colour at luminance 1."""
    color = np.array([red, green, blue])
    return np.asarray(color / (color @ LUMINANCE))


RED, AMBER, GREEN = _tint(1.0, 0.004, 0.002), _tint(1.0, 0.3, 0.0), _tint(0.0, 1.0, 0.42)
HEADLAMPS = tuple(daylight(kelvin) for kelvin in (3200.0, 4300.0, 5600.0))
"""Halogen, gas discharge and LED; an actor's id picks one."""
WHITE, WARM = daylight(4000.0), daylight(2900.0)
"""Of street lamps and of rooms."""
LENS_AREA = 0.04
"""Of one headlamp [m2]."""
_GLOW = {
    "headlight": daylight(4600.0) / LENS_AREA,
    "taillight": RED * (TAIL / 0.05),
    "brakelight": RED * (BRAKING / 0.03),
    "indicator": AMBER * (INDICATING / 0.03),
    "lamp_red": RED * (SIGNAL / 0.033),
    "lamp_yellow": AMBER * (SIGNAL / 0.033),
    "lamp_green": GREEN * (SIGNAL / 0.033),
    "streetlamp": WHITE * 25_000,
    "tunnel": WHITE * 12_500,
    "window": WARM * 30,
}
LAMP_COLORS = np.array([_GLOW.get(kind, np.zeros(3)) for kind in LAMP_KINDS]) / CANDELA
"""Radiance of each kind, its intensity over the area of the models' lenses; of a headlamp, radiance for each candela
of its beam."""
NEAREST = 14
"""Most street lamps that light a picture."""
MOST = 40
"""Most lamps in all."""
AHEAD = 20.0
"""How far before the camera the lamps count most [m]."""
PAIRED = 40.0
"""Nearer than this a vehicle's two headlamps are two lamps, farther off they are one [m]."""
REACH = 160.0
"""A vehicle's lamps farther off than this light nothing [m]."""


def is_dark(weather: Weather) -> bool:
    """Whether street lamps are on."""
    return weather.sun_altitude_angle < -1


def is_dim(weather: Weather) -> bool:
    """Whether vehicles' lamps light anything that can be seen: in twilight, and on wet roads under dense clouds."""
    wet = max(weather.wetness, weather.precipitation) > 0 and weather.cloudiness >= 85
    return weather.sun_altitude_angle < 3 or wet


def season_of(weather: Weather) -> str:
    """Whether trees bear leaves."""
    return "winter" if weather.snow_cover > 0 or weather.temperature < 4 else "summer"


def scenery_bits(weather: Weather) -> int:
    """Lamp bits of the static world."""
    on = {"tunnel", "streetlamp", "window"} if is_dark(weather) else {"tunnel"}
    return sum(1 << LAMP_KINDS.index(kind) for kind in on)


def lamps_of(
    instant: Instant, street: Float[ndarray, "n 3"], tunnel: Float[ndarray, "m 3"], camera: Camera
) -> Float[ndarray, "k 11"]:
    """Rows of `beams.COLUMNS` for the tracer, nearest to the place that the camera looks at first.

    Args:
        instant: the world.
        street: places of street lamps [m].
        tunnel: places of lamps in tunnels [m].
        camera: the view.
    """
    focus = camera.position + camera.camera_to_world[:3, 2] * AHEAD
    rows = []
    if is_dim(instant.weather):
        for actor in instant.actors:
            if np.linalg.norm(pose_matrix(actor.pose)[:3, 3] - focus) < REACH:
                rows += _signal_rows(actor) if "traffic_light" in actor.blueprint else _vehicle_rows(actor, focus)
    if is_dark(instant.weather):
        rows += [(*place, 0, 0, -1, *WHITE * STREET, 0, LUMINAIRE) for place in _nearest(street, focus, NEAREST)]
    rows += [(*place, 0, 0, -1, *WHITE * TUNNEL, 0, LENS) for place in _nearest(tunnel, focus, NEAREST)]
    found = np.array(rows, float).reshape(-1, COLUMNS)
    found[:, 6:9] /= CANDELA
    return _nearest(found, focus, MOST)


def _nearest(rows: Float[ndarray, "n c"], focus: Float[ndarray, "3"], most: int) -> Float[ndarray, "k c"]:
    distance = np.linalg.norm(rows[:, :3] - focus, axis=1)
    order = np.argsort(distance, kind="stable")[:most]
    return np.asarray(rows[order][distance[order] < REACH])


def _vehicle_rows(actor: ActorState, focus: Float[ndarray, "3"]) -> list[tuple[float, ...]]:
    """Lamps of a vehicle, in candelas."""
    long, wide, high = EXTENTS.get(actor.blueprint, (2.3, 0.95, 0.75))
    matrix = pose_matrix(actor.pose)
    forward, level = matrix[:3, 0], 0.45 + 0.28 * high
    pair = wide > 0.5
    rows: list[tuple[float, ...]] = []

    def add(x: float, y: float, intensity: Float[ndarray, "3"], kind: int) -> None:
        place = matrix[:3, 3] + matrix[:3, :3] @ (x, y, level)
        rows.append((*place, *(forward if x > 0 else -forward), *intensity, 0.0, float(kind)))

    if actor.lights & (LOW_BEAM | HIGH_BEAM):
        kind = HIGH if actor.lights & HIGH_BEAM else LOW
        near = np.linalg.norm(matrix[:3, 3] - focus) < PAIRED
        tint = HEADLAMPS[actor.id % len(HEADLAMPS)]
        for y in (-0.72 * wide, 0.72 * wide) if pair and near else (0.0,):
            add(long + 0.06, y, tint * (2 if pair and not near else 1), kind)
    tail = TAIL if actor.lights & (POSITION | LOW_BEAM | HIGH_BEAM) else 0.0
    tail += BRAKING if actor.lights & BRAKE else 0.0
    if tail:
        add(-long - 0.06, 0.0, RED * tail * (2 if pair else 1), LENS)
    for bit, y in ((LEFT, wide), (RIGHT, -wide)):
        if actor.lights & bit:
            for x in (long + 0.06, -long - 0.06):
                add(x, 0.8 * y, AMBER * INDICATING, LENS)
    return rows


def _signal_rows(actor: ActorState) -> list[tuple[float, ...]]:
    """The lit lens of a signal head, in candelas."""
    if actor.light_state not in {0, 1, 2}:
        return []
    matrix = pose_matrix(actor.pose)
    place = matrix[:3, 3] + matrix[:3, :3] @ (0.36, 0.0, 3.41 - 0.31 * actor.light_state)
    return [(*place, *matrix[:3, 0], *(RED, AMBER, GREEN)[actor.light_state] * SIGNAL, 0.4, float(LENS))]
