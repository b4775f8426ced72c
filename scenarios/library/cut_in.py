"""A faster car overtakes and cuts in close ahead.

A car comes past the ego vehicle on the lane to the left (the oncoming lane where there is one lane each way) and moves
over into the ego lane with little room, then lifts off; the ego vehicle slows down to open the gap again.

Hazardous behaviour: the car is taken into account only once it is fully in the lane, a rear-end or side collision
(ISO 21448). Triggering conditions to combine it with are those that hide the lane line it crosses or the car itself:
snow on the markings, glare, spray, fog.

Parameters: speeds, gap at the cut and duration of the lane change, all drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.scenario import Scenario
from scenarios.stage import Stage

GAP_TO_KEEP = 13.0
"""Below this distance the ego vehicle slows down [m]."""


def run(stage: Stage) -> Iterator[None]:
    """Yield once per tick."""
    chance = stage.random
    speed = chance.uniform(9.0, 11.0)
    faster = chance.uniform(1.2, 2.0)
    cuts_at = chance.uniform(1.2, 1.8)
    lasts = chance.uniform(2.2, 2.8)
    route = stage.start(110.0, bend=25.0, junctions=False)
    width = route.waypoints[0].lane_width

    ego = stage.place_ego(route, 5.0, speed)
    kind = chance.choice(stage.blueprints("vehicle.*", ["car", "van"]))
    other = stage.vehicle(kind, route, 5.0 + chance.uniform(8.0, 9.0), -width, speed + faster)
    for time in stage.clock():
        progress = smooth((time - cuts_at) / lasts)
        other.drive(speed + faster * (1.0 - progress), offset=-width * (1.0 - progress))
        close = progress > 0.3 and other.station - ego.station < GAP_TO_KEEP
        ego.drive(speed - 2.5 if close else speed)
        yield


def smooth(share: float) -> float:
    """0 before, 1 after, and a smooth rise between `share` 0 and 1."""
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)


SCENARIO = Scenario("cut_in", run, map="country_road", period=0.5, frames=12)
