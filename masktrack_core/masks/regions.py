"""The part of a frame that the network sees: crops, and back.

A region of interest around the previous mask is ours, not the paper's, which segments whole
frames. Training and propagation cut it with the same functions.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from masktrack_core.arrays import Box, Frame, Mask, Prob, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.augment import Augmentation
from masktrack_core.masks.elementary import bounding_box
from masktrack_core.masks.warp import (
    MEAN_COLOUR,
    Matrix,
    affine_map,
    compose_affine,
    invert_affine,
    similarity,
    warp_mask,
)
from masktrack_core.ranges import POSITIVE, Range, check_fields, optional

SMALLEST = 33
"""Smallest height and width that a network sees, pixels: two cells of the coarsest stride, 16,
beside the first."""

SIDE = Range(SMALLEST, whole=True)
"""Sides of a square that a network can be shown, pixels."""


@dataclass(frozen=True, kw_only=True)
class CropParams:
    """Which part of a frame an example shows."""

    size: int = 321
    """Side of the crop, pixels (DeepLabv2's ``crop_size``)."""
    region: float | None = None
    """Ours: side of the region around the previous mask, as a multiple of the longer side of its
    box, resized to ``size``. None: a random crop of the frame at its own scale (DeepLabv2)."""
    region_minimum: float | None = None
    """Smallest side of that region, pixels of the frame. None: half of ``size``, so that nothing is
    enlarged more than twofold."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning with ``InputError``."""
        check_fields(
            "crop",
            self,
            size=SIDE,
            region=optional(POSITIVE),
            region_minimum=optional(Range(1)),
        )


class Window(NamedTuple):
    """A square part of a frame, in pixels; ``x, y`` is its upper left corner.

    Corners are pixel edges: the window ``(0, 0, 2)`` covers the pixels 0 and 1. It may reach
    beyond the frame.
    """

    x: float
    y: float
    side: float


def region_window(box: Box, frame_size: Size, *, factor: float, minimum: float) -> Window:
    """Return the window of ``factor`` × the longer side of ``box``, at least ``minimum`` pixels.

    Centred on the box, then moved into the frame as far as it fits; a window larger than the
    frame holds the whole frame.
    """
    if not (factor > 0 and minimum >= 1):
        raise InputError(
            f"region: expected factor above 0 and minimum of at least 1 px, got {factor} and "
            f"{minimum}; 1.5 and 160 work"
        )
    side = max(factor * max(box.width, box.height), minimum)
    x, y = (
        _clamp(start + (extent - side) / 2, (0, length - side))
        for start, extent, length in _axes(box, frame_size)
    )
    return Window(x, y, float(side))


def prior_window(
    prior: Mask, *, size: int, factor: float, minimum: float | None, scale: float = 1.0
) -> Window | None:
    """Return the region around what a network is shown of the mask before; None if that is empty.

    The one road from that mask to a region: training and propagation take it, so that an object
    is as large in one as in the other where ``factor / size`` is the same. ``size``: pixels that
    the region is resized to; ``minimum`` None is half of it. ``scale`` enlarges what is shown.
    """
    box = bounding_box(prior)
    if box is None:
        return None
    frame_size = Size(*prior.shape)
    return box_window(box, frame_size, size=size, factor=factor, minimum=minimum, scale=scale)


def box_window(
    box: Box, frame_size: Size, *, size: int, factor: float, minimum: float | None, scale: float = 1
) -> Window:
    """Return the region of `prior_window` from the box around what is shown."""
    smallest = size / 2 if minimum is None else minimum
    return region_window(box, frame_size, factor=factor / scale, minimum=smallest / scale)


def random_window(box: Box, frame_size: Size, *, side: float, rng: np.random.Generator) -> Window:
    """Return a random window that holds the box, or lies in it where the box is larger.

    It starts at whole pixels and stays in the frame; one larger than the frame holds the frame.
    """
    corners = []
    for start, extent, length in _axes(box, frame_size):
        ends = (_clamp(end, (0, length - side)) for end in (start, start + extent - side))
        low, high = sorted(ends)
        corners.append(float(np.rint(rng.uniform(low, high))))
    return Window(corners[0], corners[1], float(side))


def sample_view(
    mask: Mask,
    prior: Mask,
    crop: CropParams,
    augmentation: Augmentation,
    *,
    beside: Mask | None = None,
    rng: np.random.Generator,
) -> Matrix:
    """Return a random crop that shows the object, as the affine change from crop to frame.

    A region is around ``prior``, what is known at test; a random crop shows ``mask``, the truth.
    It is mirrored, turned about the centre of that one's box and scaled as ``augmentation`` says.
    Without an object the crop falls anywhere. ``beside`` is another object: the crop, as large as
    ever, is then moved a random part of the way to it.
    """
    scale, frame_size = augmentation.scale, Size(*mask.shape)
    window = None
    if crop.region is not None:
        window = prior_window(
            prior,
            size=crop.size,
            factor=crop.region,
            minimum=crop.region_minimum,
            scale=scale,
        )
    box = bounding_box(mask if window is None else prior) or _anywhere(frame_size, rng=rng)
    if window is None:
        turned = _turned_box(box, augmentation.angle_deg)
        window = random_window(turned, frame_size, side=crop.size / scale, rng=rng)
    neighbour = None if beside is None else bounding_box(beside)
    if neighbour is not None:
        window = _moved_to(window, neighbour, frame_size, share=rng.uniform(*_WAY))
    middle = (crop.size - 1) / 2
    mirror = similarity((middle, middle), flip=augmentation.flip)
    turn = similarity(box_centre(box), angle_deg=-augmentation.angle_deg)
    return compose_affine(turn, compose_affine(window_view(window, crop.size), mirror))


def window_view(window: Window, size: int) -> Matrix:
    """Return the affine change from pixels of the crop, ``size`` × ``size``, to the frame."""
    pitch = window.side / size
    edge = pitch / 2 - 0.5
    return np.array([[pitch, 0, window.x + edge], [0, pitch, window.y + edge]])


def crop_frame(frame: Frame, window: Window, size: int) -> Frame:
    """Return the window resized to ``size`` × ``size``; the mean colour outside the frame."""
    return view_frame(frame, window_view(window, size), Size(size, size))


def crop_mask(mask: Mask, window: Window, size: int) -> Mask:
    """Return the mask in the window resized to ``size`` × ``size``; no object outside."""
    return warp_mask(mask, affine_map(window_view(window, size), Size(size, size)))


def view_frame(frame: Frame, view: Matrix, size: Size) -> Frame:
    """Return the frame seen through an affine change from output to frame pixels.

    A frame that is shown at less than half its size is halved first, so that no detail is
    skipped (aliasing).
    """
    while abs(np.linalg.det(view[:, :2])) >= 4 and min(frame.shape[:2]) > 1:
        height, width = frame.shape[0] // 2, frame.shape[1] // 2
        frame = np.asarray(
            cv2.resize(
                frame[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA
            ),
            dtype=np.uint8,
        )
        view = view / 2
        view[:, 2] -= 0.25
    return np.asarray(
        cv2.warpAffine(
            frame,
            view,
            (size.width, size.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=MEAN_COLOUR,
        ),
        dtype=np.uint8,
    )


def paste_prob(prob: Prob, window: Window, frame_size: Size) -> Prob:
    """Return the probabilities of a crop at their place in the frame; 0 outside the window."""
    whole: Prob = np.zeros(frame_size, np.float32)
    place, to_crop = crop_place(window, len(prob), frame_size)
    size = Size(*whole[place].shape)
    if not min(size):
        return whole
    whole[place] = cv2.remap(
        prob,
        affine_map(to_crop, size),
        None,  # type: ignore[call-overload]
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return whole


def crop_place(window: Window, side: int, frame_size: Size) -> tuple[tuple[slice, slice], Matrix]:
    """Return the pixels of a frame that a window covers, and the map from there to its crop."""
    left, top = max(0, round(window.x)), max(0, round(window.y))
    right = min(frame_size.width, round(window.x + window.side))
    bottom = min(frame_size.height, round(window.y + window.side))
    to_crop = invert_affine(window_view(window, side))
    to_crop[:, 2] += to_crop[:, :2] @ (left, top)
    return (slice(top, max(bottom, top)), slice(left, max(right, left))), to_crop


#: Least and largest part of the way from where a crop is to the middle of a neighbour.
_WAY = (0.3, 1.0)


def _moved_to(window: Window, box: Box, frame_size: Size, *, share: float) -> Window:
    """Return a window moved towards a box, and into the frame as far as it fits."""
    x, y = (
        _clamp(start + share * (goal - window.side / 2 + 0.5 - start), (0, length - window.side))
        for start, goal, length in zip(window[:2], box_centre(box), frame_size[::-1], strict=True)
    )
    return Window(x, y, window.side)


def _anywhere(frame_size: Size, *, rng: np.random.Generator) -> Box:
    """Return a random pixel."""
    x, y = rng.integers(frame_size.width), rng.integers(frame_size.height)
    return Box(int(x), int(y), 1, 1)


def _clamp(value: float, ends: tuple[float, float]) -> float:
    return min(max(value, min(ends)), max(ends))


def _axes(box: Box, frame_size: Size) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return start and length of the box and length of the frame along x and y."""
    return (box.x, box.width, frame_size.width), (box.y, box.height, frame_size.height)


def box_centre(box: Box) -> tuple[float, float]:
    """Return x and y of the middle of a box, in pixels."""
    return box.x + (box.width - 1) / 2, box.y + (box.height - 1) / 2


def _turned_box(box: Box, angle_deg: float) -> Box:
    """Return the smallest box around a box that was turned about its centre."""
    turn = np.deg2rad(angle_deg)
    cosine, sine = abs(np.cos(turn)), abs(np.sin(turn))
    width = int(np.ceil(cosine * box.width + sine * box.height))
    height = int(np.ceil(sine * box.width + cosine * box.height))
    return Box(box.x - (width - box.width) // 2, box.y - (height - box.height) // 2, width, height)
