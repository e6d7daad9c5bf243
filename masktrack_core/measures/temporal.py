"""The measure T of DAVIS-2016: how much the shape of the mask jitters from frame to frame.

Perazzi et al., CVPR 2016, section 5.3 and the authors' toolbox: the longest contour of each mask as
a polygon, shape contexts of its points, and the cheapest circular matching of the two polygons.
T is low for a smooth mask. It is meant for sequences without occlusion and fast deformation (27 of
the 50; column ``eval_t`` of the facts), since a true change of shape counts as instability.

No published result masks were at hand to compare single values. The true masks of 10 stable
training sequences give a mean of 0.092; published for all 27: 0.095. Known freedom: the toolbox
resamples in float32 and its Dijkstra breaks exact ties by heap order.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Masks
from masktrack_core.errors import InputError
from masktrack_core.measures.contours import Polygon, longest_polygon

_Array = NDArray[np.float64]
_STEP = 3.0  # longest piece of a polygon, pixels
_ANGLES, _RADII = 12, 5  # bins of a shape context
_RADIUS_EDGES = np.logspace(np.log10(1 / 8), np.log10(2), _RADII)  # of the mean distance
_SCALE = 5.0  # of the mean cost, so that T has the range of J and F
_CELLS = 2**20  # of the matrices of costs that are matched side by side
_COLUMNS, _VALUES = 64, 2048  # of terms of χ² at a time: what a core has at hand


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
    pairs = [
        (t, now, later)
        for t, (now, later) in enumerate(pairwise(contexts))
        if now is not None and later is not None
    ]
    for some in _of_alike_work(pairs):
        costs = [chi_square_costs(now, later) for _, now, later in some]
        values[[t for t, *_ in some]] = _SCALE * np.array(matching_costs(costs))
    return values


_Pair = tuple[int, _Array, _Array]


def _of_alike_work(pairs: Sequence[_Pair]) -> Iterator[list[_Pair]]:
    """Yield as many pairs in a row as have `_CELLS` costs, at least one."""
    some: list[_Pair] = []
    for pair in pairs:
        rows = max(len(now) for _, now, _ in (*some, pair))
        columns = max(len(later) for *_, later in (*some, pair))
        if some and (len(some) + 1) * rows * columns > _CELLS:
            yield some
            some = []
        some.append(pair)
    if some:
        yield some


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
    turn = np.arctan2(dy, dx, out=dy)
    turn += 2 * np.pi
    np.subtract(turn, 2 * np.pi, out=turn, where=turn >= 2 * np.pi)
    turn /= 2 * np.pi / _ANGLES
    distance /= distance.mean()
    shape = len(points), _ANGLES, _RADII + 1  # the last radius is that of points too far away
    place = turn.astype(np.int64) * shape[2]
    place += np.arange(len(points))[:, None] * (_ANGLES * shape[2])
    for edge in _RADIUS_EDGES:
        place += distance >= edge
    every = np.bincount(place.ravel(), minlength=int(np.prod(shape))).reshape(shape)
    counts = every[..., :_RADII].reshape(len(points), -1)
    return np.asarray(counts / (counts.sum(axis=1, keepdims=True) + np.finfo(np.float64).eps))


def chi_square_costs(now: _Array, later: _Array) -> _Array:
    """Return half the χ² distance between all pairs of shape contexts, ``(N, M)``, in [0, 1].

    A bin has few values, so that its terms are computed once a value of ``now``. The product with
    a sparse matrix of ones adds those of a point, bin after bin.
    """
    from scipy.sparse import csr_array

    values, bins, places = _distinct_values(now)
    ends = np.arange(len(now) + 1, dtype=np.int32) * np.int32(places.shape[1])
    ones = csr_array((np.ones(places.size), places.ravel(), ends), shape=(len(now), len(values)))
    costs = np.empty((len(now), len(later)))
    a, transposed = values[:, None], np.ascontiguousarray(later.T)
    for start in range(0, len(later), _COLUMNS):
        some = transposed[:, start : start + _COLUMNS]
        terms = np.empty((len(values), some.shape[1]))
        for place in range(0, len(values), _VALUES):
            part = slice(place, place + _VALUES)
            b, found = some[bins[part]], terms[part]
            np.subtract(a[part], b, out=found)
            found *= found
            b += a[part]
            b += np.finfo(np.float64).eps
            found /= b
        costs[:, start : start + _COLUMNS] = ones @ terms
    costs *= 0.5
    return costs


def _distinct_values(
    contexts: _Array,
) -> tuple[_Array, NDArray[np.intp], NDArray[np.int32]]:
    """Return the values that each bin takes, their bins, and where among them each entry is.

    ``(V,)`` values and bins, bin after bin; places ``(N, 60)``.
    """
    by_bin = np.ascontiguousarray(contexts.T)
    order = np.argsort(by_bin, axis=1)
    ranked = np.take_along_axis(by_bin, order, axis=1)
    is_new = np.diff(ranked, axis=1, prepend=-1) != 0
    places = np.empty(by_bin.shape, np.int32)
    numbers = np.cumsum(is_new, dtype=np.int32).reshape(is_new.shape) - 1
    np.put_along_axis(places, order, numbers, axis=1)
    return ranked[is_new], np.nonzero(is_new)[0], np.ascontiguousarray(places.T)


def matching_costs(costs: Sequence[_Array]) -> list[float]:
    """Return, of each matrix, the mean cost of the matched pairs of the cheapest circular matching.

    The matching is found twice: from the given starts, then from behind its best pair. Points
    matched several times keep their cheapest partner.
    """
    shifts = []
    for each, (rows, columns) in zip(costs, _cheapest_paths(costs), strict=True):
        best = int(np.argmin(each[rows[:-1], columns[:-1]])) if len(rows) > 1 else 0
        shifts.append((int(rows[best]) + 1, int(columns[best]) + 1))
    turned = [
        np.roll(each, (-down, -right), axis=(0, 1))
        for each, (down, right) in zip(costs, shifts, strict=True)
    ]
    found = zip(costs, shifts, _cheapest_paths(turned), strict=True)
    return [_mean_of_matched(each, shift, *path) for each, shift, path in found]


def _mean_of_matched(
    costs: _Array, shift: tuple[int, int], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> float:
    rows, columns = (rows + shift[0]) % costs.shape[0], (columns + shift[1]) % costs.shape[1]
    chosen = _cheapest_of_each(rows, costs[rows, columns])
    rows, columns = rows[chosen], columns[chosen]
    chosen = _cheapest_of_each(columns, costs[rows, columns])
    return float(costs[rows[chosen], columns[chosen]].mean())


def _cheapest_of_each(ids: NDArray[np.int64], cost: _Array) -> NDArray[np.int64]:
    """Return, by rising id, the position of its first cheapest entry."""
    order = np.lexsort((np.arange(len(ids)), cost, ids))
    return np.asarray(order[np.flatnonzero(np.diff(ids[order], prepend=-1))])


_Path = tuple[NDArray[np.int64], NDArray[np.int64]]


def _cheapest_paths(costs: Sequence[_Array]) -> list[_Path]:
    """Return, of each matrix, rows and columns of its cheapest monotone path, from its last corner.

    Dijkstra's shortest path of the toolbox, computed one antidiagonal at a time, of all matrices.
    """
    n, m = (max(each.shape[axis] for each in costs) for axis in (0, 1))
    # Line d stands in lines[d + 1], row i at i + 1: its costs, then its sums; infinite elsewhere.
    lines = np.full((n + m, len(costs), n + 1), np.inf)
    for k, each in enumerate(costs):
        line, _, row = lines.strides
        place = as_strided(lines[1:, k, 1:], each.shape, (line + row, line))
        place[:] = each
    lines[1, :, 1] = 0.0
    least = np.empty((len(costs), n))
    for line in range(1, n + m - 1):
        low, high = max(0, line - m + 1), min(line, n - 1) + 1
        before, previous = lines[line - 1], lines[line]
        best = least[:, low:high]
        np.minimum(previous[:, low:high], previous[:, low + 1 : high + 1], out=best)
        np.minimum(best, before[:, low:high], out=best)
        lines[line + 1, :, low + 1 : high + 1] += best
    return [_walk_back(lines.data, k, each.shape) for k, each in enumerate(costs)]


def _walk_back(lines: memoryview, k: int, shape: tuple[int, ...]) -> _Path:
    """Return the way back through the sums of `_cheapest_paths`, of matrix ``k``.

    Equally cheap steps: the diagonal one, which is what Dijkstra takes where the tie is a pair of
    cost 0, then that from the previous row.
    """
    row, column = shape[0] - 1, shape[1] - 1
    path = [(row, column)]
    while row or column:
        line = row + column
        above, beside = lines[line, k, row], lines[line, k, row + 1]
        is_diagonal = lines[line - 1, k, row] <= min(above, beside)
        row -= is_diagonal or above <= beside
        column -= is_diagonal or above > beside
        path.append((row, column))
    rows, columns = np.array(path).T
    return rows, columns
