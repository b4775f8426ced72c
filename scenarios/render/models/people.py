"""Walking people of human proportions, clothed by seed: rounded limbs swing about hips, knees, shoulders."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from scenarios.render.models import shapes
from scenarios.render.models.mesh import Color, Joint, Part, Vector, moved
from scenarios.render.models.pedalling import leg

_TOPS: tuple[Color, ...] = (
    (0.02, 0.022, 0.03), (0.05, 0.06, 0.11), (0.30, 0.03, 0.03), (0.10, 0.13, 0.08), (0.42, 0.40, 0.36),
    (0.25, 0.17, 0.09),
    (0.03, 0.09, 0.20), (0.50, 0.34, 0.05), (0.16, 0.16, 0.17), (0.24, 0.05, 0.13), (0.55, 0.55, 0.54),
    (0.55, 0.16, 0.02),
)  # fmt: skip
_TROUSERS: tuple[Color, ...] = (
    (0.02, 0.025, 0.05), (0.018, 0.018, 0.02), (0.06, 0.08, 0.15), (0.09, 0.08, 0.07), (0.20, 0.16, 0.10),
    (0.12, 0.12, 0.13),
)  # fmt: skip
_SKINS: tuple[Color, ...] = (
    (0.55, 0.36, 0.27), (0.45, 0.28, 0.19), (0.30, 0.16, 0.09), (0.13, 0.07, 0.045), (0.60, 0.42, 0.33),
)  # fmt: skip
_HAIRS: tuple[Color, ...] = (
    (0.015, 0.012, 0.01), (0.06, 0.03, 0.015), (0.25, 0.16, 0.06), (0.30, 0.29, 0.28), (0.12, 0.04, 0.015),
)  # fmt: skip


@dataclass(frozen=True)
class Looks:
    """What one person wears.

    Attributes:
        top, trousers, skin, hair: linear RGB.
        coat: length of the coat's skirt below the hip, share of the body height; 0 for a jacket.
        long_hair: falls to the neck.
        cap: wears a woollen cap in the colour of the trousers.
        build: how broad, 1 average.
        skirt: wears a skirt to the knees.
        bag: "backpack", "shoulder" or "" for none.
    """

    top: Color
    trousers: Color
    skin: Color
    hair: Color
    coat: float
    long_hair: bool
    cap: bool
    build: float
    skirt: bool
    bag: str

    @staticmethod
    def drawn(seed: int) -> Looks:
        """Draw the looks of a person."""
        rng = np.random.default_rng(seed)

        def pick(colors: tuple[Color, ...]) -> Color:
            return colors[int(rng.integers(len(colors)))]

        long_hair = bool(rng.random() < 0.45)
        return Looks(
            top=pick(_TOPS),
            trousers=pick(_TROUSERS),
            skin=pick(_SKINS),
            hair=pick(_HAIRS),
            coat=float(rng.choice([0.0, 0.0, 0.06, 0.16])),
            long_hair=long_hair,
            cap=bool(rng.random() < 0.3),
            build=float(rng.uniform(0.92, 1.1)),
            skirt=bool(long_hair and rng.random() < 0.4),
            bag=str(rng.choice(["", "", "backpack", "shoulder"])),
        )


def walker(height: float, seed: int) -> tuple[Part, ...]:
    """Build a walking person whose origin is the body's middle, `height` / 2 over the ground.

    Args:
        height: from sole to crown [m]; under 1.4 m a child's proportions.
        seed: clothes, hair, build.
    """
    looks = Looks.drawn(seed)
    stride = 0.86 * height  # one cycle of two steps [m]
    parts = _head(height, looks) + _torso(height, looks) + _bag(height, looks)
    for side, sign in (("left", 1), ("right", -1)):
        parts += _leg(side, sign, height, looks, stride) + _arm(side, sign, height, looks, stride)
    return moved(parts, (0.0, 0.0, -height / 2))


def _head_size(height: float) -> float:
    """Half height of the head [m]; a child's is larger for its body."""
    return 0.066 * height if height > 1.4 else 0.085 * height


def _head(height: float, looks: Looks) -> list[Part]:
    r = _head_size(height)
    center = (0.012 * height, 0.0, height - r)
    skull = shapes.ellipsoid((center[0], 0, center[2] - 0.04 * r), (0.80 * r, 0.66 * r, 0.95 * r), 10, 7)
    nose = shapes.ellipsoid((center[0] + 0.78 * r, 0, center[2] - 0.15 * r), (0.16 * r, 0.1 * r, 0.18 * r), 5, 4)
    neck = shapes.tube([(0, 0, height - 2.6 * r), (0.008, 0, height - 1.5 * r)], [0.46 * r, 0.38 * r], 8, caps=False)
    color = looks.trousers if looks.cap else looks.hair
    cap = shapes.ellipsoid((center[0] - 0.14 * r, 0, center[2] + 0.22 * r), (0.80 * r, 0.74 * r, 0.78 * r), 10, 6)
    hair = [cap]
    if looks.long_hair:
        hair.append(
            shapes.ellipsoid((center[0] - 0.42 * r, 0, center[2] - 0.55 * r), (0.46 * r, 0.68 * r, 1.0 * r), 8, 6)
        )
    return [
        shapes.part("head", shapes.join(skull, nose, neck), "skin", color=looks.skin),
        shapes.part("hair", shapes.join(*hair), "cloth_b" if looks.cap else "hair", color=color),
    ]


