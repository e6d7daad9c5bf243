"""Coordinate maps, written once: where each output pixel comes from.

Every geometric change of the project (the deformed previous mask, the augmented first frame, the
crop given to the network) is a map from output to input pixels, so that a chain of changes is
evaluated once, on the grid of the result, and pixels are interpolated once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from masktrack_core.arrays import CoordinateMap, Mask, Points, Size
from masktrack_core.errors import InputError

MEAN_COLOUR = (123.0, 117.0, 104.0)
"""RGB shown where a frame has no pixels: the ImageNet mean, as DeepLab pads its crops."""

Matrix: TypeAlias = NDArray[np.float64]
"""float64 ``(2, 3)``: affine change of points, ``x' = matrix[:, :2] @ x + matrix[:, 2]``."""

_Level = TypeVar("_Level", bound=np.generic)

NODE_STEP = 8
"""Pixels between the nodes where a smooth map is evaluated; 0.06 px off at most at 480p."""


def compose_affine(outer: Matrix, inner: Matrix) -> Matrix:
    """Return the affine change that applies ``inner`` first and ``outer`` to its result."""
    linear = outer[:, :2] @ inner[:, :2]
    offset = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    return np.column_stack([linear, offset])


def invert_affine(matrix: Matrix) -> Matrix:
    """Return the inverse affine change; a singular matrix raises ``InputError``."""
    if abs(np.linalg.det(matrix[:, :2])) < 1e-12:
        raise InputError(
            f"matrix: expected an invertible affine change, got {matrix.tolist()}; "
            "give a scale above 0"
        )
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def similarity(
    centre: tuple[float, float], *, scale: float = 1.0, angle_deg: float = 0.0, flip: bool = False
) -> Matrix:
    """Return the affine change that mirrors, scales and turns about a centre that stays in place.

    ``angle_deg`` turns from x towards y (clockwise on the screen); ``flip`` mirrors x first.
    """
    turn = np.deg2rad(angle_deg)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if flip:
        linear = linear @ np.diag([-1.0, 1.0])
    origin = np.asarray(centre, dtype=np.float64)
    return np.column_stack([linear, origin - linear @ origin])


def transform_points(matrix: Matrix, points: ArrayLike) -> NDArray[np.float32]:
    """Return the points ``(..., 2)`` after an affine change; also a map followed by it."""
    array = np.asarray(points, dtype=np.float32)
    linear = matrix[:, :2].astype(np.float32)
    return np.asarray(array @ linear.T + matrix[:, 2].astype(np.float32), dtype=np.float32)


def affine_map(matrix: Matrix, size: Size) -> CoordinateMap:
    """Return the map of an affine change given from **output to input** pixels."""
    _check_size(size)
    x, y = np.arange(size.width), np.arange(size.height)
    coordinates = np.empty((size.height, size.width, 2), np.float32)
    for axis in range(2):
        a, b, c = matrix[axis]
        along = (a * x).astype(np.float32)
        across = (b * y + c).astype(np.float32)
        np.add(across[:, None], along, out=coordinates[..., axis])
    return coordinates


