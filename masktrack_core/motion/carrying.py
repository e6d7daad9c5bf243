"""Masks carried along the optical flow from one frame into the next."""

from collections.abc import Sequence

import cv2
import numpy as np

from masktrack_core.arrays import Frame, Mask
from masktrack_core.motion.flow import SMALLEST, FlowParams, dense_flow

AGREES = 1.0
"""Pixels by which a flow and the one back may miss each other for both to be believed."""


def moved(masks: Sequence[Mask], frame: Frame, before: Frame) -> list[Mask]:
    """Return masks of the frame before where they are in this one, by dense inverse search.

    Pixels from which the flow to the frame before and back again misses by more than `AGREES` were
    hidden there, and are in no mask. Frames below 16 pixels a side, in which it finds nothing,
    leave masks where they are.
    """
    height, width = frame.shape[:2]
    if min(height, width) < SMALLEST:
        return [*masks]
    params = FlowParams()
    back, forth = dense_flow(frame, before, params), dense_flow(before, frame, params)
    pixels = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    columns, rows = np.meshgrid(*pixels)
    x, y = columns + back[..., 0], rows + back[..., 1]
    misses = back + cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = np.hypot(misses[..., 0], misses[..., 1]) <= AGREES
    return [
        np.asarray((cv2.remap(mask.astype(np.float32), x, y, cv2.INTER_LINEAR) > 0.5) & seen)
        for mask in masks
    ]
