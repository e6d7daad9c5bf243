"""Which frame a person is asked to annotate next (paper §5.4 gives every k-th)."""

from collections.abc import Collection
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Choice: TypeAlias = Literal["doubt", "worst", "even", "random"]
"""``doubt``: where the masks so far are doubted most (`tracking.doubt`); ``worst``: where J is
lowest, which looks at the truth; ``even``: at equal distances; ``random``: drawn."""

#: Those that look at the masks of the round before.
LOOKING = ("doubt", "worst")


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
    """Return the frame to annotate next: the worst of those possible; None where all are given.

    ``badness``: of each frame, ``(T,)``, doubt or 1 - J; of equal ones the earliest.
    """
    left = sorted(set(possible) - set(given))
    return max(left, key=lambda t: (badness[t], -t)) if left else None
