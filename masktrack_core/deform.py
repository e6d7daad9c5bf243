"""The paper's imperfect previous mask: the annotation moved, bent and coarsened (§3.1, §4).

A network that refines such masks at training refines its own previous mask at test.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Box, Mask, Points, Size
from masktrack_core.errors import InputError
from masktrack_core.warp import (
    Matrix,
    compose_affine,
    fit_thin_plate,
    identity_map,
    invert_affine,
    similarity,
    smooth_map,
    transform_points,
    warp_mask,
)

PriorKind: TypeAlias = Literal["mask", "box", "none"]
"""What the fourth input channel shows of the previous mask (Table 1, "Mask input channel")."""


@dataclass(frozen=True, kw_only=True)
class DeformationParams:
    """How far an input mask may be from the object (§4, "Offline training")."""

    scale: float = 0.05
    """Largest change of size about the object's centre, fraction of the object's size."""
    shift: float = 0.10
    """Largest shift in x and y, fraction of the object's width and height."""
    control_points: int = 5
    """Thin-plate control points drawn on the object's boundary; 0 for no non-rigid change."""
    margin: float = 0.10
    """Largest shift of a control point in x and y, fraction of the object's width and height."""
    dilation_radius: float = 5.0
    """Radius of the coarsening disk, pixels of the frame; 0 for no coarsening."""

    def __post_init__(self) -> None:
        """Refuse amounts below 0 and a scale of 1 or more with ``InputError``."""
        for name in ("scale", "shift", "control_points", "margin", "dilation_radius"):
            value = getattr(self, name)
            if not value >= 0 or (name == "scale" and value >= 1):
                raise InputError(
                    f"deformation.{name}: expected a number from 0"
                    f"{' to below 1' if name == 'scale' else ''}, got {value}; 0 switches it off"
                )


@dataclass(frozen=True, kw_only=True)
class Deformation:
    """One draw of the deformation of one mask, in pixels of its frame."""

    centre: tuple[float, float]
    """x, y of the centre of the object's box, about which it is scaled."""
    scale: float
    shift: tuple[float, float]
    source: tuple[tuple[float, float], ...]
    """Control points on the boundary of the scaled and shifted object."""
    target: tuple[tuple[float, float], ...]
    """Where the thin-plate spline moves them."""
    dilation_radius: float


def sample_deformation(
    mask: Mask, params: DeformationParams, *, rng: np.random.Generator
) -> Deformation:
    """Return a random deformation of this mask; that of an empty mask does nothing.

    Order: scale and shift, then the spline, then dilation. Control points are drawn without
    replacement from the pixels just outside the object, as in the authors' script.
    """
    box = _box(mask)
    if box is None:
        return Deformation(
            centre=(0.0, 0.0),
            scale=1.0,
            shift=(0.0, 0.0),
            source=(),
            target=(),
            dilation_radius=0.0,
        )
    extent = np.array([box.width, box.height], dtype=np.float64)
    centre = (box.x + (box.width - 1) / 2, box.y + (box.height - 1) / 2)
    scale = 1.0 + rng.uniform(-params.scale, params.scale)
    shift = extent * rng.uniform(-params.shift, params.shift, size=2)
    # Paper: the released script has no affine step and approximates the moved points (MATLAB's
    # tpaps smooths). We follow the text: affine first, then an interpolating spline.
    placed = _placement(centre, scale, (float(shift[0]), float(shift[1])))
    points = transform_points(placed, _control_points(mask, params.control_points, rng=rng))
    moved = points + extent * rng.uniform(-params.margin, params.margin, size=points.shape)
    bent = len(points) if params.margin else 0
    return Deformation(
        centre=centre,
        scale=float(scale),
        shift=(float(shift[0]), float(shift[1])),
        source=tuple((float(x), float(y)) for x, y in points[:bent]),
        target=tuple((float(x), float(y)) for x, y in moved[:bent]),
        dilation_radius=params.dilation_radius,
    )


def apply_deformation(mask: Mask, deformation: Deformation) -> Mask:
    """Return the deformed mask: the input of the network for a frame whose truth is ``mask``.

    An empty mask stays empty. A mask that would leave the frame or vanish is only dilated.
    """
    size = Size(*mask.shape)
    return deformed_view(mask, deformation, np.eye(2, 3), size)


def deformed_view(mask: Mask, deformation: Deformation, view: Matrix, size: Size) -> Mask:
    """Return the part of the deformed mask that a crop shows, interpolated once.

    ``view`` maps pixels of the crop to pixels of the frame; the disk grows or shrinks with it,
    so that dilation is 5 px of the frame whatever the scale of the crop.
    """
    bent = warp_mask(mask, _origin_map(deformation, view, size))
    if not bent.any():
        bent = warp_mask(mask, smooth_map(lambda points: transform_points(view, points), size))
    magnification = float(abs(np.linalg.det(view[:, :2])) ** -0.5)
    return _dilate(bent, deformation.dilation_radius * magnification)


def as_prior(mask: Mask, kind: PriorKind) -> Mask:
    """Return what the network is shown of a previous mask: the mask, its box, or nothing.

    The box is that of all blobs together; an empty mask has an empty one.
    """
    if kind == "mask":
        return mask
    prior = np.zeros_like(mask)
    if kind == "box":
        box = _box(mask)
        if box is not None:
            prior[box.y : box.y + box.height, box.x : box.x + box.width] = True
    elif kind != "none":
        raise InputError(f"prior: expected 'mask', 'box' or 'none', got {kind!r}")
    return prior


def _placement(centre: tuple[float, float], scale: float, shift: tuple[float, float]) -> Matrix:
    """Return the affine step of a deformation, from the mask to the deformed mask."""
    matrix = similarity(centre, scale=scale)
    matrix[:, 2] += shift
    return matrix


def _origin_map(deformation: Deformation, view: Matrix, size: Size) -> NDArray[np.float32]:
    """Return the map from a crop of the deformed mask to the mask."""
    placed = _placement(deformation.centre, deformation.scale, deformation.shift)
    back = invert_affine(placed)
    if not deformation.source:
        whole = compose_affine(back, view)
        if np.array_equal(whole, np.eye(2, 3)):
            return identity_map(size)
        return smooth_map(lambda points: transform_points(whole, points), size)
    unbend = fit_thin_plate(
        np.array(deformation.target, np.float32), np.array(deformation.source, np.float32)
    )
    return smooth_map(
        lambda points: transform_points(back, unbend(transform_points(view, points))), size
    )


def _control_points(mask: Mask, count: int, *, rng: np.random.Generator) -> Points:
    """Return up to ``count`` of the pixels just outside the object, ``(N, 2)``."""
    shades = mask.view(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    rows, columns = np.nonzero(cv2.dilate(shades, cross) != shades)
    chosen = rng.choice(len(rows), size=min(count, len(rows)), replace=False)
    return np.column_stack([columns[chosen], rows[chosen]]).astype(np.float32)


def _box(mask: Mask) -> Box | None:
    """Return the smallest box around the object, or None if there is none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    return Box(x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


@lru_cache(maxsize=64)
def _disk(radius: float) -> NDArray[np.uint8]:
    reach = int(radius)
    squares = np.arange(-reach, reach + 1) ** 2
    return np.asarray(squares[:, None] + squares[None] <= radius * radius, dtype=np.uint8)


def _dilate(mask: Mask, radius: float) -> Mask:
    """Return the mask grown by a true disk, x² + y² ≤ radius²."""
    if radius < 1:
        return mask
    return np.asarray(cv2.dilate(mask.view(np.uint8), _disk(radius)), dtype=bool)
