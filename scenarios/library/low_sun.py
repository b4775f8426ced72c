"""An almost empty road into the low sun.

The ego vehicle follows its lane; far ahead one car drives the same way, another comes towards it. Nothing else happens:
what is tested is whether lane lines and distant cars are still found against the light.

Hazardous behaviour: lane departure along a line that is not there, or a missed vehicle (ISO 21448). Triggering
conditions: the sun a few degrees above the horizon and close to straight ahead, with its mirror image on a dry, wet or
snow-packed road (`low-sun-dry`, `low-sun-wet`, `low-sun-snow`).

Parameters: speed and distances of the other cars, all drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.route import opposite
from scenarios.scenario import Scenario
from scenarios.stage import Stage


def run(stage: Stage) -> Iterator[None]:
    """Yield once per tick."""
    chance = stage.random
    speed = chance.uniform(11.0, 13.0)
    route = stage.start(150.0, bend=30.0, junctions=False)
    cars = stage.blueprints("vehicle.*", ["car"])

    ego = stage.place_ego(route, 0.0, speed)
    far = stage.vehicle(chance.choice(cars), route, chance.uniform(28.0, 45.0), speed=speed)
    towards = opposite(route)
    oncoming = stage.vehicle(chance.choice(cars), towards, chance.uniform(5.0, 25.0), speed=speed) if towards else None
    for _ in stage.clock():
        ego.drive(speed)
        far.drive(speed)
        if oncoming is not None:
            oncoming.drive(speed)
        yield


SCENARIO = Scenario("low_sun", run, map="country_road", period=0.5, frames=12)
