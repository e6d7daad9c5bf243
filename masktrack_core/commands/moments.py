"""Frames of a clip as a person names them: by number or by time."""

import argparse
import re
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from masktrack_core.errors import InputError

if TYPE_CHECKING:
    from masktrack_core.datasets.video_files import Clip

Moment: TypeAlias = int | Fraction
"""A frame by its number, or the seconds from the first frame (a fraction)."""


def moment(text: str) -> Moment:
    """Return the moment of ``120`` (a frame), ``4.5s``, ``1:02.5`` or ``1:00:00`` (a time).

    Raises argparse's error for anything else.
    """
    text = text.strip()
    if text.isdecimal():
        return int(text)
    found = re.fullmatch(r"(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+(?:\.[0-9]*)?)s?", text)
    if found is None or (":" not in text and not text.endswith("s")):
        raise argparse.ArgumentTypeError(
            f"expected a frame such as 120, or a time such as 4.5s or 1:02.5, got {text!r}"
        )
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return Fraction(3600 * hours + 60 * minutes + seconds)


def moments(text: str) -> list[Moment]:
    """Return the moments of a list with commas."""
    return [moment(part) for part in text.split(",")]


def frames_at(clip: "Clip", wanted: Sequence[Moment]) -> list[int]:
    """Return the frame of each moment: by its number, as masks are; by a time, the one shown then.

    Raises `InputError` for a number that no frame has, for a time outside the clip, and for times
    of a folder of frames, which has none.
    """
    named = clip.numbered({one for one in wanted if isinstance(one, int)})
    return [named[one] if isinstance(one, int) else _shown_at(clip, one) for one in wanted]


def _shown_at(clip: "Clip", seconds: Fraction) -> int:
    times = clip.times
    if times is None:
        raise InputError(
            f"{clip.path}: expected the number of a frame, got the time {float(seconds):g} s; a "
            "folder of frames has no times"
        )
    end = times[-1] + Fraction(1) / Fraction(clip.rate)
    if seconds > end:
        raise InputError(
            f"{clip.path}: expected a time from 0 to {float(end):.2f} s, got {float(seconds):g} s"
        )
    return bisect_right(times, seconds) - 1
