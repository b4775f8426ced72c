"""Side profiles of road vehicles, in shares of their length and height, and which blueprint has which."""

from __future__ import annotations

from dataclasses import dataclass, replace

Span = tuple[float, float]


@dataclass(frozen=True)
class Profile:
    """What a body looks like from the side.

    Lengths `u` are shares of the vehicle's length from its nose (0) to its tail (1); heights are shares of its height.

    Attributes:
        nose, cowl, belt, deck, tail: height of the bonnet's front edge, the windscreen's foot, the doors' upper edge,
            the rear window's foot, the tail's upper edge.
        glass: u of the windscreen's foot and head, of the rear window's head and foot.
        axles: u of the front and rear axle.
        wheel: wheel radius [m].
        clearance: height of the sills over the ground [m].
        windows: side windows as spans of 0 (windscreen) to 1 (rear window).
        rear_window: whether there is one.
        tumblehome: how far the roof's edge lies inside the body's side, share of the half width.
        round_nose, round_tail: how far back the rounding of the corners begins [m].
        slant: how far the bonnet's edge stands behind the bumper [m].
        doors: u of the seams between doors.
        smooth: false for bodies of flat sheets.
        grille: share of the nose's width that the grille takes.
        bow: how far the windscreen's foot bulges forward in the middle [m].
        shoulder: how rounded the body is under the windows, 1 as cars are, 0 flat.
    """

    nose: float = 0.52
    cowl: float = 0.645
    belt: float = 0.64
    deck: float = 0.70
    tail: float = 0.66
    glass: tuple[float, float, float, float] = (0.27, 0.44, 0.70, 0.87)
    axles: Span = (0.19, 0.795)
    wheel: float = 0.335
    clearance: float = 0.19
    windows: tuple[Span, ...] = ((0.07, 0.44), (0.49, 0.84))
    rear_window: bool = True
    tumblehome: float = 0.24
    round_nose: float = 0.62
    round_tail: float = 0.50
    slant: float = 0.20
    doors: tuple[float, ...] = (0.295, 0.51, 0.70)
    smooth: bool = True
    grille: float = 0.55
    bow: float = 0.14
    shoulder: float = 1.0


_SEDAN = Profile()
_COUPE = replace(
    _SEDAN, glass=(0.33, 0.49, 0.66, 0.89), windows=((0.09, 0.62),), doors=(0.36, 0.64), nose=0.54, cowl=0.66,
    belt=0.66, axles=(0.20, 0.79), clearance=0.17, wheel=0.34,
)  # fmt: skip
_HATCHBACK = replace(
    _SEDAN, nose=0.54, cowl=0.63, belt=0.62, deck=0.64, tail=0.62, glass=(0.24, 0.40, 0.86, 0.965), axles=(0.20, 0.80),
    windows=((0.07, 0.42), (0.46, 0.74), (0.77, 0.88)), wheel=0.31, tumblehome=0.22, round_tail=0.40, slant=0.17,
    doors=(0.30, 0.53, 0.74),
)  # fmt: skip
_SMALL = replace(_HATCHBACK, windows=((0.08, 0.55), (0.59, 0.86)), doors=(0.30, 0.60), wheel=0.30)
_SUV = replace(
    _SEDAN, nose=0.55, cowl=0.62, belt=0.61, deck=0.62, tail=0.60, glass=(0.27, 0.40, 0.88, 0.965), axles=(0.195, 0.79),
    windows=((0.06, 0.37), (0.41, 0.70), (0.74, 0.93)), wheel=0.38, clearance=0.24, tumblehome=0.20, round_tail=0.36,
    slant=0.14, doors=(0.31, 0.53, 0.72),
)  # fmt: skip
_JEEP = replace(
    _SUV, nose=0.57, cowl=0.61, belt=0.60, deck=0.60, tail=0.59, glass=(0.33, 0.39, 0.965, 0.985),
    tumblehome=0.10, round_nose=0.2, round_tail=0.12, slant=0.03, wheel=0.40, clearance=0.30,
    windows=((0.05, 0.40), (0.45, 0.68), (0.72, 0.95)),
    doors=(0.37, 0.60), axles=(0.17, 0.78), grille=0.45,
)  # fmt: skip
_WEDGE = replace(
    _SEDAN, nose=0.50, cowl=0.56, belt=0.58, deck=0.60, tail=0.59, glass=(0.22, 0.475, 0.52, 0.98), smooth=False,
    windows=((0.16, 0.42), (0.46, 0.70)), rear_window=False, wheel=0.42, clearance=0.30, slant=0.06, round_nose=0.3,
    round_tail=0.2, axles=(0.17, 0.80), tumblehome=0.26, doors=(0.30, 0.48, 0.64),
)  # fmt: skip
_VAN = replace(
    _SEDAN, nose=0.43, cowl=0.50, belt=0.52, deck=0.50, tail=0.49, glass=(0.13, 0.26, 0.98, 0.985), axles=(0.165, 0.79),
    shoulder=0.35, windows=((0.06, 0.21),), rear_window=False, wheel=0.35, clearance=0.24, tumblehome=0.08,
    round_nose=0.5, round_tail=0.12, slant=0.20, doors=(0.155, 0.33, 0.55),
)  # fmt: skip
_CAMPER = replace(
    _VAN, nose=0.50, cowl=0.53, belt=0.54, deck=0.54, tail=0.53, glass=(0.042, 0.10, 0.95, 0.965), axles=(0.21, 0.77),
    windows=((0.03, 0.22), (0.26, 0.47), (0.51, 0.72), (0.76, 0.96)), rear_window=True, slant=0.04, wheel=0.32,
    round_nose=0.32, round_tail=0.25, doors=(0.10, 0.31, 0.52), grille=0.0, tumblehome=0.16,
)  # fmt: skip
_BUS = replace(
    _VAN, nose=0.36, cowl=0.385, belt=0.40, deck=0.42, tail=0.42, glass=(0.018, 0.026, 0.98, 0.985), axles=(0.22, 0.72),
    windows=((0.012, 0.09), (0.105, 0.24), (0.255, 0.39), (0.405, 0.54), (0.555, 0.69), (0.705, 0.84), (0.855, 0.975)),
    rear_window=True, slant=0.04, wheel=0.48, clearance=0.32, round_nose=0.30, round_tail=0.25, tumblehome=0.07,
    doors=(0.03, 0.11), grille=0.4,
)  # fmt: skip