def _torso(height: float, looks: Looks) -> list[Part]:
    """Chest to hip as one tube, wider than deep, and the coat's skirt."""
    h, b = height, looks.build
    neck = h - 2.25 * _head_size(h)
    levels = [(0.465, 0.080), (0.52, 0.090), (0.60, 0.076), (0.70, 0.093), (0.775, 0.105), (0.815, 0.092)]
    scale = neck / (0.845 * h)
    path = [(0, 0, z * h * scale) for z, _ in levels] + [(0.004 * h, 0, neck)]
    radii = [r * h * b for _, r in levels] + [0.042 * h]
    parts = [shapes.part("torso", shapes.tube(path, radii, 12, squash=0.62), "cloth_a", color=looks.top)]
    if looks.coat:
        low = (0.50 - looks.coat) * h
        skirt = shapes.tube(
            [(0, 0, low), (0, 0, 0.50 * h), (0, 0, 0.6 * h)],
            [0.112 * h * b, 0.100 * h * b, 0.088 * h * b],
            12,
            squash=0.8,
        )
        parts.append(shapes.part("coat", skirt, "cloth_a", color=looks.top))
    elif looks.skirt:
        path = [(0, 0, 0.29 * h), (0, 0, 0.45 * h), (0, 0, 0.56 * h)]
        cloth = shapes.tube(path, [0.118 * h * b, 0.098 * h * b, 0.080 * h * b], 12, squash=0.85)
        parts.append(shapes.part("skirt", cloth, "cloth_b", color=looks.trousers))
    return parts


def _bag(height: float, looks: Looks) -> list[Part]:
    """A backpack, or a bag at the right hip with its strap."""
    h, b = height, looks.build
    color = _TOPS[int(1000 * b) % len(_TOPS)]
    if looks.bag == "backpack":
        pack = shapes.ellipsoid((-0.085 * h, 0, 0.69 * h), (0.052 * h, 0.085 * h, 0.125 * h), 10, 7)
        return [shapes.part("bag", pack, "cloth_b", color=color)]
    if looks.bag == "shoulder":
        bag = shapes.box((0.01 * h, -0.125 * h * b, 0.50 * h), (0.15 * h, 0.045 * h, 0.11 * h))
        over = [(0.062 * h, -0.1 * h * b, 0.55 * h), (0.07 * h, 0.0, 0.69 * h), (0.0, 0.075 * h, 0.815 * h)]
        strap = shapes.tube(over, [0.009 * h] * 3, 5)
        return [shapes.part("bag", shapes.join(bag, strap), "cloth_b", color=color, smooth=False)]
    return []


def _leg(side: str, sign: int, height: float, looks: Looks, stride: float) -> list[Part]:
    """Thigh, shin and foot; the hip swings, the knee bends while the leg comes forward."""
    h, y = height, sign * 0.048 * height
    hip, knee, ankle = (0.0, y, 0.49 * h), (0.008 * h, y, 0.275 * h), (-0.004 * h, y, 0.048 * h)
    phase = 0.0 if sign > 0 else math.pi
    swing = Joint("swing", hip, (0.0, -1.0, 0.0), phase, 0.42, stride)
    bend = Joint("bend", knee, (0.0, 1.0, 0.0), phase + 0.5 * math.pi, 0.75, stride, parent=swing)
    bare = looks.skirt and not looks.coat
    thigh = shapes.capsule(hip, knee, 0.052 * h * looks.build, 0.036 * h, 8)
    shin = shapes.capsule(knee, ankle, 0.037 * h, 0.026 * h, 8)
    foot = shapes.moved(shapes.ellipsoid((0, 0, 0), (0.074 * h, 0.029 * h, 0.026 * h), 8, 5), (0.030 * h, y, 0.025 * h))
    return [
        shapes.part(f"thigh_{side}", thigh, "cloth_b", joint=swing, color=looks.trousers),
        shapes.part(
            f"shin_{side}",
            shin,
            "skin" if bare else "cloth_b",
            joint=bend,
            color=looks.skin if bare else looks.trousers,
        ),
        shapes.part(f"shoe_{side}", foot, "shoe", joint=bend),
    ]


def _arm(side: str, sign: int, height: float, looks: Looks, stride: float) -> list[Part]:
    """Upper arm, slightly bent forearm and hand, swinging against the leg of the same side."""
    h, b = height, looks.build
    top = height - 2.25 * _head_size(height) - 0.035 * h
    shoulder = (0.0, sign * 0.110 * h * b, top)
    elbow = (-0.016 * h, sign * 0.148 * h * b, top - 0.165 * h)
    wrist = (0.050 * h, sign * 0.152 * h * b, top - 0.30 * h)
    swing = Joint("swing", shoulder, (0.0, -1.0, 0.0), math.pi if sign > 0 else 0.0, 0.38, stride)
    sleeve = shapes.join(
        shapes.capsule(shoulder, elbow, 0.034 * h, 0.026 * h, 8), shapes.capsule(elbow, wrist, 0.026 * h, 0.018 * h, 8)
    )
    hand = shapes.ellipsoid(
        (wrist[0] + 0.014 * h, wrist[1], wrist[2] - 0.034 * h), (0.02 * h, 0.012 * h, 0.032 * h), 6, 5
    )
    return [
        shapes.part(f"sleeve_{side}", sleeve, "cloth_a", joint=swing, color=looks.top),
        shapes.part(f"hand_{side}", hand, "skin", joint=swing, color=looks.skin),
    ]


