"""Polygons in COCO's JSON, a form that labelling tools import."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask
from masktrack_core.exports.coco import write_annotations
from masktrack_core.exports.followed import Followed
from masktrack_core.measures.contours import closed_contours

#: How far a side may pass from the corners that it leaves out, pixels: few corners for a person to
#: move, and the mask to a pixel.
_TOLERANCE = 0.9

_Corners = NDArray[np.int64]


def write_contours(path: Path, followed: Followed, times: Iterable[int]) -> None:
    """Write the objects' outlines as polygons, otherwise as `write_coco`."""
    write_annotations(path, followed, times, polygons_of)


def polygons_of(mask: Mask, *, tolerance: float = _TOLERANCE) -> list[list[float]]:
    """Return the polygons ``x, y, x, y, …`` of a mask, corners of pixels, an entry a part.

    COCO has no holes: a hole is joined to its outline by a cut of no width, as the union of
    polygons would else fill it. ``tolerance`` 0 gives the mask back to the pixel.
    """
    outer: list[_Corners] = []
    holes: list[_Corners] = []
    for contour in closed_contours(mask):
        corners = _simplified(contour[:-1], tolerance)
        (holes if _is_hole(contour, mask) else outer).append(corners)
    for hole in sorted(holes, key=lambda corners: corners[:, 0].min()):
        around = [place for place, part in enumerate(outer) if _is_inside(hole, part)]
        if around:
            place = min(around, key=lambda one: cv2.contourArea(outer[one].astype(np.float32)))
            outer[place] = _joined(outer[place], hole)
    return [part.ravel().astype(float).tolist() for part in outer]


def _is_hole(contour: _Corners, mask: Mask) -> bool:
    """Return whether a contour has background inside: at the pixel below its first corner."""
    x, y = min(contour.tolist(), key=lambda corner: (corner[1], corner[0]))
    return not mask[y, x]


def _simplified(corners: _Corners, tolerance: float) -> _Corners:
    if not tolerance:
        return corners
    fewer = cv2.approxPolyDP(corners.astype(np.int32)[:, None], tolerance, True)[:, 0]
    return fewer.astype(np.int64) if len(fewer) > 2 else corners


def _is_inside(hole: _Corners, part: _Corners) -> bool:
    middle = hole[:2].mean(axis=0)
    return cv2.pointPolygonTest(part.astype(np.float32)[:, None], middle.tolist(), False) >= 0


def _joined(part: _Corners, hole: _Corners) -> _Corners:
    """Return an outline that goes to a hole at its nearest corner, around it and back."""
    distances = np.square(part[:, None] - hole[None]).sum(axis=2)
    here, there = np.unravel_index(int(distances.argmin()), distances.shape)
    around = np.concatenate([hole[there:], hole[: there + 1]])
    return np.concatenate([part[: here + 1], around, part[here:]])
