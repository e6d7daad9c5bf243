"""The words for arrays: a signature written with them is its own shape documentation.

Coordinates are x to the right and y down, in pixels, pixel centres at integers.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Frame: TypeAlias = NDArray[np.uint8]
"""uint8 ``(H, W, 3)``: one picture, RGB, always RGB."""

Frames: TypeAlias = NDArray[np.uint8]
"""uint8 ``(T, H, W, 3)``, RGB."""

Mask: TypeAlias = NDArray[np.bool_]
"""bool ``(H, W)``: one object."""

Masks: TypeAlias = NDArray[np.bool_]
"""bool ``(T, H, W)``: one object over time."""

Labels: TypeAlias = NDArray[np.uint8]
"""uint8 ``(H, W)``: object ids, 0 background, 255 void."""

Prob: TypeAlias = NDArray[np.float32]
"""float32 ``(H, W)``: foreground probability in [0, 1]."""

Flow: TypeAlias = NDArray[np.float32]
"""float32 ``(H, W, 2)``: dx, dy in pixels, from this frame to the next."""

Points: TypeAlias = NDArray[np.float32]
"""float32 ``(N, 2)``: x, y in pixels."""

CoordinateMap: TypeAlias = NDArray[np.float32]
"""float32 ``(H, W, 2)``: for each output pixel, the x, y of the input pixel shown there."""


class Size(NamedTuple):
    """Height and width of a picture, in pixels, in the order of an array's shape."""

    height: int
    width: int


class Box(NamedTuple):
    """Axis-parallel box in pixels: columns ``x … x + width - 1``, rows ``y … y + height - 1``."""

    x: int
    y: int
    width: int
    height: int
