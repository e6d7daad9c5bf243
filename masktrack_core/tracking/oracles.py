"""Results without a network: box, GrabCut and copied annotations.

They need the ground truth only and bound what a method can gain; the paper compares with the box
and GrabCut oracles (Table 2) and with the copy of the nearest annotation (Figure 4).
"""

import threading

import cv2
import numpy as np

from masktrack_core.arrays import Box, Frame, Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import bounding_box, box_mask, check_mask


def box_oracle(truth: Mask) -> Mask:
    """Return the filled bounding box of the true mask ("Box oracle", Table 2).

    An empty truth gives an empty mask.
    """
    box = bounding_box(truth)
    return np.zeros_like(truth) if box is None else box_mask(box, Size(*truth.shape))


def grabcut_oracle(frame: Frame, truth: Mask, *, iterations: int = 5, seed: int = 0) -> Mask:
    """Return GrabCut of the frame, started from the true bounding box ("Grabcut oracle", Table 2).

    Everything outside the box stays background. The same input gives the same mask, and no
    other user of OpenCV's generator is disturbed: the cut runs in a thread of its own, since that
    generator is one per thread and cannot be saved and restored. An empty truth gives an empty
    mask; a box that fills the picture leaves GrabCut no background to learn from and is returned
    as it is. The result may be empty where the box shows only colours of the background.
    """
    check_mask("truth", truth)
    if frame.dtype != np.uint8 or frame.shape != (*truth.shape, 3):
        raise InputError(
            f"frame: expected uint8 {(*truth.shape, 3)} like truth, got {frame.dtype} {frame.shape}"
        )
    if iterations < 1:
        raise InputError(f"iterations: expected 1 or more, got {iterations}")
    box = bounding_box(truth)
    if box is None or box.width * box.height == truth.size:
        return truth.copy() if box is None else np.ones_like(truth)
    # Paper: neither the iterations nor the colour space of the GrabCut oracle are published; we
    # take OpenCV's GrabCut (5 components, RGB) and its usual 5 iterations.
    return _grabcut(frame, box, iterations, seed)


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
