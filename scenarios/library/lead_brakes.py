"""The car ahead brakes to a standstill.

The ego vehicle follows another car at a steady speed on a straight road. The other car brakes fully; the ego vehicle
reacts late and stops behind it.

Hazardous behaviour: late or missing braking, a rear-end collision (ISO 21448). Triggering conditions to combine it with
are those that hide the car or its brake lights: low sun ahead, glare off a wet or snow-packed road, falling snow, fog.

Parameters: speed, gap and braking time, all drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.scenario import Scenario
from scenarios.stage import Stage

MINIMUM_GAP = 13.0
"""Where the ego vehicle presses the brake fully whatever its plan was: distance between the vehicles' middles [m]."""


def run(stage: Stage) -> Iterator[None]:
    """Yield once per tick."""
    chance = stage.random
    speed = chance.uniform(10.0, 13.0)
    gap = chance.uniform(20.0, 26.0)
    brakes_at = chance.uniform(1.6, 2.4)
    reacts_at = brakes_at + chance.uniform(0.6, 0.9)
    route = stage.start(120.0, bend=25.0, junctions=False)

    ego = stage.place_ego(route, 0.0, speed)
    lead = stage.vehicle(chance.choice(stage.blueprints("vehicle.*", ["car"])), route, gap, speed=speed)
    for time in stage.clock():
        braking = time >= brakes_at
        lead.drive(speed, brake=0.9 if braking else None)
        ego.drive(speed, brake=ego_brake(ego.station, lead.station, reacted=time >= reacts_at))
        yield


def ego_brake(ego: float, lead: float, *, reacted: bool) -> float | None:
    """The brake pedal of an ego vehicle at station `ego` [m] behind one at `lead`, or None to drive on."""
    if lead - ego < MINIMUM_GAP:
        return 1.0
    return 0.6 if reacted else None


SCENARIO = Scenario("lead_brakes", run, map="country_road", period=0.5, frames=12)
