"""Masks drawn over frames: a tint, and a contour that stays visible on any background."""

import io
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masktrack_core.arrays import Box, Frame, Mask, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import dilate

Colour: TypeAlias = tuple[int, int, int]
"""RGB, 0 … 255."""

TRUTH: Colour = (240, 228, 66)
#: Of objects 1, 2, …; Okabe and Ito's, for any colour vision.
OBJECTS: tuple[Colour, ...] = (
    (213, 94, 0),
    (86, 180, 233),
    (204, 121, 167),
    (0, 158, 115),
    (0, 114, 178),
    (230, 159, 0),
)
_BLACK: Colour = (0, 0, 0)
_WHITE: Colour = (255, 255, 255)


def overlay(
    frame: Frame, masks: Sequence[Mask], colours: Sequence[Colour] = OBJECTS, *, tint: float = 0.3
) -> Frame:
    """Return the frame with each mask tinted and outlined, later masks above earlier ones.

    The outline is a line of the mask's colour inside its border, a black and a white one outside:
    one of the three differs from whatever lies below. ``tint``: share of the colour inside. The
    outline does not follow the border of the picture. Raises `InputError` for a mask of another
    size than the frame.
    """
    drawn = frame.copy()
    for number, mask in enumerate(masks):
        if mask.shape != frame.shape[:2]:
            raise InputError(
                f"masks[{number}]: expected shape {frame.shape[:2]} like the frame, got "
                f"{mask.shape}; resize it"
            )
        colour = colours[number % len(colours)]
        drawn[mask] = (1 - tint) * drawn[mask] + tint * np.array(colour)
        for where, shade in _lines(mask, colour):
            drawn[where] = shade
    return drawn


def layer(
    size: Size, masks: Sequence[Mask], colours: Sequence[Colour] = OBJECTS, *, tint: float = 0.3
) -> NDArray[np.uint8]:
    """Return what `overlay` puts over a frame as a transparent picture, RGBA ``(H, W, 4)``.

    Few colours in large areas: a fraction of the bytes of a frame.
    """
    drawn = np.zeros((*size, 4), np.uint8)
    for number, mask in enumerate(masks):
        colour = colours[number % len(colours)]
        solid = mask & (drawn[..., 3] == 255)  # lines of another mask, tinted by this one
        drawn[mask & ~solid] = (*colour, round(255 * tint))
        drawn[solid, :3] = (1 - tint) * drawn[solid, :3] + tint * np.array(colour)
        for where, shade in _lines(mask, colour):
            drawn[where] = (*shade, 255)
    return drawn


def _lines(mask: Mask, colour: Colour) -> Iterator[tuple[Mask, Colour]]:
    """Yield the lines of an outline, from the outer one in, and their colours."""
    near, far = dilate(mask, 1.5), dilate(mask, 3.0)
    yield far & ~near, _WHITE
    yield near & ~mask, _BLACK
    yield mask & dilate(~mask, 2.5), colour


def outline(frame: Frame, box: Box, colour: Colour) -> Frame:
    """Return the frame with a box drawn around its pixels, black and white beside the colour."""
    drawn = frame.copy()
    for width, shade in ((5, _BLACK), (3, _WHITE), (1, colour)):
        last = (box.x + box.width, box.y + box.height)
        cv2.rectangle(drawn, (box.x - 1, box.y - 1), last, shade, width)
    return drawn


def enlarge(frame: Frame, masks: Sequence[Mask], *, width: int = 480) -> tuple[Frame, list[Mask]]:
    """Return a frame and its masks at ``width`` pixels across, of even height.

    Smaller frames grow, so that an outline is thin beside the object; larger ones shrink.
    """
    height = round(frame.shape[0] * width / frame.shape[1] / 2) * 2
    size = Size(max(height, 2), width)
    grown = _resized(frame, size)
    return grown, [np.asarray(_resized(mask.astype(np.float32), size) > 0.5) for mask in masks]


def _resized(array: NDArray[Any], size: Size) -> NDArray[Any]:
    method = cv2.INTER_AREA if size.width < array.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(array, (size.width, size.height), interpolation=method))


def webp_bytes(picture: NDArray[np.uint8], *, quality: int | None = None) -> bytes:
    """Return an RGB or RGBA picture as the bytes of a WebP file, lossless without a ``quality``."""
    encoded = io.BytesIO()
    lossless = quality is None
    Image.fromarray(picture).save(
        encoded, "WEBP", lossless=lossless, quality=50 if quality is None else quality
    )
    return encoded.getvalue()
