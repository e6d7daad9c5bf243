"""Which frame a person is asked to annotate next (paper §5.4 gives every k-th)."""

from collections.abc import Collection
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Choice: TypeAlias = Literal["doubt", "worst", "even", "random"]
"""``doubt``: where most doubt of the masks so far is mended (`tracking.doubt`); ``worst``: most of
1 - J, which looks at the truth; ``even``: at equal distances; ``random``: drawn."""

#: Those that look at the masks of the round before.
LOOKING = ("doubt", "worst")
#: Frames over which what an annotation mends falls by half.
HALVED = 20


def even_frames(first: int, length: int, count: int) -> list[int]:
    """Return ``count`` frames from ``first`` on at equal distances, as the paper's 0, k, 2k, …"""
    return sorted({first + place * (length - first) // count for place in range(count)})


def random_frames(first: int, length: int, count: int, *, rng: np.random.Generator) -> list[int]:
    """Return ``first`` and ``count - 1`` frames after it; fewer frames are among more."""
    drawn = rng.permutation(np.arange(first + 1, length))[: count - 1]
    return sorted([first, *drawn.tolist()])


def next_frame(
    badness: NDArray[np.float64], given: Collection[int], possible: Collection[int]
) -> int | None:
    """Return the frame to annotate next: where most is to be mended; None where all are given.

    ``badness``: of each frame, ``(T,)``, doubt or 1 - J. What a frame mends is the badness of the
    frames that would be reached from it, by half in `HALVED` frames; of equal ones the earliest.
    """
    # Not the worst frame alone: on the 14 DAVIS sequences that mends no more than a drawn one.
    times = np.arange(len(badness))
    nearest = np.abs(times[:, None] - np.array(sorted(given))).min(axis=1)
    best: tuple[float, int] | None = None
    for t in sorted(set(possible) - set(given)):
        away = np.abs(times - t)
        mended = float((badness * (away < nearest) * 0.5 ** (away / HALVED)).sum())
        if best is None or mended > best[0]:
            best = mended, t
    return None if best is None else best[1]
