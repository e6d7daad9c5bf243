"""The colours in a mask: how alike two masks are, and which pixels are like one."""

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Frame, Mask

#: Colours are counted at every fourth pixel, in eight steps a channel.
_EVERY, _SHIFT = 4, 5


def colour_codes(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the colours of pixels ``(…, 3)``, RGB, in eight steps a channel, 0 … 511."""
    codes: NDArray[np.int64] = (pixels >> _SHIFT) @ np.array([64, 8, 1])
    return codes


def colour_shares(frame: Frame, mask: Mask) -> NDArray[np.float64]:
    """Return the shares of 512 colours in a mask, at every fourth pixel; 0 where it has none."""
    codes = colour_codes(frame[::_EVERY, ::_EVERY])[mask[::_EVERY, ::_EVERY]]
    return np.bincount(codes, minlength=512) / max(len(codes), 1)


def overlap_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return how much two shares of colours have in common, 0 … 1."""
    return float(np.minimum(one, other).sum())
