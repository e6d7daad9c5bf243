"""Textured surfaces, the exact maps that place them on the screen, and the painter.

A surface lives in *material* coordinates: a point of the object keeps its coordinates for the
whole clip. A ``Placement`` is an invertible map from material to screen at one moment, so
labels and flow are evaluated, never estimated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Flow, Points, Size

Matrix: TypeAlias = NDArray[np.float64]
"""float64 ``(3, 3)``: an affine map on homogeneous columns (x, y, 1)."""

Coordinates: TypeAlias = NDArray[np.float64]
"""float64 ``(..., 2)``: x, y."""

FAR = 1e6
"""Signed distance inside a surface that has no border (the backdrop)."""

SHADOW_OFFSET = (3, 4)
SHADOW_SOFTNESS = 2.5
SHADOW_PAD = 12


def affine(
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    degrees: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
) -> Matrix:
    """Return the map that scales, then rotates (positive: clockwise on screen), then shifts."""
    turn = np.deg2rad(degrees)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array(
        [
            [scale[0] * cos, -scale[1] * sin, shift[0]],
            [scale[0] * sin, scale[1] * cos, shift[1]],
            [0.0, 0.0, 1.0],
        ]
    )


def transform(matrix: Matrix, points: Coordinates) -> Coordinates:
    """Return the points mapped by an affine matrix, shape ``(..., 2)`` as given."""
    mapped: Coordinates = points @ matrix[:2, :2].T
    mapped += matrix[:2, 2]
    return mapped


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), np.float64)


@dataclass(frozen=True, kw_only=True)
class Bend:
    """A travelling wave across the x axis: y becomes y + height · reach(x) · sin(k·x − phase).

    ``reach`` is 1 for ``power`` 0 and ((1 − x) / 2) ** power otherwise: the head at x = 1 is
    held, the tail swings. A shear has a closed inverse, which keeps the flow exact.
    """

    height: float = 0.0
    wavenumber: float = 1.0
    phase: float = 0.0
    power: int = 0

    def offset(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the displacement of y at x."""
        reach = 1.0 if self.power == 0 else (np.maximum(1.0 - x, 0.0) / 2) ** self.power
        wave: NDArray[np.float64] = reach * np.sin(self.wavenumber * x - self.phase)
        return self.height * wave


STRAIGHT = Bend()
"""No wave."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a surface is at one moment: screen = outer(bend(inner(material)))."""

    outer: Matrix
    inner: Matrix
    bend: Bend = STRAIGHT

    def to_screen(self, material: Coordinates) -> Coordinates:
        """Return the screen position, in pixels, of points of the surface."""
        if not self.bend.height:
            return transform(self.unbent, material)
        bent = transform(self.inner, material)
        bent[..., 1] += self.bend.offset(bent[..., 0])
        return transform(self.outer, bent)

    def to_material(self, screen: Coordinates) -> Coordinates:
        """Return which points of the surface lie at screen positions; inverse of to_screen."""
        if not self.bend.height:
            return transform(_inverse(self.unbent), screen)
        bent = transform(_inverse(self.outer), screen)
        bent[..., 1] -= self.bend.offset(bent[..., 0])
        return transform(_inverse(self.inner), bent)

    @property
    def unbent(self) -> Matrix:
        """Return material → screen without the wave."""
        return np.asarray(self.outer @ self.inner, np.float64)

    @property
    def magnification(self) -> float:
        """Return the screen pixels per material unit (geometric mean of both axes)."""
        both = self.unbent
        return float(np.sqrt(abs(both[0, 0] * both[1, 1] - both[0, 1] * both[1, 0])))


def look_up(sheet: NDArray[np.float32], at: Coordinates, border: int) -> NDArray[np.float32]:
    """Return a sheet at x, y positions in texels, bilinear; ``border`` is one of cv2.BORDER_*."""
    x, y = at[..., 0].astype(np.float32), at[..., 1].astype(np.float32)
    return np.asarray(cv2.remap(sheet, x, y, cv2.INTER_LINEAR, borderMode=border), np.float32)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A textured shape in material coordinates."""

    #: float32 (h, w, 4): RGB in [0, 1] and the signed distance to the border in material units,
    #: positive inside.
    atlas: NDArray[np.float32]
    #: material x, y of the centre of the first texel
    origin: tuple[float, float]
    #: material units per texel
    texel: float
    #: (N, 2), in material units, encloses the shape; empty for the backdrop
    outline: Points

    def sample(self, material: Coordinates) -> NDArray[np.float32]:
        """Return RGB and signed distance at material points ``(h, w, 2)``, bilinear."""
        texels = (material - np.asarray(self.origin)) / self.texel
        border = cv2.BORDER_REPLICATE if len(self.outline) else cv2.BORDER_REFLECT_101
        return look_up(self.atlas, texels, border)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One actor at one moment: its surfaces in painting order, and how dark its shadow is."""

    surfaces: tuple[Surface, ...]
    placements: tuple[Placement, ...]
    shadow: float = 0.0


