"""Augmentation of an annotated frame: mirror, turn and scale, frame and mask together (§3.2)."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masktrack_core.arrays import Frame
from masktrack_core.errors import InputError
from masktrack_core.ranges import FRACTION, Range, check_fields


@dataclass(frozen=True, kw_only=True)
class AugmentationParams:
    """What a frame and its mask may undergo together (§4, "Online training").

    The paper names mirroring and rotation; ±20° is that of the authors' script. Change of scale
    and of colour is ours and off by default.
    """

    flip: bool = True
    """Mirror every second frame."""
    rotation_deg: float = 20.0
    """Largest rotation in either direction, degrees."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest change of scale, drawn uniformly in its logarithm."""
    colour: float = 0.0
    """Largest change of contrast, brightness and of each colour's gain, fraction."""

    def __post_init__(self) -> None:
        """Refuse what has no meaning with ``InputError``."""
        low, high = self.scale
        if not 0 < low <= high < math.inf:
            raise InputError(
                f"augmentation.scale: expected 0 < smallest <= largest, got {self.scale}; "
                "(1, 1) switches it off"
            )
        check_fields("augmentation", self, rotation_deg=Range(0, 180), colour=FRACTION)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """One draw of the augmentation."""

    flip: bool = False
    angle_deg: float = 0.0
    """Clockwise on the screen, degrees."""
    scale: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factor on the distance of red, green and blue from mid-grey."""
    offset: float = 0.0
    """Added to every colour, grey levels."""


def sample_augmentation(params: AugmentationParams, *, rng: np.random.Generator) -> Augmentation:
    """Return a random augmentation."""
    flip = rng.random()
    angle = rng.uniform(-params.rotation_deg, params.rotation_deg)
    scale = np.exp(rng.uniform(*np.log(params.scale)))
    contrast, brightness, *tint = rng.uniform(-params.colour, params.colour, size=5)
    red, green, blue = (1 + contrast) * (1 + np.array(tint) / 2)
    return Augmentation(
        flip=bool(params.flip and flip < 0.5),
        angle_deg=float(angle),
        scale=float(scale),
        gain=(float(red), float(green), float(blue)),
        offset=float(128 * brightness),
    )


def apply_colours(frame: Frame, augmentation: Augmentation) -> Frame:
    """Return the frame with changed contrast, brightness and gains of colour."""
    if augmentation.offset == 0 and augmentation.gain == (1.0, 1.0, 1.0):
        return frame
    return np.asarray(cv2.LUT(frame, _colour_table(augmentation)))


def _colour_table(augmentation: Augmentation) -> NDArray[np.uint8]:
    """Return what each level of each colour becomes, uint8 ``(1, 256, 3)``."""
    level = np.arange(256, dtype=np.float64)[None, :, None] - 128
    table = level * np.array(augmentation.gain) + 128 + augmentation.offset
    return np.asarray(np.clip(np.rint(table), 0, 255), dtype=np.uint8)
