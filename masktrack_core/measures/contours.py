"""Polygons of a mask, as the DAVIS toolbox draws them for its measure T.

A contour runs on the cracks between pixels, so its vertices are pixel corners, x and y from 0 to
width and height. Which contour is found first, where it starts and which way it runs all enter
the simplification, hence T; they follow the toolbox (PolyCont by Pont-Tuset, psimpl by de Koning).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Size
from masktrack_core.masks.elementary import bounding_box, padded_window

Polygon = NDArray[np.float64]
"""float64 ``(N, 2)``: x, y of the vertices in pixel corners; the last one repeats the first."""

_Path = list[int]
_RIGHT, _DOWN, _LEFT, _UP = 1, 2, 4, 8
_OPPOSITE = {_RIGHT: _LEFT, _DOWN: _UP, _LEFT: _RIGHT, _UP: _DOWN}


def longest_polygon(mask: Mask, *, tolerance: float = 1.5) -> Polygon | None:
    """Return the simplified contour of most vertices, ``None`` where no contour is left.

    Holes count like outer contours; outer ones run clockwise on the screen, holes the other way.
    ``tolerance`` is in pixels. The toolbox says 3, but simplifies on a grid of half pixels, so
    its 3 are 1.5 pixels. Contours of fewer than 3 different vertices are dropped: the mask of a
    single pixel has none.
    """
    polygons = [_simplified(contour, mask, tolerance) for contour in closed_contours(mask)]
    return max((p for p in polygons if len(p) > 3), key=len, default=None)


def closed_contours(mask: Mask) -> list[NDArray[np.int64]]:
    """Return every closed crack contour, corner by corner: x, y, ``(N, 2)``, ending where it began.

    No contour passes a corner twice: where four contour edges meet it is cut in two.
    """
    box = bounding_box(mask)
    if box is None:
        return []
    window = padded_window(box, 0, Size(*mask.shape))
    cracks = _Cracks(mask[window])
    paths = [np.array(path) for path in reversed(cracks.plain_loops)]
    paths += [np.array(path) for path in _curves_through_junctions(cracks.pieces)]
    corner = np.array([box.x, box.y])
    return [np.stack([p % cracks.stride, p // cracks.stride], axis=1) + corner for p in paths]


class _Cracks:
    """The graph of pixel corners joined by cracks, walked once in the toolbox's order."""

    def __init__(self, mask: Mask) -> None:
        padded = np.pad(mask, 1)
        height, self.stride = padded.shape[0] - 1, padded.shape[1] - 1
        edges = np.zeros((height, self.stride), np.uint8)
        down = padded[1:-1, :-1] ^ padded[1:-1, 1:]
        right = padded[:-1, 1:-1] ^ padded[1:, 1:-1]
        edges[:, :-1] |= right * np.uint8(_RIGHT)
        edges[:, 1:] |= right * np.uint8(_LEFT)
        edges[:-1] |= down * np.uint8(_DOWN)
        edges[1:] |= down * np.uint8(_UP)
        self._edges = edges.tobytes()
        self._step = {_RIGHT: 1, _DOWN: self.stride, _LEFT: -1, _UP: -self.stride}
        self._stop = bytearray((edges == 15).tobytes())
        self._walked = bytearray(edges.size)  # cracks that go down from a corner
        self.pieces = self._walk_pieces(np.flatnonzero(edges == 15).tolist())
        self.plain_loops = self._walk_loops(np.flatnonzero(down).tolist())

    def _walk_pieces(self, junctions: _Path) -> list[_Path]:
        pieces: list[_Path] = []
        seen: set[tuple[int, int]] = set()
        for start in reversed(junctions):
            for direction in (_UP, _LEFT, _DOWN, _RIGHT):
                if (start, start + self._step[direction]) not in seen:
                    path = self._walk(start, direction)
                    seen |= {(path[0], path[1]), (path[-1], path[-2])}
                    pieces.append(path)
        return pieces

    def _walk_loops(self, tops: _Path) -> list[_Path]:
        loops: list[_Path] = []
        for top in tops:
            if not self._walked[top]:
                self._stop[top] = 1
                loops.append(self._walk(top, _DOWN))
        return loops

    def _walk(self, corner: int, direction: int) -> _Path:
        path = [corner]
        while True:
            step = self._step[direction]
            if direction == _DOWN:
                self._walked[corner] = 1
            corner += step
            if direction == _UP:
                self._walked[corner] = 1
            path.append(corner)
            if self._stop[corner]:
                return path
            direction = self._edges[corner] - _OPPOSITE[direction]


