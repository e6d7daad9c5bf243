"""A frame with a ruler over it, from which boxes are read off."""

import cv2
import numpy as np

from masktrack_core.arrays import Frame

#: Lines across the longer side, about.
_LINES = 13
#: Smaller frames are enlarged, by a whole factor, so that the numbers can be read.
_SMALLEST = 640
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def ruled(frame: Frame) -> Frame:
    """Return the frame under lines of equal x and equal y, their pixels written at all four sides.

    A line runs along the left or the upper border of its pixel, so that a box between two lines has
    their numbers' difference as its side. Of the frame's size, so that a viewer's own coordinates
    hold too; frames whose longer side is below 640 pixels are enlarged by a whole factor, and the
    numbers are those of the frame's own pixels.
    """
    longer = max(frame.shape[:2])
    factor = -(-_SMALLEST // longer)
    drawn = np.repeat(np.repeat(frame, factor, axis=0), factor, axis=1)
    step, width = ruler_step(longer), max(1, round(longer * factor / 1200))
    for axis in (0, 1):
        for number in range(step, frame.shape[axis], step):
            _line(drawn, axis, number * factor, width)
    size = max(0.4, longer * factor / 2600)
    for axis in (0, 1):
        for number in range(step, frame.shape[axis], step):
            for end in (0, drawn.shape[1 - axis]):
                _number(drawn, number, axis, number * factor, end, size)
    return drawn


def ruler_step(longer: int) -> int:
    """Return the distance of two lines in pixels: 1, 2 or 5 times a power of ten."""
    exponent: int = 10 ** (len(str(max(longer // _LINES, 1))) - 1)
    return next(exponent * k for k in (1, 2, 5, 10) if exponent * k * _LINES >= longer)


def _line(drawn: Frame, axis: int, place: int, width: int) -> None:
    """Darken and brighten the pixels along a line by half: one of the two is always seen."""
    for colour, start in ((255, place), (0, place + width)):
        where: list[slice] = [slice(None), slice(None)]
        where[axis] = slice(start, start + width)
        drawn[tuple(where)] = (drawn[tuple(where)].astype(np.uint16) + colour) // 2


def _number(drawn: Frame, number: int, axis: int, place: int, end: int, size: float) -> None:
    """Write a number, white on black, on its line at one end of it."""
    thickness = max(1, round(size))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (across, up), below = cv2.getTextSize(str(number), font, size, thickness)
    high = up + below
    left, top = (place - across // 2, end) if axis else (end, place - high // 2)
    left, top = min(left, drawn.shape[1] - across), min(top, drawn.shape[0] - high)
    cv2.rectangle(drawn, (left, top), (left + across, top + high), _BLACK, -1)
    cv2.putText(drawn, str(number), (left, top + up), font, size, _WHITE, thickness, cv2.LINE_AA)