def map_nodes(change: Callable[[Points], Points], size: Size) -> CoordinateMap:
    """Return a smooth change of points, output to input, at nodes every 8 px.

    Node k lies at pixel ``8 (k - 1) + 3.5``. Linear interpolation between them is 0.06 px off at
    most for the paper's deformations at 480p, and several times faster than every pixel.
    """
    _check_size(size)
    ends = (-(-length // NODE_STEP) + 1 for length in (size.width, size.height))
    along = (NODE_STEP * np.arange(-1, end) + (NODE_STEP - 1) / 2 for end in ends)
    grid = np.stack(np.meshgrid(*along), axis=-1)
    return change(grid.reshape(-1, 2).astype(np.float32)).reshape(grid.shape)


def between_nodes(nodes: CoordinateMap, rows: slice, columns: slice) -> CoordinateMap:
    """Return the map of the pixels in these rows and columns, interpolated between the nodes."""
    y, x = rows.start // NODE_STEP, columns.start // NODE_STEP
    used = nodes[y : (rows.stop - 1) // NODE_STEP + 3, x : (columns.stop - 1) // NODE_STEP + 3]
    # cv2.resize puts node k at the centre of its 8 pixels, which is where it was evaluated.
    dense = cv2.resize(used, None, fx=NODE_STEP, fy=NODE_STEP)
    top, left = rows.start + NODE_STEP * (1 - y), columns.start + NODE_STEP * (1 - x)
    bottom, right = top + rows.stop - rows.start, left + columns.stop - columns.start
    return np.asarray(dense[top:bottom, left:right])


@dataclass(frozen=True, kw_only=True)
class ThinPlate:
    """A thin-plate spline: the smoothest change of points that moves given points as told."""

    nodes: NDArray[np.float32]
    """float32 ``(N, 2)``: the points it was told about, centred and scaled."""
    bends: NDArray[np.float32]
    """float32 ``(N, 2)``: weight of each node's kernel on the displacement, pixels."""
    plane: NDArray[np.float32]
    """float32 ``(3, 2)``: constant, x and y part of the displacement, pixels."""
    centre: NDArray[np.float32]
    """float32 ``(2,)``: centre of the points, pixels."""
    extent: float
    """Length that is 1 in the spline's own units, pixels."""

    def __call__(self, points: Points) -> Points:
        """Return the points ``(N, 2)`` after the change."""
        local = (points - self.centre) / np.float32(self.extent)
        moved = np.asarray(points + self.plane[0] + local @ self.plane[1:], dtype=np.float32)
        x, y = np.ascontiguousarray(local.T)
        for node, bend in zip(self.nodes, self.bends, strict=True):
            moved += _kernel((x - node[0]) ** 2 + (y - node[1]) ** 2)[:, None] * bend
        return moved


def fit_thin_plate(source: Points, target: Points, *, smoothing: float = 0.0) -> ThinPlate:
    """Return the thin-plate spline that moves each point of ``source`` onto that of ``target``.

    Bookstein (PAMI 1989), kernel r² log r². With ``smoothing`` points are only approached, and
    bending is traded for it: 1 is the default of MATLAB's ``tpaps``, whose weight of bending is
    the mean diagonal of the kernel on what no plane explains.

    What the points leave open stays unmoved: one point is a shift, points on a line do not move
    across it; no point at all is the identity. Points of ``source`` that coincide move by the
    mean of what they are told.
    """
    start, end = (np.asarray(points, dtype=np.float64) for points in (source, target))
    if start.shape != end.shape or start.ndim != 2 or start.shape[1] != 2:
        raise InputError(
            f"source, target: expected two arrays (N, 2), got {start.shape} and {end.shape}; "
            "give one target for each source point"
        )
    count = len(start)
    centre = start.mean(axis=0) if count else np.zeros(2)
    extent = float(np.abs(start - centre).max(initial=0.0)) or 1.0
    nodes = (start - centre) / extent
    kernel = _kernel(np.square(nodes[:, None] - nodes[None]).sum(axis=-1))
    plane = np.column_stack([np.ones(count), nodes])
    kernel += smoothing * _mean_bending(kernel, plane) * np.eye(count)
    system = np.block([[kernel, plane], [plane.T, np.zeros((3, 3))]])
    told = np.vstack([end - start, np.zeros((3, 2))])
    # The least-norm solution: what a singular system leaves open becomes 0.
    solved = np.linalg.lstsq(system, told, rcond=1e-10)[0].astype(np.float32)
    return ThinPlate(
        nodes=nodes.astype(np.float32),
        bends=solved[:count],
        plane=solved[count:],
        centre=centre.astype(np.float32),
        extent=extent,
    )


def warp_mask(mask: Mask, coordinates: CoordinateMap) -> Mask:
    """Return the mask seen through a map: linear interpolation, object where it is above 0.5.

    Outside the frame there is no object. Smoother than the nearest pixel where a map enlarges.
    """
    shades = mask * np.uint8(255)
    return np.asarray(_remap(shades, coordinates) > 127)


def _remap(
    picture: NDArray[_Level],
    coordinates: CoordinateMap,
    *,
    interpolation: int = cv2.INTER_LINEAR,
    **border: object,
) -> NDArray[_Level]:
    # x and y are together, so no second map. OpenCV's stubs do not know that None is allowed.
    seen = cv2.remap(picture, coordinates, None, interpolation, **border)  # type: ignore[call-overload]
    return np.asarray(seen, dtype=picture.dtype)


def _kernel(square: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return r² log r² of squared distances; 0 at 0."""
    return np.asarray(square * np.log(np.maximum(square, np.finfo(square.dtype).tiny)))


def _mean_bending(kernel: NDArray[np.floating], plane: NDArray[np.floating]) -> float:
    """Return the mean diagonal of the kernel on the complement of the columns of ``plane``."""
    left, singular, _ = np.linalg.svd(plane)
    rest = left[:, int((singular > 1e-10).sum()) :]
    return float(np.trace(rest.T @ kernel @ rest) / max(rest.shape[1], 1))


def _check_size(size: Size) -> None:
    if min(size) < 1:
        raise InputError(
            f"size: expected height and width of at least 1, got {tuple(size)}; give the frame's"
        )
