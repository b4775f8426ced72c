"""How a shaded point scatters light: a diffuse base under GGX microfacets, and a clear coat.

Microfacets after Walter et al. 2007 and Heitz 2018 with Schlick's Fresnel term; snow's base is not matte (`snow.py`).
"""

from __future__ import annotations

from typing import Any

from scenarios.render.mitsuba_setup import dr, mi
from scenarios.render.shading import Hit
from scenarios.render.snow import anisotropy

COAT_ALPHA = 0.005


def _ggx(alpha: Any, view: Any, light: Any) -> tuple[Any, Any, Any]:
    """GGX's D G / (4 cos cos) with height-correlated shadowing, cosine between light and half vector, half vector."""
    half = dr.normalize(view + light)
    a2 = alpha * alpha
    base = dr.fma(half.z * half.z, a2 - 1, 1)
    density = a2 / dr.maximum(dr.pi * base * base, 1e-9)
    nv, nl = dr.maximum(view.z, 1e-4), dr.maximum(light.z, 1e-4)
    shadow = 0.5 / (nl * dr.sqrt(dr.fma(nv * nv, 1 - a2, a2)) + nv * dr.sqrt(dr.fma(nl * nl, 1 - a2, a2)))
    return density * shadow, dr.clip(dr.dot(light, half), 0, 1), half


def _schlick(mirror: Any, cosine: Any) -> Any:
    rest = 1 - cosine
    power = rest * rest * rest * rest * rest
    return mirror + (1 - mirror) * power


def _mean(color: Any) -> Any:
    """Mean of the channels. `dr.mean` writes the number of paths into the kernel: one for every size of a picture."""
    return dr.sum(color) / 3


def scatter(hit: Hit, light: Any) -> tuple[Any, Any]:
    """Diffuse and mirrored parts of BSDF times cosine for local direction `light`."""
    above = (light.z > 0) & (hit.viewer.z > 0)
    lobe, cosine, _ = _ggx(hit.alpha, hit.viewer, light)
    fresnel = _schlick(hit.mirror, cosine) * dr.clip(1.25 - hit.alpha, 0, 1)
    coat_lobe, _, _ = _ggx(mi.Float(COAT_ALPHA), hit.viewer, light)
    coat = hit.coat * _schlick(mi.Float(0.04), cosine)
    gloss = (fresnel * lobe * (1 - coat) + coat * coat_lobe) * light.z
    matte = hit.albedo * (1 - fresnel) * (1 - coat) * dr.inv_pi * light.z
    matte = matte * dr.lerp(1.0, anisotropy(hit.viewer, light), hit.snow)
    return dr.select(above, matte, 0), dr.select(above, gloss, 0)


def bounce(hit: Hit, choice: Any, sample: Any, heaviest: Any) -> tuple[Any, Any]:
    """Draw a direction (local) to go on with, and BSDF times cosine over its density, up to `heaviest`."""
    nv = dr.maximum(hit.viewer.z, 1e-3)
    mirror_share = _mean(_schlick(hit.mirror, nv)) + 0.02
    base_share = _mean(hit.albedo) + 0.02
    coat_share = hit.coat * _schlick(mi.Float(0.04), nv)
    total = mirror_share + base_share + coat_share
    p_mirror, p_coat = mirror_share / total, coat_share / total
    diffuse = mi.warp.square_to_cosine_hemisphere(sample)
    to_coat = choice < p_coat
    to_mirror = (choice >= p_coat) & (choice < p_coat + p_mirror)
    alpha = dr.select(to_coat, COAT_ALPHA, hit.alpha)
    half = visible_normal(hit.viewer, alpha, sample)
    reflected = 2 * dr.dot(hit.viewer, half) * half - hit.viewer
    light = dr.select(to_mirror | to_coat, reflected, diffuse)
    density = (
        (1 - p_mirror - p_coat) * dr.maximum(light.z, 0) * dr.inv_pi
        + p_mirror * _visible_density(hit.viewer, light, hit.alpha)
        + p_coat * _visible_density(hit.viewer, light, mi.Float(COAT_ALPHA))
    )
    matte, gloss = scatter(hit, light)
    weight = dr.select(density > 1e-7, (matte + gloss) / density, 0)
    return light, dr.minimum(weight, heaviest)


def visible_normal(view: Any, alpha: Any, sample: Any) -> Any:
    """A GGX microfacet normal as the viewer sees them (Heitz 2018, listing 1)."""
    stretched = dr.normalize(mi.Vector3f(alpha * view.x, alpha * view.y, dr.maximum(view.z, 1e-4)))
    length2 = stretched.x * stretched.x + stretched.y * stretched.y
    inverse = dr.rsqrt(dr.maximum(length2, 1e-12))
    t1 = dr.select(length2 > 1e-12, mi.Vector3f(-stretched.y * inverse, stretched.x * inverse, 0), mi.Vector3f(1, 0, 0))
    t2 = dr.cross(stretched, t1)
    radius = dr.sqrt(sample.x)
    sin_phi, cos_phi = dr.sincos(dr.two_pi * sample.y)
    a, b = radius * cos_phi, radius * sin_phi
    share = 0.5 * (1 + stretched.z)
    b = (1 - share) * dr.safe_sqrt(1 - a * a) + share * b
    normal = a * t1 + b * t2 + dr.safe_sqrt(1 - a * a - b * b) * stretched
    return dr.normalize(mi.Vector3f(alpha * normal.x, alpha * normal.y, dr.maximum(normal.z, 1e-6)))


def _visible_density(view: Any, light: Any, alpha: Any) -> Any:
    """Density over directions of reflecting about a `visible_normal`."""
    half = dr.normalize(view + light)
    a2 = alpha * alpha
    base = dr.fma(half.z * half.z, a2 - 1, 1)
    density = a2 / dr.maximum(dr.pi * base * base, 1e-9)
    nv = dr.maximum(view.z, 1e-4)
    masked = 2 * nv / (nv + dr.sqrt(a2 + (1 - a2) * nv * nv))
    return dr.select(light.z > 0, masked * density / (4 * nv), 0)
