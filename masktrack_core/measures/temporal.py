"""The measure T of DAVIS-2016: how much the shape of the mask jitters from frame to frame.

Perazzi et al., CVPR 2016, section 5.3 and the authors' toolbox: the longest contour of each mask as
a polygon, shape contexts of its points, and the cheapest circular matching of the two polygons.
T is low for a smooth mask. It is meant for sequences without occlusion and fast deformation (27 of
the 50; column ``eval_t`` of the facts), since a true change of shape counts as instability.

No published result masks were at hand to compare single values. The true masks of 10 stable
training sequences give a mean of 0.092; published for all 27: 0.095. Known freedom: the toolbox
resamples in float32 and its Dijkstra breaks exact ties by heap order.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Masks
from masktrack_core.errors import InputError
from masktrack_core.measures.contours import Polygon, longest_polygon

_Array = NDArray[np.float64]
_STEP = 3.0  # longest piece of a polygon, pixels
_ANGLES, _RADII = 12, 5  # bins of a shape context
_RADIUS_EDGES = np.logspace(np.log10(1 / 8), np.log10(2), _RADII)  # of the mean distance
_SCALE = 5.0  # of the mean cost, so that T has the range of J and F


def temporal_instability(pred: Masks) -> NDArray[np.float64]:
    """Return T between each mask and the next one, shape ``(T - 1,)``; 0 for the same shape.

    NaN where one of the two masks is empty or too small for a polygon. The published numbers
    (MATLAB toolbox) compare the true first mask with the second result, then the results up to
    the last but one: pass ``[truth[0], *pred[1:-1]]``.
    """
    if not isinstance(pred, np.ndarray) or pred.dtype != np.bool_ or pred.ndim != 3:
        raise InputError("pred: expected a bool array (T, H, W) of the masks of one sequence")
    contexts = [_contexts_of(longest_polygon(mask)) for mask in pred]
    values = np.full(max(len(pred) - 1, 0), np.nan)
    for t, (now, later) in enumerate(pairwise(contexts)):
        if now is not None and later is not None:
            values[t] = _SCALE * matching_cost(chi_square_costs(now, later))
    return values


def instability_of_steps(
    first: Mask | None, masks: Masks, places: Sequence[int], *, start: int
) -> NDArray[np.float64]:
    """Return T of the step to each scored frame, shape ``(T,)``, as the published numbers have it.

    ``masks`` are the results at the frames ``places``; the step to the first of them is from the
    true ``first`` mask at frame ``start``. NaN where the frame before is not the one before.
    """
    steps = temporal_instability(
        np.concatenate([masks[:1] if first is None else first[None], masks])
    )
    gaps = np.diff([start, *places]) != 1  # also where the first frame is scored itself
    steps[gaps] = np.nan
    return steps


def temporal_mean(per_pair: NDArray[np.float64]) -> float:
    """Return the mean T of a sequence, over the pairs where it is defined.

    This is the one mean that leaves NaN out, as the protocol says. NaN itself where no pair is
    defined (the object was lost throughout).
    """
    defined = per_pair[~np.isnan(per_pair)]
    return float(defined.mean()) if len(defined) else float("nan")


def _contexts_of(polygon: Polygon | None) -> _Array | None:
    return None if polygon is None else shape_contexts(resampled(polygon, step=_STEP))


def resampled(polygon: Polygon, *, step: float) -> Polygon:
    """Return the polygon with sides longer than ``step`` cut into equal parts of at most that."""
    sides = np.diff(polygon, axis=0)
    parts = np.maximum(np.ceil(np.hypot(sides[:, 0], sides[:, 1]) / step), 1).astype(np.int64)
    side = np.repeat(np.arange(len(parts)), parts)
    part = np.arange(len(side)) - np.repeat(np.cumsum(parts) - parts, parts)
    points = polygon[side] + sides[side] * (part / parts[side])[:, None]
    return np.concatenate([points, polygon[-1:]])


def shape_contexts(points: Polygon) -> _Array:
    """Return the shape context of each point, ``(N, 60)``: a histogram of where the others lie.

    12 angles by 5 radii, logarithmic from 1/8 to 2 of the mean distance; each sums to 1. The
    point itself counts, in the innermost bin of angle 0, and so does the repeated first point.
    """
    dx, dy = (axis[None, :] - axis[:, None] for axis in points.T)
    distance = np.sqrt(dx * dx + dy * dy)
    turn = np.fmod(np.fmod(np.arctan2(dy, dx), 2 * np.pi) + 2 * np.pi, 2 * np.pi)
    angle = np.floor(turn / (2 * np.pi / _ANGLES)).astype(np.int64)
    radius = np.searchsorted(_RADIUS_EDGES, distance / distance.mean(), side="right")
    bins = _ANGLES * _RADII
    place = np.arange(len(points))[:, None] * bins + angle * _RADII + radius
    counts = np.bincount(place[radius < _RADII], minlength=len(points) * bins)
    counts = counts.reshape(len(points), bins)
    return np.asarray(counts / (counts.sum(axis=1, keepdims=True) + np.finfo(np.float64).eps))


def chi_square_costs(now: _Array, later: _Array) -> _Array:
    """Return half the χ² distance between all pairs of shape contexts, ``(N, M)``, in [0, 1]."""
    costs = np.zeros((len(now), len(later)))
    difference, total = np.empty_like(costs), np.empty_like(costs)
    for a, b in zip(np.ascontiguousarray(now.T), np.ascontiguousarray(later.T), strict=True):
        if a.any() or b.any():
            np.subtract.outer(a, b, out=difference)
            np.add.outer(a, b, out=total)
            total += np.finfo(np.float64).eps
            difference *= difference
            difference /= total
            costs += difference
    costs *= 0.5
    return costs


def matching_cost(costs: _Array) -> float:
    """Return the mean cost of the matched pairs of the cheapest circular matching.

    The matching is found twice: from the given starts, then from behind its best pair. Points
    matched several times keep their cheapest partner.
    """
    n, m = costs.shape
    rows, columns = _cheapest_path(costs)
    best = int(np.argmin(costs[rows[:-1], columns[:-1]])) if len(rows) > 1 else 0
    shift = int(rows[best]) + 1, int(columns[best]) + 1
    rows, columns = _cheapest_path(np.roll(costs, (-shift[0], -shift[1]), axis=(0, 1)))
    rows, columns = (rows + shift[0]) % n, (columns + shift[1]) % m
    chosen = _cheapest_of_each(rows, costs[rows, columns])
    rows, columns = rows[chosen], columns[chosen]
    chosen = _cheapest_of_each(columns, costs[rows, columns])
    return float(costs[rows[chosen], columns[chosen]].mean())


def _cheapest_of_each(ids: NDArray[np.int64], cost: _Array) -> NDArray[np.int64]:
    """Return, by rising id, the position of its first cheapest entry."""
    order = np.lexsort((np.arange(len(ids)), cost, ids))
    return np.asarray(order[np.flatnonzero(np.diff(ids[order], prepend=-1))])


def _cheapest_path(costs: _Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the cheapest monotone path, from the last corner to the first.

    Dijkstra's shortest path of the toolbox, computed one antidiagonal at a time. Equally cheap
    steps: the diagonal one, which is what Dijkstra takes where the tie is a pair of cost 0.
    """
    n, m = costs.shape
    flat = costs.ravel()
    came_from = np.zeros(n * m, np.uint8)  # 0 diagonal, 1 previous row, 2 previous column
    before, previous = np.full(n + 1, np.inf), np.full(n + 1, np.inf)  # entry i + 1 is row i
    previous[1] = 0.0
    for line in range(1, n + m - 1):
        low, high = max(0, line - m + 1), min(line, n - 1) + 1
        here = slice(line + low * (m - 1), line + (high - 1) * (m - 1) + 1, max(m - 1, 1))
        diagonal, above, beside = before[low:high], previous[low:high], previous[low + 1 : high + 1]
        best = np.minimum(np.minimum(above, beside), diagonal)
        came_from[here] = np.where(best == diagonal, 0, np.where(best == above, 1, 2))
        current = np.full(n + 1, np.inf)
        current[low + 1 : high + 1] = best + flat[here]
        before, previous = previous, current
    return _walk_back(came_from.reshape(n, m))


def _walk_back(came_from: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    row, column = came_from.shape[0] - 1, came_from.shape[1] - 1
    steps = came_from.tolist()
    path = [(row, column)]
    while row or column:
        step = steps[row][column]
        row, column = row - (step != 2), column - (step != 1)
        path.append((row, column))
    rows, columns = np.array(path).T
    return rows, columns
