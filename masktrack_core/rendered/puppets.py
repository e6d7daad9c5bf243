"""The anatomy of a rendered object: outlines, jointed parts, and how they move.

Lengths are in units of the object (it fits in about [−1.2, 1.2]), x to the right (objects look
to the right), y down, angles in degrees clockwise. The zoo itself is in ``rendered_zoo``.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from masktrack_core.arrays import Points
from masktrack_core.rendered.layers import (
    STRAIGHT,
    Bend,
    Matrix,
    Placement,
    Surface,
    affine,
    look_up,
    pixel_grid,
    transform,
)

TEXEL = 0.018
"""Size of a part's texels in units of the object."""

BORDER = 4
"""Empty texels around a part."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One rigid piece of a puppet; holes are further contours (even-odd)."""

    contours: tuple[Points, ...]
    #: where the part's origin sits in the parent (in the object where there is none)
    joint: tuple[float, float] = (0.0, 0.0)
    #: index of an earlier part that carries this one
    parent: int | None = None
    #: angle at rest, degrees
    rest: float = 0.0
    #: amplitude of the swing around rest, degrees
    swing: float = 0.0
    #: where in the cycle the swing starts, in cycles
    phase: float = 0.0
    #: full turns per cycle
    spin: float = 0.0
    #: foreshortening along y over the cycle: 1 − flap … 1 + flap
    flap: float = 0.0
    #: 0 the main skin, 1 the second skin
    tone: int = 0
    #: brightness; limbs on the far side are darker
    shade: float = 1.0

    def pose(self, cycle: float) -> Matrix:
        """Return part → parent at a time counted in cycles."""
        wave = float(np.sin(2 * np.pi * (cycle + self.phase)))
        return affine(
            shift=self.joint,
            degrees=self.rest + self.swing * wave + 360 * self.spin * cycle,
            scale=(1.0, 1.0 + self.flap * wave),
        )


@dataclass(frozen=True, kw_only=True)
class Puppet:
    """Parts in painting order, the wave that runs through them, and a breathing."""

    parts: tuple[Part, ...]
    #: the wave at rest; its phase runs one turn per cycle
    bend: Bend = STRAIGHT
    #: relative stretch along x (and shrinking along y) over the cycle
    pulse: float = 0.0

    def placements(self, outer: Matrix, cycle: float) -> tuple[Placement, ...]:
        """Return where every part is at a time counted in cycles, under object → screen."""
        stretch = 1.0 + self.pulse * float(np.sin(2 * np.pi * cycle))
        breathing = affine(scale=(stretch, 1.0 / stretch))
        wave = Bend(
            height=self.bend.height,
            wavenumber=self.bend.wavenumber,
            phase=self.bend.phase + 2 * np.pi * cycle,
            power=self.bend.power,
        )
        poses: list[Matrix] = []
        for part in self.parts:
            pose = part.pose(cycle)
            poses.append(pose if part.parent is None else poses[part.parent] @ pose)
        return tuple(Placement(outer=outer @ breathing, inner=pose, bend=wave) for pose in poses)

    def covered(self, cycle: float) -> float:
        """Return the area of the silhouette in square units at a time counted in cycles."""
        grain = 48.0
        side = int(5 * grain)
        inside = np.zeros((side, side), np.uint8)
        outer = affine(shift=(side / 2, side / 2), scale=(grain, grain))
        for part, placement in zip(self.parts, self.placements(outer, cycle), strict=True):
            contours = [
                np.round(placement.to_screen(contour.astype(np.float64))).astype(np.int32)
                for contour in part.contours
            ]
            cv2.fillPoly(inside, contours, 1)
        return float(inside.sum()) / grain**2


def part_surface(part: Part, sheet: NDArray[np.float32], rng: Generator) -> Surface:
    """Return a part as a surface: cut at random from a sheet of skin, and shaded like a cushion.

    The light comes from the upper left of the part at rest and stays on the material, so the
    brightness of a point is constant and the flow exact.
    """
    outline = np.concatenate(part.contours)
    low, high = outline.min(axis=0), outline.max(axis=0)
    width, height = (int(side) + 2 * BORDER + 1 for side in np.ceil((high - low) / TEXEL))
    origin = low - BORDER * TEXEL
    distance = _signed_distance([(c - origin) / TEXEL for c in part.contours], width, height)
    distance *= TEXEL
    grid = pixel_grid(slice(0, height), slice(0, width))
    # One sheet spans 2.4 units of the object.
    cut = grid * (TEXEL / 2.4 * sheet.shape[0]) + rng.uniform(0, sheet.shape[0], 2)
    tint = look_up(sheet, cut, cv2.BORDER_REFLECT_101)
    light = part.shade * _cushion(distance, part.rest)
    atlas = np.dstack([np.clip(tint * light[..., None], 0, 1), distance]).astype(np.float32)
    return Surface(
        atlas=atlas,
        origin=(float(origin[0]), float(origin[1])),
        texel=TEXEL,
        outline=np.concatenate([_dense(contour) for contour in part.contours]),
    )