def _curves_through_junctions(pieces: Sequence[_Path]) -> list[_Path]:
    """Join pieces between junctions into closed curves: always turn, cut at a corner met again."""
    at: dict[int, _Path] = {}
    for number, piece in enumerate(pieces):
        for junction in {piece[0], piece[-1]}:
            at.setdefault(junction, []).append(number)
    curves: list[_Path] = []
    while at:
        here = max(at)
        trail: list[_Path] = []
        while True:
            piece = _take_piece(at, pieces, here, trail[-1] if trail else None)
            trail.append(piece)
            here = piece[-1]
            starts = [walked[0] for walked in trail]
            if here in starts:
                cut = starts.index(here)
                curves.append([here, *(corner for walked in trail[cut:] for corner in walked[1:])])
                del trail[cut:]
                if not trail:
                    break
    return curves


def _take_piece(
    at: dict[int, _Path], pieces: Sequence[_Path], here: int, last: _Path | None
) -> _Path:
    """Remove and return, leaving ``here``, the first piece that does not go straight on."""
    for number in at[here][:2]:
        piece = pieces[number] if pieces[number][0] == here else pieces[number][::-1]
        if last is None or piece[1] - here != here - last[-2]:
            break
    for junction in {piece[0], piece[-1]}:
        at[junction].remove(number)
        if not at[junction]:
            del at[junction]
    return piece


def _simplified(contour: NDArray[np.int64], mask: Mask, tolerance: float) -> Polygon:
    # The toolbox first drops what lies on straight lines (0.1 of its half pixels).
    points = _douglas_peucker(contour.astype(np.float64), 0.05)
    points = _douglas_peucker(_thinned(points, tolerance), tolerance)
    is_hole = _is_clockwise(contour) != _has_mask_on_the_right(contour, mask)
    return points[::-1] if _is_clockwise(points) == is_hole else points


def _is_clockwise(points: Polygon | NDArray[np.int64]) -> bool:
    x, y = points[:, 0], points[:, 1]
    return bool(np.sum(np.diff(y) * (x[1:] + x[:-1])) > 0)


def _has_mask_on_the_right(contour: NDArray[np.int64], mask: Mask) -> bool:
    (x, y), (dx, dy) = contour[0], contour[1] - contour[0]
    column, row = x + min(dx - dy, 0), y + min(dx + dy, 0)
    inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
    return bool(inside and mask[row, column])


def _thinned(points: Polygon, tolerance: float) -> Polygon:
    """Return the points without those nearer than ``tolerance`` to the last one kept."""
    kept = [0]
    x0, y0 = points[0]
    for index, (x, y) in enumerate(points[1:-1].tolist(), start=1):
        if (x - x0) ** 2 + (y - y0) ** 2 >= tolerance**2:
            kept.append(index)
            x0, y0 = x, y
    return points[[*kept, len(points) - 1]]


def _douglas_peucker(points: Polygon, tolerance: float) -> Polygon:
    """Return the Douglas-Peucker simplification; every open span is split in the same pass.

    Of points equally far from their chord the last one is kept.
    """
    x, y = np.ascontiguousarray(points.T)
    keep = np.zeros(len(points), np.bool_)
    keep[[0, -1]] = True
    inner = np.arange(1, len(points) - 1)
    first, last = np.zeros_like(inner), np.full_like(inner, len(points) - 1)
    while len(inner):
        far = _segment_distance2(x, y, first, last, inner)
        is_begin = np.ones(len(inner), np.bool_)
        np.not_equal(first[1:], first[:-1], out=is_begin[1:])
        begins, span = np.flatnonzero(is_begin), np.cumsum(is_begin) - 1
        farthest = np.maximum.reduceat(far, begins)
        is_farthest = far == farthest[span]
        key = np.zeros(len(begins), np.int64)
        key[span[is_farthest]] = inner[is_farthest]  # the last assignment stays
        is_split = farthest > tolerance**2
        keep[key[is_split]] = True
        key = key[span]
        is_open = is_split[span] & (inner != key)
        first, last = np.where(inner < key, first, key), np.where(inner < key, key, last)
        inner, first, last = inner[is_open], first[is_open], last[is_open]
    return points[keep]


_Numbers = NDArray[np.int64]


def _segment_distance2(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    first: _Numbers,
    last: _Numbers,
    inner: _Numbers,
) -> NDArray[np.float64]:
    """Return the squared distance of each inner point to its segment, with the rounding of psimpl.

    Points are given by their numbers: an inner one lies between the first and the last of its span.
    """
    start_x, start_y = x[first], y[first]
    chord_x, chord_y = x[last] - start_x, y[last] - start_y
    offset_x, offset_y = x[inner] - start_x, y[inner] - start_y
    along = offset_x * chord_x + offset_y * chord_y
    length2 = chord_x * chord_x + chord_y * chord_y
    fraction = along.astype(np.float32) / np.maximum(length2, 1).astype(np.float32)
    fraction = fraction.astype(np.float64)
    fraction[along <= 0] = 0.0
    fraction[(along > 0) & (length2 <= along)] = 1.0
    nearest_x, nearest_y = start_x + fraction * chord_x, start_y + fraction * chord_y
    return np.asarray((x[inner] - nearest_x) ** 2 + (y[inner] - nearest_y) ** 2)
