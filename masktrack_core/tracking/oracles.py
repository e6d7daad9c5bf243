"""Results without a network: box, GrabCut and copied annotations.

They need the ground truth only and bound what a method can gain; the paper compares with the box
and GrabCut oracles (Table 2) and with the copy of the nearest annotation (Figure 4).
"""

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from masktrack_core.arrays import Box, Frame, Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import bounding_box, box_mask, check_mask
from masktrack_core.ranges import COUNT, FRACTION, NOT_NEGATIVE, check_fields, optional


@dataclass(frozen=True, kw_only=True)
class GrabcutParams:
    """Parameters of the GrabCut oracle.

    # Paper: none are published. The defaults are OpenCV's GrabCut (5 components, RGB) on the whole
    # frame; `grabcuts.local` of config.yaml is the reading that comes nearest to the paper.
    """

    #: Background learnt from: this many longer sides of the box around it. None: the whole frame.
    window: float | None = None
    #: Share of the box below which the cut has failed, and the box is the answer.
    smallest: float = 0.0
    iterations: int = 5

    def __post_init__(self) -> None:
        """Raise ``InputError`` for a number without meaning."""
        check_fields(
            "grabcut",
            self,
            window=optional(NOT_NEGATIVE),
            smallest=FRACTION,
            iterations=COUNT,
        )


def box_oracle(truth: Mask) -> Mask:
    """Return the filled bounding box of the true mask ("Box oracle", Table 2).

    An empty truth gives an empty mask.
    """
    box = bounding_box(truth)
    return np.zeros_like(truth) if box is None else box_mask(box, Size(*truth.shape))


def grabcut_oracle(
    frame: Frame, truth: Mask, params: GrabcutParams | None = None, *, seed: int = 0
) -> Mask:
    """Return GrabCut of the frame, started from the true bounding box ("Grabcut oracle", Table 2).

    Everything outside the box stays background. The same input gives the same mask, and no
    other user of OpenCV's generator is disturbed: the cut runs in a thread of its own, since that
    generator is one per thread and cannot be saved and restored. An empty truth gives an empty
    mask; a box that fills the window leaves GrabCut no background to learn from and is returned
    as it is. With ``smallest`` at 0 the result may be empty, where the box shows only colours of
    the background.
    """
    params = params or GrabcutParams()
    check_mask("truth", truth)
    if frame.dtype != np.uint8 or frame.shape != (*truth.shape, 3):
        raise InputError(
            f"frame: expected uint8 {(*truth.shape, 3)} like truth, got {frame.dtype} {frame.shape}"
        )
    box = bounding_box(truth)
    if box is None:
        return truth.copy()
    filled = box_mask(box, Size(*truth.shape))
    rows, columns = _window(box, Size(*truth.shape), params.window)
    if filled[rows, columns].all():
        return filled
    inside = Box(box.x - columns.start, box.y - rows.start, box.width, box.height)
    found = np.zeros_like(truth)
    found[rows, columns] = _grabcut(frame[rows, columns], inside, params.iterations, seed)
    return found if found.sum() >= params.smallest * filled.sum() else filled


def _window(box: Box, size: Size, window: float | None) -> tuple[slice, slice]:
    """Return rows and columns of the box and what lies around it, within the frame."""
    if window is None:
        return slice(0, size.height), slice(0, size.width)
    around = round(window * max(box.width, box.height))
    return (
        slice(max(box.y - around, 0), min(box.y + box.height + around, size.height)),
        slice(max(box.x - around, 0), min(box.x + box.width + around, size.width)),
    )


def _grabcut(frame: Frame, box: Box, iterations: int, seed: int) -> Mask:
    cells = np.zeros(frame.shape[:2], np.uint8)
    failures: list[cv2.error] = []

    def cut() -> None:
        cv2.setRNGSeed(seed)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        try:
            pixels = np.ascontiguousarray(frame)
            cv2.grabCut(pixels, cells, tuple(box), *models, iterations, cv2.GC_INIT_WITH_RECT)
        except cv2.error as failure:
            failures.append(failure)

    thread = threading.Thread(target=cut, name="grabcut")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return np.isin(cells, (cv2.GC_FGD, cv2.GC_PR_FGD))
