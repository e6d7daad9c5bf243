"""The measures of DAVIS-2016: region similarity J, contour accuracy F and their summaries.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation",
CVPR 2016, as computed by the authors' toolbox. Temporal instability T is in
:mod:`masktrack_core.measures.temporal` and is offered here too. All measures are float64.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Masks, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import boundary, bounding_box, canonical, disk, padded_window
from masktrack_core.measures.temporal import temporal_instability, temporal_mean

__all__ = [
    "Measure",
    "Summary",
    "contour_accuracy",
    "contour_tolerance",
    "region_similarity",
    "summarize",
    "temporal_instability",
    "temporal_mean",
]

Measure = NDArray[np.float64]
"""float64 ``(T,)``: one value per frame."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Statistics of one measure over the scored frames of one sequence."""

    mean: float
    """Mean over the frames."""
    recall: float
    """Fraction of the frames with a value strictly above 0.5."""
    decay: float
    """Mean of the first quarter less mean of the last quarter: what is lost over time."""


def region_similarity(pred: Masks, truth: Masks) -> Measure:
    """Return the Jaccard index J of each frame, shape ``(T,)``.

    J = |pred ∩ truth| / |pred ∪ truth| (Perazzi et al., CVPR 2016); 1 where both are empty.
    """
    pred, truth = _checked_pair(pred, truth)
    return np.array([_jaccard(p, t) for p, t in zip(pred, truth, strict=True)], np.float64)


def contour_accuracy(pred: Masks, truth: Masks, *, bound: float = 0.008) -> Measure:
    """Return the boundary measure F of each frame, shape ``(T,)``.

    F = 2PR / (P + R), where P is the share of the predicted boundary within ``tolerance`` of the
    true one and R the reverse. ``bound`` is a fraction of the diagonal (0.008: 8 px at 854 × 480,
    the value of the toolbox), or pixels from 1 upwards. Both boundaries empty give 1, one of them
    empty gives 0. The dilation is by a true disk, cut at the picture.
    """
    pred, truth = _checked_pair(pred, truth)
    return accuracy_of_contours(pred, contours(truth, bound=bound), bound=bound)


@dataclass(frozen=True, kw_only=True)
class Contour:
    """The boundary of a mask, and what is within the tolerance of it."""

    #: The part of the picture that holds both; None where the mask is empty.
    window: tuple[slice, slice] | None
    edge: Mask
    near: Mask
    #: Pixels of ``edge``.
    length: int


def contours(masks: Masks, *, bound: float = 0.008) -> list[Contour]:
    """Return the contour of each mask: of a truth once, whatever is measured against it."""
    if not 0 <= bound < math.inf:
        raise InputError(f"bound: expected a fraction of the diagonal or pixels, got {bound}")
    tolerance = contour_tolerance(Size(*masks.shape[1:]), bound=bound)
    return [_contour(mask, tolerance) for mask in masks]


def accuracy_of_contours(pred: Masks, truth: Sequence[Contour], *, bound: float = 0.008) -> Measure:
    """Return F of each frame, as `contour_accuracy`, from the contours of the truth."""
    pairs = zip(contours(pred, bound=bound), truth, strict=True)
    return np.array([_boundary_f(*pair) for pair in pairs], np.float64)


def contour_tolerance(size: Size, *, bound: float = 0.008) -> float:
    """Return the radius in pixels within which two boundaries match: ``ceil(bound · diagonal)``.

    A ``bound`` of 1 or more is the radius itself.
    """
    return bound if bound >= 1 else math.ceil(bound * math.sqrt(size.height**2 + size.width**2))


def summarize(per_frame: Measure) -> Summary:
    """Return mean, recall and decay of J or F over the scored frames of one sequence.

    Pass the scored frames only (`masktrack_core.datasets.protocol`). Decay compares the first and
    last of four bins whose edges are ``linspace(1, n, 5)`` rounded half away from zero; bins hold
    both of their edges, so neighbours share a frame, as in the toolbox. Edges are integers of any
    size: the published Python tools wrap beyond 255 frames. Raises :class:`InputError` on NaN or
    none.
    """
    values = _check_values(per_frame)
    count = len(values)
    edges = [(6 + (count - 1) * quarter) // 4 - 1 for quarter in range(5)]
    first, last = values[edges[0] : edges[1] + 1], values[edges[3] : edges[4] + 1]
    return Summary(
        mean=float(values.mean()),
        recall=float(np.mean(values > 0.5)),
        decay=float(first.mean() - last.mean()),
    )


def _jaccard(pred: Mask, truth: Mask) -> float:
    area_pred, area_truth = _count(pred), _count(truth)
    both = _count(pred & truth) if area_pred and area_truth else 0
    union = area_pred + area_truth - both
    return both / union if union else 1.0


def _contour(mask: Mask, tolerance: float) -> Contour:
    box = bounding_box(mask)
    if box is None:
        return Contour(window=None, edge=mask[:0], near=mask[:0], length=0)
    # A boundary pixel may be one left of the mask or above it; outside there is nothing to match.
    window = padded_window(box, math.floor(tolerance) + 1, Size(*mask.shape))
    edge = boundary(mask[window])
    near = cv2.dilate(edge.view(np.uint8), disk(tolerance)).view(np.bool_)
    return Contour(window=window, edge=edge, near=near, length=_count(edge))


def _boundary_f(pred: Contour, truth: Contour) -> float:
    if not pred.length or not truth.length:
        return 1.0 if pred.length == truth.length else 0.0
    precision = _matched(pred, truth) / pred.length
    recall = _matched(truth, pred) / truth.length
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def _matched(one: Contour, other: Contour) -> int:
    """Return how many boundary pixels of one have one of the other within the tolerance."""
    assert one.window is not None and other.window is not None
    mine, theirs = [], []
    for a, b in zip(one.window, other.window, strict=True):
        start, stop = max(a.start, b.start), max(min(a.stop, b.stop), a.start, b.start)
        mine.append(slice(start - a.start, stop - a.start))
        theirs.append(slice(start - b.start, stop - b.start))
    return _count(one.edge[tuple(mine)] & other.near[tuple(theirs)])


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _checked_pair(pred: Masks, truth: Masks) -> tuple[Masks, Masks]:
    for name, masks in (("pred", pred), ("truth", truth)):
        if not isinstance(masks, np.ndarray) or masks.dtype != np.bool_ or masks.ndim != 3:
            got = f"{masks.dtype} {masks.shape}" if isinstance(masks, np.ndarray) else type(masks)
            raise InputError(f"{name}: expected a bool array (T, H, W), got {got}")
    if pred.shape != truth.shape:
        raise InputError(
            f"pred: expected shape {truth.shape} like truth, got {pred.shape}; "
            "give one mask per frame at the size of the annotation"
        )
    return canonical(pred), canonical(truth)


def _check_values(per_frame: Measure) -> Measure:
    values = np.asarray(per_frame, np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError(f"per_frame: expected one value per frame (T,), got {values.shape}")
    undefined = np.flatnonzero(~np.isfinite(values))
    if len(undefined):
        raise InputError(
            f"per_frame: expected finite values, got {values[undefined[0]]} at scored frame "
            f"{undefined[0]} ({len(undefined)} in all); a mean over missing frames is no score"
        )
    return values
