"""Calls with which clients tell each other who runs a traffic manager; the manager itself lives in a client."""

from __future__ import annotations

from scenarios.server.calls.registry import call
from scenarios.server.simulation import Simulation
from scenarios.server.wire import CallError


@call()
def is_traffic_manager_running(simulation: Simulation, port: int) -> bool:
    """Whether some client has one on that port."""
    return port in simulation.traffic_managers


@call()
def get_traffic_manager_running(simulation: Simulation, port: int) -> list[str | int]:
    """Host and port of a client's traffic manager."""
    if port not in simulation.traffic_managers:
        raise CallError(f"no traffic manager runs on port {port}")
    return [simulation.traffic_managers[port], port]


@call()
def add_traffic_manager_running(simulation: Simulation, place: tuple[str, int]) -> bool:
    """A client has started one."""
    host, port = place
    free = port not in simulation.traffic_managers
    simulation.traffic_managers.setdefault(port, host)
    return free


@call()
def destroy_traffic_manager(simulation: Simulation, port: int) -> bool:
    """A client has ended one."""
    return simulation.traffic_managers.pop(port, None) is not None