def _dense(contour: Points) -> Points:
    """Return a contour with points added on its edges, so that a bend cannot leave its hull."""
    after = np.roll(contour, -1, axis=0)
    shares = np.linspace(0, 1, 8, endpoint=False, dtype=np.float32)[:, None, None]
    return np.asarray((contour + shares * (after - contour)).reshape(-1, 2), np.float32)


def _signed_distance(contours: list[Points], width: int, height: int) -> NDArray[np.float32]:
    """Return the distance to the border in texels, positive inside, float32 ``(h, w)``."""
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [np.round(c * 16).astype(np.int32) for c in contours], 1, 8, 4)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    signed = np.where(inside > 0, within - 0.5, 0.5 - without).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(signed, (0, 0), 0.8), np.float32)


def _cushion(distance: NDArray[np.float32], rest: float) -> NDArray[np.float32]:
    """Return the brightness of a swollen shape lit from the upper left, about 0.5 … 1.3."""
    width = max(0.04, min(0.16, 0.8 * float(distance.max())))
    depth = np.clip(distance / width, 0, 1)
    dome = (np.sqrt(1 - (1 - depth) ** 2) * width).astype(np.float32)
    slope_y, slope_x = np.gradient(cv2.GaussianBlur(dome, (0, 0), 1.5), TEXEL)
    turn = np.deg2rad(-125 - rest)
    facing = np.cos(turn) * slope_x + np.sin(turn) * slope_y
    return np.asarray(0.82 + 0.22 * depth - 0.3 * np.clip(facing, -1, 1.5), np.float32)


def ellipse(radius_x: float, radius_y: float, *, at: tuple[float, float] = (0, 0)) -> Points:
    """Return the outline of an axis-parallel ellipse."""
    around = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack(
        [at[0] + radius_x * np.cos(around), at[1] + radius_y * np.sin(around)], axis=-1
    ).astype(np.float32)


def limb(length: float, thick: float, thin: float, *, start: float = 0.0) -> Points:
    """Return a tapered limb along +x from x = start, round at both ends."""
    half = np.linspace(-np.pi / 2, np.pi / 2, 12)
    tip = np.stack([length + thin * np.cos(half), thin * np.sin(half)], axis=-1)
    root = np.stack([-thick * np.cos(half), -thick * np.sin(half)], axis=-1)
    return np.asarray(np.concatenate([tip, root]) + np.array([start, 0.0]), np.float32)


def polygon(*corners: tuple[float, float], rounding: int = 2) -> Points:
    """Return a polygon whose corners were cut ``rounding`` times (Chaikin)."""
    points = np.array(corners, np.float64)
    for _ in range(rounding):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1)
        points = points.reshape(-1, 2)
    return points.astype(np.float32)


def polar(radius: NDArray[np.float64]) -> Points:
    """Return the closed outline with these radii at equal angles."""
    around = np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    spokes = np.stack([np.cos(around), np.sin(around)], axis=-1)
    return np.asarray(radius[:, None] * spokes, np.float32)


def wobbly(outline: Points, amount: float, rng: Generator) -> Points:
    """Return an outline with a smooth random swelling around its centre, relative amount."""
    centre = outline.mean(axis=0)
    away = outline - centre
    around = np.arctan2(away[:, 1], away[:, 0])
    swell = np.ones(len(outline))
    for turns in range(2, 6):
        swell += amount * rng.normal() / turns * np.cos(turns * around + rng.uniform(0, 6.28))
    return np.asarray(centre + away * np.maximum(swell, 0.3)[:, None], np.float32)


def rotated(outline: Points, degrees: float) -> Points:
    """Return an outline turned around the origin."""
    return transform(affine(degrees=degrees), outline.astype(np.float64)).astype(np.float32)