def pixel_grid(rows: slice, columns: slice) -> Coordinates:
    """Return x, y of the pixel centres of a window, shape ``(h, w, 2)``."""
    grid = np.empty((rows.stop - rows.start, columns.stop - columns.start, 2), np.float64)
    grid[..., 0] = np.arange(columns.start, columns.stop)
    grid[..., 1] = np.arange(rows.start, rows.stop)[:, None]
    return grid


def _window(points: Coordinates, size: Size, pad: int) -> tuple[slice, slice]:
    """Return the rows and columns that enclose the points, cut at the frame, maybe empty."""
    low = np.floor(points.min(axis=0)).astype(int) - pad
    high = np.ceil(points.max(axis=0)).astype(int) + pad + 1
    x0, x1 = np.clip([low[0], high[0]], 0, size.width)
    y0, y1 = np.clip([low[1], high[1]], 0, size.height)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def _is_empty(window: tuple[slice, slice]) -> bool:
    return any(side.start >= side.stop for side in window)


def _cast_shadow(canvas: NDArray[np.float32], opacity: NDArray[np.float32], shadow: float) -> None:
    """Darken the canvas under a soft, shifted copy of what is about to be painted on it."""
    soft = cv2.GaussianBlur(opacity, (0, 0), SHADOW_SOFTNESS)
    shift = np.array([[1, 0, SHADOW_OFFSET[0]], [0, 1, SHADOW_OFFSET[1]]], np.float32)
    moved = cv2.warpAffine(soft, shift, (soft.shape[1], soft.shape[0]))
    canvas *= (1 - shadow * moved)[..., None]


def _paint_thing(
    canvas: NDArray[np.float32], visible: NDArray[np.uint8], thing: Thing, first: int
) -> None:
    """Paint one thing over the canvas and its surface numbers over ``visible``, in place."""
    size = Size(*visible.shape)
    outlines = [
        placement.to_screen(surface.outline.astype(np.float64))
        for surface, placement in zip(thing.surfaces, thing.placements, strict=True)
    ]
    room = _window(np.concatenate(outlines), size, SHADOW_PAD)
    if _is_empty(room):
        return
    paint = np.zeros((*visible[room].shape, 4), np.float32)
    corner = np.array([room[1].start, room[0].start])
    for number, (surface, placement) in enumerate(
        zip(thing.surfaces, thing.placements, strict=True)
    ):
        window = _window(outlines[number] - corner, Size(*paint.shape[:2]), 2)
        if _is_empty(window):
            continue
        grid = pixel_grid(*window) + corner
        texels = surface.sample(placement.to_material(grid))
        distance = texels[..., 3].copy()
        cover = np.clip(0.5 + distance * placement.magnification, 0, 1)[..., None]
        texels[..., 3] = 1.0
        paint[window] += cover * (texels - paint[window])
        visible[room][window][distance >= 0] = first + number
    if thing.shadow:
        _cast_shadow(canvas[room], np.ascontiguousarray(paint[..., 3]), thing.shadow)
    canvas[room] += paint[..., :3] - paint[..., 3:] * canvas[room]


def paint(things: Sequence[Thing], size: Size) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the picture and which surface each pixel shows.

    ``things`` are painted in order, the first one must fill the frame. The picture is float32
    ``(H, W, 3)`` with antialiased borders; the second array is uint8 ``(H, W)``, the running
    number of the front surface whose signed distance is ≥ 0 at the pixel centre.
    """
    grid = pixel_grid(slice(0, size.height), slice(0, size.width))
    backdrop = things[0]
    texels = backdrop.surfaces[0].sample(backdrop.placements[0].to_material(grid))
    canvas = np.ascontiguousarray(texels[..., :3])
    visible = np.zeros(tuple(size), np.uint8)
    first = 1
    for thing in things[1:]:
        _paint_thing(canvas, visible, thing, first)
        first += len(thing.surfaces)
    return canvas, visible


def surface_flow(
    visible: NDArray[np.uint8], now: Sequence[Placement], later: Sequence[Placement]
) -> Flow:
    """Return the motion in pixels of the surface that each pixel shows, from now to later.

    ``now`` and ``later`` hold the placements by surface number, as painted by ``paint``.
    """
    flow = np.zeros((*visible.shape, 2), np.float32)
    for number in np.unique(visible):
        rows, columns = np.nonzero(visible == number)
        here = np.stack([columns, rows], axis=-1).astype(np.float64)
        there = later[number].to_screen(now[number].to_material(here))
        flow[rows, columns] = there - here
    return flow
