"""The path tracer: one kernel that keeps skylight, sunlight and the road's mirror image of the sun apart.

Light is linear: the counterfactual pictures (no sun, no glare) are sums of the same traced parts, free of extra noise.
The sun is sampled directly (a point inside its disc), the sky is found by continuing the path (it is smooth). Lamps are
points: each of a path's first two hits is lit by one of them, drawn from a few candidates in proportion to what each
promises (resampled importance sampling, Talbot et al. 2005), and only the camera sees their faces. Mitsuba finds the
hits; `shading.py` says what they look like. All data reach the kernel as arrays, so it is compiled once for every map,
weather, crowd and size of a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from perception.camera import Camera
from scenarios.qualities import HEAVIEST, INDIRECT_CLAMP
from scenarios.render.beams import COLUMNS, beam, headlamp
from scenarios.render.materials import LAMP_KINDS
from scenarios.render.mitsuba_setup import dr, mi, on_device, opaque, table, vector
from scenarios.render.retro import retroreflected
from scenarios.render.scattering import bounce, scatter
from scenarios.render.scene import Scene
from scenarios.render.shading import Hit, Shader

DARK_CLAMP = 3e-4
"""What the limit counts at least as the light of a night [1 is 73,000 cd/m2]: 22 cd/m2, as beside bright lamps."""
LAMPLIT = 2
"""Hits of a path that lamps light."""
HEADLIGHT = LAMP_KINDS.index("headlight")
CANDIDATES = 8
"""Most lamps that one of a hit is drawn from."""
SUN_RADIUS = float(np.deg2rad(0.2665))
GAP = 2e-3
"""How far shadow and bounce rays start off the surface [m]."""


@dataclass(frozen=True, eq=False)
class Light:
    """Everything that shines.

    Attributes:
        sky: latitude-longitude texture of radiance (device): u = azimuth / 2 pi, v = angle from the zenith / pi.
        sun: unit vector towards the sun (renderer axes).
        sun_irradiance: of a surface facing the sun, RGB.
        lamps: rows of `beams.COLUMNS`.
        lamp_colors: radiance of each kind in `materials.LAMP_KINDS`, of a headlamp for each candela of its beam.
    """

    sky: Any
    sun: Float[ndarray, "3"]
    sun_irradiance: Float[ndarray, "3"]
    lamps: Float[ndarray, "n 11"]
    lamp_colors: Float[ndarray, "kinds 3"]


@dataclass(frozen=True, eq=False)
class Traced:
    """Pictures of one traced view, linear radiance.

    Attributes:
        sky: light that came from the sky, and what lamps light.
        sun: light that came from the sun over any path, the mirror image included.
        gloss: the part of `sun` that the ground mirrors straight from the sun into the camera.
        albedo: reflectance at the first hit, 1 in the sky.
        normal: shading normal at the first hit.
        lamps: light of the lamps' faces themselves; it has no noise but that of its edges, and denoisers take small
            bright spots for noise.
    """

    sky: Float32[ndarray, "height width 3"]
    sun: Float32[ndarray, "height width 3"]
    gloss: Float32[ndarray, "height width 3"]
    albedo: Float32[ndarray, "height width 3"]
    normal: Float32[ndarray, "height width 3"]
    lamps: Float32[ndarray, "height width 3"]


def trace(
    scene: Scene,
    camera: Camera,
    light: Light,
    shader: Shader,
    *,
    samples: int,
    bounces: int,
    seed: int,
    clamp: float = INDIRECT_CLAMP,
    heaviest: float = HEAVIEST,
) -> Traced:
    """Trace a view with `samples` paths a pixel of up to `bounces` surface hits; the same seed gives the same bytes.

    `clamp` limits what arrives over more than one bounce, `heaviest` what a bounce multiplies it by; infinity is none.
    """
    start = opaque(mi.UInt64, seed & 0xFFFFFFFF)  # a plain number would be compiled into the kernel, for every seed
    sampler = mi.PCG32(size=camera.width * camera.height * samples, initstate=start)
    offset = mi.Point2f(sampler.next_float32(), sampler.next_float32())
    ray = camera_rays(camera, samples, offset)
    parts = _paths(_Kernel(scene, light, shader, bounces, clamp, heaviest), ray, sampler)
    dr.eval(parts)
    sums = [[dr.block_sum(channel, samples) if samples > 1 else channel for channel in part] for part in parts]
    dr.eval(sums)
    return Traced(*(_pixels(part, samples, camera) for part in sums))


def mean_of(rounds: Iterable[Traced]) -> Traced:
    """The mean of several pictures of one view."""
    names = [field.name for field in fields(Traced)]
    first, *others = ({name: getattr(one, name) for name in names} for one in rounds)
    return Traced(*(np.mean([first[name], *(other[name] for other in others)], axis=0) for name in names))


def stacked(bands: Sequence[Traced]) -> Traced:
    """Bands of rows, from the top, as one picture."""
    return Traced(*(np.concatenate([getattr(band, field.name) for band in bands]) for field in fields(Traced)))


def camera_rays(camera: Camera, samples: int, offset: Any) -> Any:
    """Rays in renderer axes through each pixel, `samples` in a row per pixel, at `offset` in [0, 1) of the pixel."""
    index = dr.arange(mi.UInt32, camera.width * camera.height * samples) // opaque(mi.UInt32, samples)
    width = opaque(mi.UInt32, camera.width)
    row = index // width
    column = index - row * width
    if camera.lens == "pinhole":
        focal, cx, cy = (opaque(mi.Float, float(camera.intrinsics[i])) for i in ((0, 0), (0, 2), (1, 2)))
        local = mi.Vector3f((mi.Float(column) + offset.x - cx) / focal, (mi.Float(row) + offset.y - cy) / focal, 1)
    else:
        local = _between_corners(_corner_rays(camera), column + row * (width + 1), width + 1, offset)
    right, down, forward = (vector(camera.camera_to_world[:3, i]) for i in range(3))
    direction = dr.normalize(right * local.x + down * local.y + forward * local.z)
    origin = mi.Point3f(vector(camera.position))
    if camera.shutter is None:
        return mi.Ray3f(origin, direction)
    share = (mi.Float(row) + offset.y) / opaque(mi.Float, float(camera.height)) - 0.5
    turn = vector(np.array(camera.shutter.spin) * camera.shutter.readout) * share
    once = dr.cross(turn, direction)
    direction = dr.normalize(direction + once + dr.cross(turn, once) / 2)
    return mi.Ray3f(origin + vector(np.array(camera.shutter.velocity) * camera.shutter.readout) * share, direction)


def _between_corners(rays: Float32[ndarray, "3 n"], index: Any, columns: Any, offset: Any) -> Any:
    """Directions inside pixels of any lens, bilinear between those of the pixels' corners.

    That is off by less than 1e-3 px in pictures of 640 pixels and more, and by less than 3e-3 px in smaller ones.
    """
    channels = []
    for channel in rays:
        values = on_device(channel)
        top = dr.lerp(dr.gather(mi.Float, values, index), dr.gather(mi.Float, values, index + 1), offset.x)
        low = index + columns
        bottom = dr.lerp(dr.gather(mi.Float, values, low), dr.gather(mi.Float, values, low + 1), offset.x)
        channels.append(dr.lerp(top, bottom, offset.y))
    return mi.Vector3f(*channels)


def _corner_rays(camera: Camera) -> Float32[ndarray, "3 n"]:
    """Directions, camera axes, through the corners of all pixels: on the plane z = 1 unless the lens sees sideways."""
    x, y = np.meshgrid(np.arange(camera.width + 1.0), np.arange(camera.height + 1.0))
    rays = camera.rays(np.column_stack([x.ravel(), y.ravel()]))
    return np.asarray((rays if camera.lens == "fisheye" else rays / rays[:, 2:]).T, np.float32)


def _pixels(channels: Any, samples: int, camera: Camera) -> Float32[ndarray, "height width 3"]:
    picture = np.empty((camera.height, camera.width, 3), np.float32)
    for i, channel in enumerate(channels):
        np.multiply(channel.numpy().reshape(camera.height, camera.width), 1 / samples, out=picture[..., i])
    return np.nan_to_num(picture, copy=False)


class _Kernel:
    """What every path reads. A plain object: Dr.Jit takes no copies of it into the loop's state."""

    def __init__(self, scene: Scene, light: Light, shader: Shader, bounces: int, clamp: float, heaviest: float) -> None:
        rows = np.ascontiguousarray(light.lamps.T, dtype=np.float32)
        count = rows.shape[1]
        self.scene = scene
        self.shader = shader
        self.sky = light.sky
        self.sun = vector(light.sun)
        self.irradiance = mi.Color3f(vector(light.sun_irradiance))
        self.shines = opaque(mi.Bool, bool(light.sun_irradiance.max() > 0))
        self.lamps = [table(row) for row in (rows if count else np.zeros((COLUMNS, 0), np.float32))]
        self.lamp_count = opaque(mi.UInt32, count)
        self.candidates = opaque(mi.UInt32, min(count, CANDIDATES))
        self.lamp_colors = [table(column) for column in light.lamp_colors.T]
        self.last = opaque(mi.UInt32, bounces)
        self.heaviest = opaque(mi.Float, heaviest)
        height = float(np.rad2deg(np.arcsin(np.clip(light.sun[2], -1, 1))))
        least = 0.05 * float(np.exp(min(height, 0.0) / 1.26)) + (DARK_CLAMP if height < 0 else 0.0)
        self.limit = (dr.max(self.irradiance) * dr.inv_pi + opaque(mi.Float, least)) * opaque(mi.Float, clamp)

    def tame(self, value: Any, first: Any) -> Any:
        return dr.select(first, value, dr.minimum(value, self.limit))

    def escaped(self, direction: Any) -> Any:
        u = dr.atan2(direction.y, direction.x) * dr.inv_two_pi
        v = dr.safe_acos(direction.z) * dr.inv_pi
        return mi.Color3f(*self.sky.eval(mi.Point2f(u - dr.floor(u), v)))

    def emitted(self, hit: Hit, away: Any, active: Any) -> Any:
        """What a lamp's face sends in a direction."""
        bits = dr.gather(mi.UInt32, self.shader.lamp_bits, hit.instance, active)
        on = active & (((bits >> hit.lamp) & 1) == 1)
        color = mi.Color3f(*(dr.gather(mi.Float, color, hit.lamp, on) for color in self.lamp_colors))
        turn = [dr.gather(mi.Vector4f, self.shader.placement, hit.instance * 3 + i, active) for i in range(3)]
        heading = mi.Vector3f(turn[0].x, turn[1].x, turn[2].x)
        strength = dr.if_stmt(
            (heading, away),
            on & (hit.lamp == HEADLIGHT),
            lambda heading, away: headlamp(heading, away, mi.Bool(False)),
            lambda heading, away: mi.Float(1),  # noqa: ARG005 - the other branch's arguments
            label="headlamp",
        )
        return color * strength

    def clear(self, hit: Hit, towards: Any, distance: Any, active: Any) -> Any:
        """Whether nothing stands between the hit and the light."""
        ray = mi.Ray3f(hit.p + hit.geometric * GAP, towards, distance, 0.0, [])
        return active & ~self.scene.blocked(ray, active)

    def sunlit(self, hit: Hit, sample: Any, active: Any) -> tuple[Any, Any]:
        """Sunlight scattered towards the viewer: all of it, and what the ground mirrors."""
        disc = mi.warp.square_to_uniform_disk_concentric(sample) * float(np.tan(SUN_RADIUS))
        towards = dr.normalize(mi.Frame3f(self.sun).to_world(mi.Vector3f(disc.x, disc.y, 1.0)))
        lit = active & self.shines & (dr.dot(hit.geometric, towards) > 0)
        lit = self.clear(hit, towards, dr.largest(mi.Float), lit)
        matte, gloss = scatter(hit, hit.frame.to_local(towards))
        matte, gloss = (dr.select(lit, part * self.irradiance, 0) for part in (matte, gloss))
        return matte + gloss, dr.select(hit.ground, gloss, 0)

    def lamplit(self, hit: Hit, sample: Any, sampler: Any, active: Any) -> tuple[Any, Any]:
        """Light of one lamp, drawn at random, scattered towards the viewer; and the sampler. Nothing to do by day."""
        return dr.if_stmt(  # type: ignore[no-any-return]
            (sample, sampler),
            active & (self.lamp_count > 0),
            lambda sample, sampler: self.one_lamp(hit, sample, sampler, active),
            lambda sample, sampler: (mi.Color3f(0), sampler),  # noqa: ARG005 - the other branch's arguments
            label="lamplit",
        )

    def one_lamp(self, hit: Hit, sample: Any, sampler: Any, active: Any) -> tuple[Any, Any]:
        index, weight, sampler = self.drawn(hit, sample, sampler, active)
        lit = active & (weight > 0)
        row = self.lamp(index, lit)
        distance, towards, strength = self.reaching(hit, row)
        lit = self.clear(hit, towards, distance - 0.25, lit & (dr.dot(hit.geometric, towards) > 0))
        light = hit.frame.to_local(towards)
        matte, gloss = scatter(hit, light)
        value = (matte + gloss + retroreflected(hit, light)) * mi.Color3f(*row[6:9]) * (strength * weight)
        return dr.select(lit, value, 0), sampler

    def drawn(self, hit: Hit, sample: Any, sampler: Any, active: Any) -> tuple[Any, Any, Any]:
        """Number of a lamp, what its light counts, and the sampler."""
        viewer = hit.frame.to_world(hit.viewer)
        mirrored = 2 * dr.dot(hit.frame.n, viewer) * hit.frame.n - viewer
        step = mi.Float(self.lamp_count) / dr.maximum(mi.Float(self.candidates), 1)

        def weighed(number: Any, sampler: Any, index: Any, promise: Any, total: Any) -> tuple[Any, ...]:
            at = dr.minimum(mi.UInt32((mi.Float(number) + sample) * step), self.lamp_count - 1)
            row = self.lamp(at, active)
            _, towards, strength = self.reaching(hit, row)
            sheen = dr.square(dr.maximum(dr.dot(mirrored, towards) - 0.9, 0) * 10)
            facing = dr.maximum(dr.dot(hit.frame.n, towards), 0) + 0.02 + 4 * sheen
            bright = strength * (row[6] + row[7] + row[8]) * facing
            bright = dr.select(dr.dot(hit.geometric, towards) > 0, bright, 0)
            total = total + bright
            taken = sampler.next_float32() * total < bright
            return number + 1, sampler, dr.select(taken, at, index), dr.select(taken, bright, promise), total

        start = mi.UInt32(0), sampler, mi.UInt32(0), mi.Float(0), mi.Float(0)
        _, sampler, index, promise, total = dr.while_loop(
            start, lambda number, *_: active & (number < self.candidates), weighed, label="lamps"
        )
        return index, dr.select(promise > 0, total * step / promise, 0), sampler

    def lamp(self, index: Any, active: Any) -> list[Any]:
        return [dr.gather(mi.Float, column, index, active) for column in self.lamps]

    def reaching(self, hit: Hit, row: list[Any]) -> tuple[Any, Any, Any]:
        """Distance and direction of a lamp, and what its RGB intensity is to be multiplied by there."""
        apart = mi.Point3f(*row[0:3]) - hit.p
        distance = dr.maximum(dr.norm(apart), 0.3)
        towards = mi.Vector3f(apart / distance)
        return distance, towards, beam(row, -towards) / dr.square(distance)


