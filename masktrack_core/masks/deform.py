"""The paper's imperfect previous mask: the annotation moved, bent and coarsened (§3.1, §4).

A network that refines such masks at training refines its own previous mask at test.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Literal, TypeAlias

import cv2
import numpy as np

from masktrack_core.arrays import CoordinateMap, Mask, Points, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import bounding_box, box_mask, dilate, padded_window
from masktrack_core.masks.warp import (
    NODE_STEP,
    Matrix,
    affine_map,
    between_nodes,
    fit_thin_plate,
    invert_affine,
    map_nodes,
    similarity,
    transform_points,
    warp_mask,
)
from masktrack_core.ranges import COUNT_FROM_0, FRACTION, NOT_NEGATIVE, check_fields

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
    smoothing: float = 1.0
    """How far the spline may miss the shifted points to bend less: 1 is MATLAB's ``tpaps`` of
    the authors' script, 0 hits them, and then bends wildly where points lie close together."""
    dilation_radius: float = 5.0
    """Radius of the coarsening disk, pixels of the frame; 0 for no coarsening."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning with ``InputError``; 0 switches each amount off."""
        check_fields(
            "deformation",
            self,
            scale=FRACTION,
            shift=FRACTION,
            control_points=COUNT_FROM_0,
            margin=FRACTION,
            smoothing=NOT_NEGATIVE,
            dilation_radius=NOT_NEGATIVE,
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
    """Where the thin-plate spline is told to move them."""
    smoothing: float
    dilation_radius: float


NO_DEFORMATION = Deformation(
    centre=(0.0, 0.0),
    scale=1.0,
    shift=(0.0, 0.0),
    source=(),
    target=(),
    smoothing=0.0,
    dilation_radius=0.0,
)
"""The deformation that changes nothing."""


def sample_deformation(
    mask: Mask, params: DeformationParams, *, rng: np.random.Generator
) -> Deformation:
    """Return a random deformation of this mask; that of an empty mask does nothing.

    Order: scale and shift, then the spline, then dilation. Control points are drawn without
    replacement from the pixels just outside the object, as in the authors' script.
    """
    box = bounding_box(mask)
    if box is None:
        return NO_DEFORMATION
    extent = np.array([box.width, box.height], dtype=np.float64)
    centre = (box.x + (box.width - 1) / 2, box.y + (box.height - 1) / 2)
    scale = 1.0 + rng.uniform(-params.scale, params.scale)
    shift = extent * rng.uniform(-params.shift, params.shift, size=2)
    # Paper: the text does not order its two changes and the released script has no affine one;
    # we scale and shift first, since the spline is about the object's boundary.
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
        smoothing=params.smoothing,
        dilation_radius=params.dilation_radius,
    )


def apply_deformation(mask: Mask, deformation: Deformation) -> Mask:
    """Return the deformed mask: the input of the network for a frame whose truth is ``mask``.

    An empty mask stays empty. A mask that would vanish (thin, at the border) is only dilated.
    """
    bent = _bent(mask, deformation) if deformation.source else _moved(mask, deformation)
    return dilate(bent if bent.any() else mask, deformation.dilation_radius)


def as_prior(mask: Mask, kind: PriorKind) -> Mask:
    """Return what the network is shown of a previous mask: the mask, its box, or nothing.

    The box is that of all blobs together; an empty mask has an empty one.
    """
    if kind == "mask":
        return mask
    if kind not in ("box", "none"):
        raise InputError(f"prior: expected 'mask', 'box' or 'none', got {kind!r}")
    box = bounding_box(mask) if kind == "box" else None
    return np.zeros_like(mask) if box is None else box_mask(box, Size(*mask.shape))


def _placement(centre: tuple[float, float], scale: float, shift: tuple[float, float]) -> Matrix:
    """Return the affine step of a deformation, from the mask to the deformed mask."""
    matrix = similarity(centre, scale=scale)
    matrix[:, 2] += shift
    return matrix


def _moved(mask: Mask, deformation: Deformation) -> Mask:
    """Return the mask after the affine step."""
    back = invert_affine(_placement(deformation.centre, deformation.scale, deformation.shift))
    return warp_mask(mask, affine_map(back, Size(*mask.shape)))


def _bent(mask: Mask, deformation: Deformation) -> Mask:
    """Return the mask after the affine step and the spline, looked at where it can be only."""
    back = invert_affine(_placement(deformation.centre, deformation.scale, deformation.shift))
    unbend = fit_thin_plate(
        np.array(deformation.target, np.float32),
        np.array(deformation.source, np.float32),
        smoothing=deformation.smoothing,
    )
    nodes = map_nodes(lambda points: transform_points(back, unbend(points)), Size(*mask.shape))
    bent = np.zeros_like(mask)
    window = _reach(nodes, mask)
    if window is not None:
        bent[window] = warp_mask(mask, between_nodes(nodes, *window))
    return bent


def _reach(nodes: CoordinateMap, mask: Mask) -> tuple[slice, slice] | None:
    """Return rows and columns outside which no pixel's origin is near the object."""
    box = bounding_box(mask)
    if box is None:
        return None
    corners = nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, :-1], nodes[1:, 1:]
    low, high = reduce(np.minimum, corners), reduce(np.maximum, corners)
    # Pixels between four nodes come from between their origins; 2 px for interpolation.
    end = (box.x + box.width + 1, box.y + box.height + 1)
    touching: Mask = np.all((high >= (box.x - 2, box.y - 2)) & (low <= end), axis=-1)
    if not touching.any():
        return None
    cells = np.flatnonzero(touching.any(axis=1)), np.flatnonzero(touching.any(axis=0))
    rows, columns = (
        slice(max(NODE_STEP * (int(cell[0]) - 1), 0), min(NODE_STEP * (int(cell[-1]) + 1), length))
        for cell, length in zip(cells, mask.shape, strict=True)
    )
    return rows, columns


def _control_points(mask: Mask, count: int, *, rng: np.random.Generator) -> Points:
    """Return up to ``count`` of the pixels just outside the object, ``(N, 2)``."""
    box = bounding_box(mask)
    assert box is not None
    rows, columns = padded_window(box, 1, Size(*mask.shape))
    shades = mask[rows, columns].astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    y, x = np.nonzero(cv2.dilate(shades, cross) != shades)
    chosen = rng.choice(len(y), size=min(count, len(y)), replace=False)
    return np.column_stack([x[chosen] + columns.start, y[chosen] + rows.start]).astype(np.float32)
