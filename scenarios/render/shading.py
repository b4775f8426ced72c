"""How a point on a surface looks: its layers, from paint and seams to dirt, water film and snow.

The layers are mixed at the hit from the material's row and the surface tile under it; `scattering.py` says how the
result scatters light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float32
from numpy import ndarray

from scenarios.render.geometry import Buffers
from scenarios.render.materials import ASPHALT_COLOR, COLUMNS
from scenarios.render.mitsuba_setup import dr, mi, on_device, opaque
from scenarios.render.pavement import GRAIN_CONTRAST, LANE_WIDTH, LANES_IN_TILE, SEAL_DARKENS, SEAL_SHOWN
from scenarios.render.surface import TILES, Tiles
from scenarios.render.tints import Tints
from scenarios.weather import Weather


@dataclass(eq=False)
class Hit:
    """A shaded point; device arrays."""

    p: Any
    geometric: Any
    frame: Any
    viewer: Any
    albedo: Any
    mirror: Any
    alpha: Any
    coat: Any
    snow: Any
    beads: Any
    ground: Any
    lamp: Any
    instance: Any


class Shader:
    """Turns what a ray met into a `Hit`. A plain object: Dr.Jit takes no copies of it into a loop's state.

    `placement` holds, for each instance number, a 3 x 3 rotation, actor id and lamp bits, in rows of 12.
    """

    def __init__(
        self,
        buffers: Buffers,
        rows: Float32[ndarray, "n 16"],
        first_face: Any,
        placement: Any,
        lamp_bits: Any,
        tiles: Tiles,
        weather: Weather,
    ) -> None:
        self.buffers = buffers
        self.rows = on_device(rows)
        self.first_face = first_face
        self.placement = placement
        self.lamp_bits = lamp_bits
        self.layers = Layers(tiles, weather)

    def shade(self, ray: Any, found: Any, active: Any) -> Hit:
        """Shade what `ray` met; `found` is Mitsuba's preliminary intersection."""
        instance = dr.reinterpret_array(mi.UInt32, found.instance)
        start = dr.gather(mi.UInt32, self.first_face, instance, active)
        face = dr.gather(mi.Array4u, self.buffers.device_faces, found.prim_index + start, active)
        first = [dr.gather(mi.Vector4f, self.buffers.device_vertices, face[i], active) for i in range(3)]
        second = [dr.gather(mi.Vector4f, self.buffers.device_normals, face[i], active) for i in range(3)]
        b1, b2 = found.prim_uv.x, found.prim_uv.y
        b0 = 1 - b1 - b2
        bary = (b0, b1, b2)
        turn = [dr.gather(mi.Vector4f, self.placement, instance * 3 + i, active) for i in range(3)]

        def turned(v: Any) -> Any:
            return mi.Vector3f(*(dr.dot(mi.Vector3f(t.x, t.y, t.z), v) for t in turn))

        corners = [mi.Vector3f(v.x, v.y, v.z) for v in first]
        edge1, edge2 = turned(corners[1] - corners[0]), turned(corners[2] - corners[0])
        geometric = dr.normalize(dr.cross(edge1, edge2))
        smooth = turned(sum(b * mi.Vector3f(v.x, v.y, v.z) for b, v in zip(bary, second, strict=True)))
        back = dr.dot(geometric, ray.d) > 0
        geometric = dr.select(back, -geometric, geometric)
        normal = dr.normalize(dr.select(dr.dot(smooth, geometric) < 0, -smooth, smooth))
        point = ray(found.t)
        uv = sum(b * mi.Vector2f(v.w, n.w) for b, v, n in zip(bary, first, second, strict=True))
        du1, du2 = (mi.Vector2f(first[i].w - first[0].w, second[i].w - second[0].w) for i in (1, 2))
        row = [dr.gather(mi.Vector4f, self.rows, face[3] * (COLUMNS // 4) + i, active) for i in range(4)]
        laned = ~dr.isnan(uv.x)
        tile = dr.select(laned, mi.UInt32(0), dr.select(row[3].y > 0.5, mi.UInt32(2), mi.UInt32(1)))
        steep = dr.abs(geometric.z) < STEEP
        flat = mi.Point2f(
            dr.select(steep & (dr.abs(geometric.x) > dr.abs(geometric.y)), point.y, point.x),
            dr.select(steep, point.z, point.y),
        )
        place = mi.Point2f(
            dr.select(laned, uv.x, flat.x / dr.select(tile == 2, TILES[2].length, TILES[1].length)),
            dr.select(laned, uv.y, flat.y / dr.select(tile == 2, TILES[2].width, TILES[1].width)),
        )
        determinant = du1.x * du2.y - du1.y * du2.x
        along = dr.select(laned, edge1 * du2.y - edge2 * du1.y, mi.Vector3f(1, 0, 0) * determinant)
        along = dr.select(laned, along / determinant, mi.Vector3f(1, 0, 0))
        along = _unit(along - normal * dr.dot(along, normal))
        across = dr.select(laned, (edge2 * du1.x - edge1 * du2.x) / determinant, mi.Vector3f(0, 1, 0))
        across = _unit(across - normal * dr.dot(across, normal))
        return self.layers.at(ray, found, point, geometric, normal, along, across, row, tile, place, instance, active)


class Layers:
    """What lies on the materials in one weather: paint, seams, dirt, water, snow. A plain object, as `Shader` is."""

    def __init__(self, tiles: Tiles, weather: Weather) -> None:
        self.tiles = tiles
        self.dusting = opaque(mi.Float, weather.snow_cover)
        self.cleared = opaque(mi.Float, weather.cleared)
        self.tints = Tints.of(weather)

    def at(
        self,
        ray: Any,
        found: Any,
        point: Any,
        geometric: Any,
        normal: Any,
        along: Any,
        across: Any,
        row: list[Any],
        tile: Any,
        place: Any,
        instance: Any,
        active: Any,
    ) -> Hit:
        """The layers at points whose place, axes, material row and tile are known."""
        look, slope = self.tiles.lookup(tile, place, active)
        near = 1 / (1 + dr.square(found.t / SMOOTH_FROM))
        stretch, shown = stretches(place.x, tile == 0)
        detail, cover, polish, film = look.x * near + stretch, look.y, look.z, look.w
        color, roughness = mi.Color3f(row[0].x, row[0].y, row[0].z), row[0].w
        specular, metallic, coat, grain = row[1].x, row[1].y, row[1].z, row[1].w
        snow_kept, film_kept, ground, wear = row[2].x, row[2].y, row[2].z > 0.5, row[2].w
        painted = wear > 0
        asphalt = mi.Color3f(*ASPHALT_COLOR) * (1 + GRAIN_CONTRAST * detail)
        bare = dr.clip((detail * 0.4 + slope.z * 0.5 - 1.15 + wear) * 4, 0, 1) * dr.select(painted, 1.0, 0.0)
        color = dr.lerp(dr.maximum(color * (1 + grain * detail), 0), asphalt, bare)
        paved = dr.select(ground, film_kept, 0)
        slab = row[3].w
        joint, tone = slabs(place, found.t, tile == 0)
        color = color * (1 + SLAB_CONTRAST * slab * tone)
        poured = dr.maximum(dr.clip(slope.w, 0, 1) * shown * (1 - SOUND * slab), joint * slab)
        seal = poured * paved * dr.select(painted, dr.fma(bare, 0.65, 0.35), 1)
        color = color * (1 - SEAL_DARKENS * seal)
        roughness, specular = dr.lerp(roughness, BITUMEN_ROUGHNESS, seal), dr.lerp(specular, 0.02, seal)
        color, leaf = self.tints.soiled(color, dr.select(ground, dr.clip(-slope.w, 0, 1), 0), paved, slope.z)
        lies = dr.select(ground, dr.clip((normal.z - 0.35) * 2.5, 0, 1), dr.clip((normal.z + 0.15) * 1.6, 0, 1))
        far = dr.select(tile == 1, 1 - 1 / (1 + dr.square(found.t / FIELD_FROM)), 0)
        cover = dr.lerp(cover, dr.clip(self.dusting * 1.06, 0, 1), far)
        swept = self.cleared * dr.clip(1.3 - slope.z, 0, 1)
        cover = cover * (1 - dr.select(tile == 1, swept * row[3].z, 0))
        dust = dr.clip((self.dusting * snow_kept + slope.z * 0.35 - 0.38) * 5, 0, 1)
        dust = dr.select(self.dusting > 0, dust, 0)
        covered = dr.select(ground, cover * dr.minimum(snow_kept * (1.2 - 0.2 * detail), 1), dust) * lies
        covered = dr.select(snow_kept > 0, covered, 0)
        wet = film * film_kept * lies * (1 - 0.6 * leaf)
        color = self.tints.glazed(dr.lerp(color, color * 0.5, wet), wet)
        roughness = dr.lerp(roughness, 0.12 + 0.1 * self.tints.ice, dr.clip(wet, 0, 1))
        specular = dr.lerp(specular, 0.02, wet)
        edge = 1 - 0.55 * covered * (1 - covered) * 4 * dr.select(ground, 0.45, 0)
        soaked = self.tints.slush * dr.select(tile == 1, 0.25, 1)
        white = self.tints.snow * (1 + 0.06 * detail) * (1 - 0.2 * polish) * edge
        white = dr.lerp(white, self.tints.soaked * (1 + 0.25 * slope.z), soaked)
        color = dr.lerp(color, white, covered)
        packed = dr.lerp(SNOW_ROUGHNESS, ICE_ROUGHNESS, dr.maximum(polish, 0.8 * soaked))
        roughness = dr.lerp(roughness, packed, covered)
        specular = dr.lerp(specular, dr.lerp(0.01, 0.02, dr.maximum(polish, soaked)), covered)
        bump = dr.select(ground, 1.0, 0.0) * lies * (1 - SLAB_SMOOTH * slab * (1 - covered))
        normal = dr.normalize(normal - (along * slope.x + across * slope.y) * bump * dr.maximum(near, 0.35))
        facing = -ray.d
        below = dr.dot(normal, facing) < 0.02
        normal = dr.select(below, dr.normalize(normal + facing * (0.02 - dr.dot(normal, facing))), normal)
        frame = mi.Frame3f(normal)
        kept = 1 - covered
        return Hit(
            p=point,
            geometric=geometric,
            frame=frame,
            viewer=frame.to_local(facing),
            albedo=color * (1 - metallic),
            mirror=dr.lerp(mi.Color3f(specular), color, metallic),
            alpha=dr.square(dr.maximum(roughness, 0.05)),
            coat=coat * kept,
            snow=dr.select(ground, covered * (1 - 0.7 * polish) * (1 - soaked), 0),
            beads=dr.select(painted, (1 - bare) * kept * dr.clip(1 - 1.6 * wet, 0, 1), 0),
            ground=ground,
            lamp=mi.UInt32(row[3].x),
            instance=instance,
        )


def _unit(v: Any) -> Any:
    return v * dr.rsqrt(dr.maximum(dr.squared_norm(v), 1e-6))


STEEP = 0.5
"""Surfaces whose normal rises less than this carry their tile upright, as walls do, not flat."""
SNOW_ROUGHNESS = 0.9
ICE_ROUGHNESS = 0.24
BITUMEN_ROUGHNESS = 0.6
"""Of the smooth skin of poured bitumen, beside the grain's 0.78."""
SMOOTH_FROM = 70.0
"""Distance at which grain has lost half its contrast [m]: it is far below a pixel there."""
FIELD_FROM = 130.0
"""Distance at which bare patches of the fields have lost half their contrast [m]."""


SLAB_LENGTH, JOINT = 5.0, 0.012
"""Distance between the transverse joints of concrete and width of their seal [m]: usual ones, by assumption."""
JOINT_DIRT, JOINT_SOILED = 0.3, 0.1
"""How far dirt and wear darken the concrete at a joint, and how far from it that ends [m]."""
SLAB_CONTRAST, SLAB_SMOOTH, SOUND = 0.2, 0.6, 0.85
"""How far slabs differ in tone, how much evener they are than asphalt, and the share of asphalt's repairs they lack."""


def slabs(place: Any, distance: Any, laned: Any) -> tuple[Any, Any]:
    """How far sealed joints cover places on the lane tile, seen from `distance` [m], and each slab's tone, -0.5 to 0.5.

    Joints run along the lanes' borders and across them; far away they are as wide and as faint as a pixel.
    """
    s, lateral = place.x * (TILES[0].length / SLAB_LENGTH), place.y * LANES_IN_TILE
    gap = dr.minimum(dr.abs(s - dr.round(s)) * SLAB_LENGTH, dr.abs(lateral - dr.round(lateral)) * LANE_WIDTH)
    reach = JOINT / 2 + 0.003 + 4e-4 * distance
    joint = dr.clip(dr.clip(1 - gap / reach, 0, 1) * (JOINT / reach), 0, 1)
    joint = dr.maximum(joint, JOINT_DIRT * dr.clip(1 - gap / JOINT_SOILED, 0, 1))
    tone = _chance(dr.floor(s) + 1009 * dr.floor(lateral)) - 0.5
    return dr.select(laned, joint, 0), dr.select(laned, tone, 0)


def stretches(u: Any, laned: Any) -> tuple[Any, Any]:
    """What changes along a road from one quarter of a tile to the next: tone of the asphalt, share of seams that show.

    Drawn from the number of the quarter since the road's start, so that the repeating tile is not seen to repeat.
    """
    quarter = dr.floor(u * 4)
    share = u * 4 - quarter
    smooth = dr.square(share) * (3 - 2 * share)
    chance = dr.lerp(_chance(quarter), _chance(quarter + 1), smooth)
    shown = dr.clip((chance - 0.5) * 5 + SEAL_SHOWN, 0, 1)
    return dr.select(laned, 0.36 * (chance - 0.5), 0), dr.select(laned, shown, 0.6)


def _chance(number: Any) -> Any:
    """A number in [0, 1) drawn from a whole number (PCG, as in Jarzynski and Olano 2020)."""
    state = mi.UInt32(mi.Int32(number)) * 747796405 + 2891336453
    word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737
    return mi.Float(((word >> 22) ^ word) >> 8) * (1 / (1 << 24))
