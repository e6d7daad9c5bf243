"""Elementary operations on masks: disks, dilation, boxes, boundaries, objects.

Pure functions on arrays; masks are bool ``(H, W)``. Work is done only inside the bounding box of
the object where the result allows it, which is most of the speed.
"""

import math
from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Box, Labels, Mask, Prob, Size
from masktrack_core.errors import InputError

VOID = 255
"""Label of pixels that belong to no object and are not scored (PASCAL VOC's convention)."""

_SQUARE = np.ones((2, 2), np.uint8)


def check_mask(name: str, mask: Mask) -> None:
    """Raise :class:`InputError` unless ``mask`` is bool ``(H, W)`` with at least one pixel."""
    if (
        not isinstance(mask, np.ndarray)
        or mask.dtype != np.bool_
        or mask.ndim != 2
        or not mask.size
    ):
        raise InputError(
            f"{name}: expected a bool array (H, W), got {_describe(mask)}; "
            "compare labels with an object id or threshold a probability first"
        )


def canonical(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a bool array, of any shape, whose bytes are 0 and 1; mostly the array itself.

    Numpy takes any byte but 0 for True, and ``np.array`` of a 1-bit Pillow picture has 255 there;
    OpenCV and torch see the byte.
    """
    if not mask.size:
        return mask
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    return mask if pixels.max() <= 1 else pixels > 0


def disk(radius: float) -> NDArray[np.uint8]:
    """Return the true Euclidean disk x² + y² <= radius², a 0/1 kernel of side 2 floor(radius) + 1.

    The evaluator's disk, not OpenCV's ``MORPH_ELLIPSE``, from which 16 cells differ at radius 8
    (F moves by up to 0.059). Read-only, since it is shared between calls. Radius 0 is one pixel;
    a negative or infinite radius raises :class:`InputError`.
    """
    if not 0 <= radius < math.inf:
        raise InputError(f"radius: expected pixels, finite and >= 0, got {radius}")
    return _disk(float(radius))


@lru_cache(maxsize=64)
def _disk(radius: float) -> NDArray[np.uint8]:
    half = math.floor(radius)
    offset = np.arange(-half, half + 1)
    kernel = (offset[:, None] ** 2 + offset**2 <= radius**2).astype(np.uint8)
    kernel.setflags(write=False)
    return kernel


def dilate(mask: Mask, radius: float) -> Mask:
    """Return the mask grown by a true disk of ``radius`` pixels (paper, section 4: 5 px at test).

    A pixel is set when the mask has a pixel at Euclidean distance <= radius inside the picture.
    Radius 0 returns a copy; an empty mask stays empty.
    """
    check_mask("mask", mask)
    mask = canonical(mask)
    kernel = disk(radius)
    box = bounding_box(mask)
    if box is None or len(kernel) == 1:
        return mask.copy()
    window = padded_window(box, len(kernel) // 2, Size(*mask.shape))
    grown = np.zeros(mask.shape, np.bool_)
    grown[window] = cv2.dilate(mask[window].view(np.uint8), kernel).view(np.bool_)
    return grown


def bounding_box(mask: Mask) -> Box | None:
    """Return the smallest box that holds the mask, ``None`` where the mask is empty."""
    check_mask("mask", mask)
    box = Box(*cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8)))
    return box if box.width else None


def box_mask(box: Box, size: Size) -> Mask:
    """Return the filled box as a mask of ``size``; what lies outside the picture is cut off."""
    if box.width < 0 or box.height < 0:
        raise InputError(f"box: expected width and height >= 0, got {box}")
    mask = np.zeros((size[0], size[1]), np.bool_)
    top, left = max(box.y, 0), max(box.x, 0)
    mask[top : max(box.y + box.height, 0), left : max(box.x + box.width, 0)] = True
    return mask


def padded_window(box: Box, margin: int, size: Size) -> tuple[slice, slice]:
    """Return rows and columns of ``box`` with ``margin`` pixels around it, cut to the picture."""
    top, left = max(box.y - margin, 0), max(box.x - margin, 0)
    bottom = min(box.y + box.height + margin, size.height)
    right = min(box.x + box.width + margin, size.width)
    return slice(top, bottom), slice(left, right)


def is_off_by_rounding(mask: Mask, size: Size) -> bool:
    """Return whether a mask is of another size, but by a pixel a side at most (853 for 854)."""
    gap: int = max(abs(mask.shape[0] - size.height), abs(mask.shape[1] - size.width))
    return gap == 1


def resized_mask(mask: Mask, size: Size) -> Mask:
    """Return the mask at another size, each pixel that of the nearest centre.

    The nearest pixel invents no values between object and background.
    """
    scale = mask.shape[0] / size.height, mask.shape[1] / size.width
    rows = ((np.arange(size.height) + 0.5) * scale[0]).astype(np.intp)
    columns = ((np.arange(size.width) + 0.5) * scale[1]).astype(np.intp)
    return mask[np.ix_(rows, columns)]


def boundary(mask: Mask) -> Mask:
    """Return the boundary map of DAVIS: a pixel unlike its right, lower or lower-right neighbour.

    In the last row only the right neighbour counts, in the last column only the lower one, and
    the last corner is never boundary (Perazzi et al., CVPR 2016, toolbox). Equal to the
    morphological gradient over the 2 × 2 square that begins at the pixel, cut at the picture.
    """
    check_mask("mask", mask)
    pixels = np.ascontiguousarray(canonical(mask)).view(np.uint8)
    gradient = cv2.morphologyEx(pixels, cv2.MORPH_GRADIENT, _SQUARE, anchor=(0, 0))
    return np.asarray(gradient).view(np.bool_)


def present_values(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the values that an array ``(H, W)`` has, in rising order, as ``np.unique`` does.

    Bytes are counted, which takes an eighth of the time of sorting or hashing them.
    """
    if values.dtype != np.uint8 or not values.size:
        return np.unique(values)
    counts = cv2.calcHist([np.ascontiguousarray(values)], [0], None, [256], [0, 256])
    return np.flatnonzero(counts).astype(np.uint8)


def split_objects(labels: Labels) -> dict[int, Mask]:
    """Return one mask per object id in ``labels``, in rising order of id.

    Background (0) and void (255) are no objects; labels without objects give an empty dict.
    """
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise InputError(f"labels: expected a uint8 array (H, W), got {_describe(labels)}")
    present = present_values(labels)
    return {int(label): labels == label for label in present if label not in (0, VOID)}


def merge_objects(probs: Mapping[int, Prob], *, threshold: float = 0.5) -> Labels:
    """Return the labels of several objects, each pixel to the object of highest probability.

    Background wins where no object is strictly above ``threshold``; at 0.5 this is the argmax
    over the objects and a background of probability 1 − max. Equal objects: the lowest id wins.
    Objects are tracked apart and meet only here (paper, section 5.1: one run per object).
    """
    if not probs:
        raise InputError("probs: expected at least one object, got none")
    ids = sorted(probs)
    if ids[0] < 1 or ids[-1] >= VOID:
        raise InputError(f"probs: expected object ids 1 to 254, got {ids}")
    shapes = {label: probs[label].shape for label in ids}
    if len(set(shapes.values())) > 1 or len(shapes[ids[0]]) != 2:
        raise InputError(f"probs: expected arrays (H, W) of one shape, got {shapes}")
    best: Prob = np.full(shapes[ids[0]], threshold, np.float32)
    labels = np.zeros(best.shape, np.uint8)
    for label in ids:
        _check_prob(label, probs[label])
        wins = probs[label] > best
        labels[wins] = label
        np.maximum(best, probs[label], out=best)
    return labels


def _check_prob(label: int, prob: Prob) -> None:
    if not (prob.min() >= 0 and prob.max() <= 1):  # also refuses NaN
        raise InputError(
            f"probs[{label}]: expected probabilities in [0, 1], got {prob.min()} to {prob.max()}; "
            "apply the softmax to logits first"
        )


def _describe(array: object) -> str:
    if isinstance(array, np.ndarray):
        return f"{array.dtype} {array.shape}"
    return type(array).__name__