def _paths(kernel: _Kernel, ray: Any, sampler: Any) -> Any:
    """Follow all paths to their ends in one symbolic loop; the parts of `Traced` of each."""
    black = mi.Color3f(0)
    start = (
        dr.full(mi.Bool, True, dr.width(ray)),
        mi.UInt32(0),
        ray,
        sampler,
        mi.Color3f(1),
        black,
        mi.Color3f(black),
        mi.Color3f(black),
        mi.Color3f(1),
        mi.Vector3f(0),
        mi.Color3f(black),
    )
    end = dr.while_loop(start, lambda active, *_: active, lambda *state: _step(kernel, *state), label="paths")
    return end[5:]


def _step(
    kernel: _Kernel,
    active: Any,
    depth: Any,
    ray: Any,
    sampler: Any,
    weight: Any,
    sky: Any,
    sun: Any,
    gloss: Any,
    albedo: Any,
    normal: Any,
    lamps: Any,
) -> tuple[Any, ...]:
    """One surface hit of every path that is still under way."""
    first = depth == 0
    found = kernel.scene.nearest(ray, coherent=first, active=active)
    escaped = active & ~found.is_valid()
    sky = sky + dr.select(escaped, weight * kernel.tame(kernel.escaped(ray.d), first), 0)
    active = active & found.is_valid()
    hit = kernel.shader.shade(ray, found, active)
    fresh = active & first
    albedo = dr.select(fresh, hit.albedo + hit.mirror, albedo)
    normal = dr.select(fresh, hit.frame.n, normal)
    lamps = lamps + dr.select(fresh, kernel.emitted(hit, -ray.d, fresh), 0)
    lamplit, sampler = kernel.lamplit(hit, sampler.next_float32(), sampler, active & (depth < LAMPLIT))
    sky = sky + weight * kernel.tame(lamplit, first)
    sunlit, mirrored = kernel.sunlit(hit, mi.Point2f(sampler.next_float32(), sampler.next_float32()), active)
    sun = sun + weight * kernel.tame(sunlit, first)
    gloss = gloss + dr.select(first, mirrored, 0)
    depth = depth + 1
    active = active & (depth < kernel.last)
    sample = mi.Point2f(sampler.next_float32(), sampler.next_float32())
    light, factor = bounce(hit, sampler.next_float32(), sample, kernel.heaviest)
    ray = mi.Ray3f(hit.p + hit.geometric * GAP, hit.frame.to_world(light))
    weight = weight * dr.select(active, factor, 0)
    active = active & (dr.max(weight) > 1e-3) & (dr.dot(hit.geometric, ray.d) > 0)
    return active, depth, ray, sampler, weight, sky, sun, gloss, albedo, normal, lamps