def rider(
    saddle: Vector,
    grip: Vector,
    pedal: Vector,
    crown: float,
    seed: int,
    *,
    helmet: bool = True,
    crank: Vector | None = None,
) -> list[Part]:
    """Build a person who sits on a two-wheeler, in the vehicle's axes.

    Args:
        saddle: where the hips rest [m].
        grip: left handle [m]; the right one is its mirror image.
        pedal: left foot [m], likewise.
        crown: height of the top of the head [m].
        seed: clothes.
        helmet: wears one.
        crank: the pedals' axle [m] of a rider who pedals, None for feet that rest.
    """
    looks, scale = Looks.drawn(seed), 1.72
    head_r = _head_size(scale)
    hip = np.array([saddle[0], saddle[1], saddle[2] + 0.08])
    head = np.array([hip[0] + 0.42 * (grip[0] - hip[0]) + 0.10, 0.0, crown - head_r * (1.12 if helmet else 1.0)])
    neck = head - (0.05, 0, 1.25 * head_r)
    chest = hip + 0.72 * (neck - hip) + (-0.02, 0, 0)
    torso = shapes.tube(
        [hip - (0, 0, 0.08), hip + 0.25 * (chest - hip), chest, neck], [0.14, 0.145, 0.165, 0.07], 12, squash=0.72
    )
    skull = shapes.ellipsoid(head, (0.82 * head_r, 0.68 * head_r, head_r), 10, 7)
    shell = shapes.ellipsoid(
        head + np.array([-0.02, 0, 0.35 * head_r]), (1.15 * head_r, 0.92 * head_r, 0.77 * head_r), 10, 6
    )
    parts = [
        shapes.part("torso", torso, "cloth_a", color=looks.top),
        shapes.part("head", skull, "skin", color=looks.skin),
        shapes.part("helmet", shell, "housing" if helmet else "hair", color=looks.top if helmet else looks.hair),
    ]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        flip = np.array([1.0, sign, 1.0])
        shoulder = chest + np.array([0.0, 0.17, 0.10]) * flip
        hand = np.array(grip) * flip
        elbow = (shoulder + hand) / 2 + np.array([-0.04, 0.05, -0.09]) * flip
        seat = hip + np.array([0.02, 0.09, -0.02]) * flip
        arm = shapes.join(shapes.capsule(shoulder, elbow, 0.058, 0.045), shapes.capsule(elbow, hand, 0.044, 0.034))
        parts.append(shapes.part(f"arm_{side}", arm, "cloth_a", color=looks.top))
        if crank is None:
            parts += _resting_leg(side, seat, np.array(pedal) * flip, looks)
        else:
            parts += _pedalling_leg(side, seat, crank, looks)
    return parts


def _resting_leg(side: str, seat: Float[ndarray, "3"], foot: Float[ndarray, "3"], looks: Looks) -> list[Part]:
    sign = 1.0 if side == "left" else -1.0
    knee = (seat + foot) / 2 + np.array([0.24, 0.03 * sign, 0.10])
    limb = shapes.join(shapes.capsule(seat, knee, 0.085, 0.062), shapes.capsule(knee, foot, 0.06, 0.042))
    shoe = shapes.ellipsoid(foot + np.array([0.06, 0, -0.035]), (0.13, 0.047, 0.045), 8, 5)
    return [
        shapes.part(f"leg_{side}", limb, "cloth_b", color=looks.trousers),
        shapes.part(f"shoe_{side}", shoe, "shoe"),
    ]


def _pedalling_leg(side: str, seat: Float[ndarray, "3"], crank: Vector, looks: Looks) -> list[Part]:
    """Thigh, shin and shoe that follow a pedal; the right one is half a turn behind."""
    limb = leg(seat, crank, 0.0 if side == "left" else math.pi)
    thigh = shapes.capsule(seat, limb.knee, 0.085, 0.062)
    shin = shapes.capsule(limb.knee, limb.ankle, 0.06, 0.042)
    shoe = shapes.ellipsoid(limb.ankle + np.array([0.06, 0, -0.05]), (0.13, 0.047, 0.045), 8, 5)
    return [
        shapes.part(f"thigh_{side}", thigh, "cloth_b", joint=limb.hip_joint, color=looks.trousers),
        shapes.part(f"shin_{side}", shin, "cloth_b", joint=limb.knee_joint, color=looks.trousers),
        shapes.part(f"shoe_{side}", shoe, "shoe", joint=limb.knee_joint),
    ]