_BUBBLE = replace(
    _SMALL, nose=0.46, cowl=0.52, belt=0.56, deck=0.60, tail=0.54, glass=(0.10, 0.30, 0.80, 0.95),
    windows=((0.12, 0.80),), doors=(0.12, 0.62), wheel=0.26, clearance=0.17, axles=(0.24, 0.80), round_nose=0.42,
    round_tail=0.5, slant=0.16, grille=0.0, tumblehome=0.28,
)  # fmt: skip

PROFILES: dict[str, Profile] = {
    "vehicle.audi.a2": _HATCHBACK,
    "vehicle.audi.etron": _SUV,
    "vehicle.audi.tt": replace(_COUPE, glass=(0.31, 0.47, 0.66, 0.93), tail=0.68, deck=0.72),
    "vehicle.bmw.grandtourer": replace(_HATCHBACK, wheel=0.34, glass=(0.22, 0.38, 0.88, 0.965)),
    "vehicle.chevrolet.impala": replace(_SEDAN, glass=(0.30, 0.44, 0.70, 0.84), wheel=0.34),
    "vehicle.citroen.c3": replace(_HATCHBACK, clearance=0.21),
    "vehicle.dodge.charger_2020": replace(_SEDAN, glass=(0.31, 0.46, 0.69, 0.85), wheel=0.36),
    "vehicle.ford.crown": replace(_SEDAN, glass=(0.30, 0.44, 0.67, 0.79), wheel=0.35, deck=0.68),
    "vehicle.ford.mustang": replace(_COUPE, glass=(0.38, 0.52, 0.68, 0.87), doors=(0.42, 0.66)),
    "vehicle.jeep.wrangler_rubicon": _JEEP,
    "vehicle.lincoln.mkz_2017": _SEDAN,
    "vehicle.lincoln.mkz_2020": replace(_SEDAN, glass=(0.26, 0.44, 0.69, 0.89)),
    "vehicle.mercedes.coupe_2020": _COUPE,
    "vehicle.mini.cooper_s": replace(_SMALL, glass=(0.28, 0.39, 0.87, 0.955)),
    "vehicle.nissan.micra": _SMALL,
    "vehicle.nissan.patrol": _SUV,
    "vehicle.seat.leon": _HATCHBACK,
    "vehicle.tesla.cybertruck": _WEDGE,
    "vehicle.tesla.model3": replace(_SEDAN, glass=(0.23, 0.43, 0.68, 0.90), grille=0.0, nose=0.50),
    "vehicle.toyota.prius": replace(_SEDAN, glass=(0.20, 0.42, 0.74, 0.955), deck=0.68, tail=0.66, wheel=0.32),
    "vehicle.ford.ambulance": replace(_VAN, glass=(0.20, 0.29, 0.98, 0.985), windows=((0.05, 0.15), (0.5, 0.62))),
    "vehicle.mercedes.sprinter": _VAN,
    "vehicle.volkswagen.t2": _CAMPER,
    "vehicle.mitsubishi.fusorosa": _BUS,
    "vehicle.dodge.charger_police": replace(_SEDAN, glass=(0.31, 0.46, 0.69, 0.85), wheel=0.36),
    "vehicle.dodge.charger_police_2020": replace(_SEDAN, glass=(0.31, 0.46, 0.69, 0.85), wheel=0.36),
    "vehicle.mercedes.coupe": replace(_COUPE, nose=0.52, deck=0.68),
    "vehicle.micro.microlino": _BUBBLE,
    "vehicle.mini.cooper_s_2021": replace(_SMALL, glass=(0.28, 0.39, 0.88, 0.965), wheel=0.33),
    "vehicle.nissan.patrol_2021": replace(_SUV, wheel=0.42, clearance=0.27),
    "vehicle.volkswagen.t2_2021": _CAMPER,
}
"""Blueprint to profile, for all vehicles with a body of one piece."""
