"""What somebody else's tracker answered, checked before it counts."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Mask, Size
from masktrack_core.errors import InputError


def checked_mask(labels: NDArray[Any], size: Size, where: str) -> Mask:
    """Return one mask of an answer; raise `InputError` naming ``where`` for a wrong size or value.

    Of values False and True, 0 and 255, or 0 and 1.
    """
    if labels.shape != tuple(size):
        raise InputError(
            f"{where}: expected the size of the frames, {tuple(size)} (height, width), got "
            f"{labels.shape}; write masks at the size of the frames"
        )
    values = set(np.unique(labels).tolist())
    if not (values <= {0, 1} or values <= {0, 255}):
        raise InputError(
            f"{where}: expected a mask of one object, of values 0 and 255 or 0 and 1, got "
            f"{sorted(values)[:5]}; each object has masks of its own"
        )
    return np.asarray(labels > 0)


def refuse_empty(masks: Mapping[int, Mask], annotated: Collection[int], where: str) -> None:
    """Raise `InputError` where the masks of all frames but the annotated ones are empty."""
    followed = [t for t in masks if t not in annotated]
    if followed and not any(masks[t].any() for t in followed):
        raise InputError(
            f"{where}: expected the object in some of {len(followed)} frames, got empty masks in "
            "all; correct the tracker, or say `empty: allowed` where objects truly leave"
        )
