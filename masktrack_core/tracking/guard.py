"""A guard against changing objects while following without learning (ours).

A network that has not learnt the object takes up what touches it: the mask grows within a few
frames, and its colours become less those of the annotated object. Where both happen at once, only
what was object in the frame before, carried along the flow, stays. Parts that lie apart and have
colours that the object had nowhere are dropped.
"""

from collections import deque

import cv2
import numpy as np

from masktrack_core.arrays import Frame, Mask, Prob
from masktrack_core.masks.colours import colour_codes, colour_shares, overlap_of
from masktrack_core.masks.elementary import dilate
from masktrack_core.motion.carrying import moved

#: Area from which a mask has grown, in medians of the last frames that were let pass.
GROWN = 1.1
#: Overlap of colours with the annotated object that is lost, against that median.
UNLIKE = 0.03
#: Frames of both medians.
FRAMES = 5
#: px; by which the carried mask is dilated.
SLACK = 2
#: Share of the annotated object that a colour has which it is known by.
KNOWN = 0.001
#: Share of known colours below which a part that lies apart is dropped.
ALIKE = 0.5


class Guard:
    """Holds masks against an annotated one, along one road from it."""

    def __init__(self, frame: Frame, mask: Mask) -> None:
        """Take an annotated frame and its mask, which is not empty."""
        self._colours = colour_shares(frame, mask)
        self._before, self._mask = frame, mask
        self._areas = deque([float(mask.sum())], maxlen=FRAMES)
        self._overlaps = deque([1.0], maxlen=FRAMES)

    def held(self, frame: Frame, prob: Prob, *, threshold: float = 0.5) -> Prob:
        """Return the probabilities of the next frame of the road, 0 where the mask may not stay."""
        mask = np.asarray(prob > threshold)
        return np.where(mask & ~self.kept(frame, mask), np.float32(0), prob)

    def kept(self, frame: Frame, mask: Mask) -> Mask:
        """Return what may stay of the mask found in the next frame of the road; it may be empty."""
        before, self._before = self._before, frame
        if not mask.any():
            return mask
        held = self._is_another(frame, mask)
        if held:
            (carried,) = moved([self._mask], frame, before)
            mask = mask & dilate(carried, SLACK)
        mask = self._without_strangers(frame, mask)
        if not held:  # what was held back says nothing of how the object looks now
            self._areas.append(float(mask.sum()))
            self._overlaps.append(overlap_of(colour_shares(frame, mask), self._colours))
        self._mask = mask if mask.any() else self._mask
        return mask

    def _is_another(self, frame: Frame, mask: Mask) -> bool:
        """Return whether a mask has grown and is less like the object."""
        if mask.sum() <= GROWN * np.median(self._areas):
            return False
        overlap = overlap_of(colour_shares(frame, mask), self._colours)
        return bool(overlap < np.median(self._overlaps) - UNLIKE)

    def _without_strangers(self, frame: Frame, mask: Mask) -> Mask:
        """Return the parts of a mask in colours of the object, and in any case the best one."""
        count, parts = cv2.connectedComponents(mask.astype(np.uint8))
        if count <= 2:
            return mask
        known = (self._colours > KNOWN)[colour_codes(frame[mask])]
        areas = np.bincount(parts[mask], minlength=count)
        alike = np.bincount(parts[mask][known], minlength=count)
        stays = alike >= ALIKE * np.maximum(areas, 1)
        stays[alike[1:].argmax() + 1] = True
        stays[0] = False
        return np.asarray(stays[parts])
