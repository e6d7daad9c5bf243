"""The frames between those that were followed: each reached from the nearest of them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise

import numpy as np

from masktrack_core.arrays import Frame, Prob
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.tracking.propagation import FrameSequence, propagate
from masktrack_core.tracking.propagation_params import PropagationParams


class Some:
    """Some frames of a sequence, in any order, counted from 0."""

    def __init__(self, frames: FrameSequence, chosen: Sequence[int]) -> None:
        """Take the sequence, and the numbers of those that are left."""
        self._frames, self._chosen = frames, chosen
        counted = getattr(frames, "numbers", None)
        #: Of each frame, the number by which a person knows it.
        self.numbers = chosen if counted is None else [counted[t] for t in chosen]

    def __len__(self) -> int:
        """Return the number of frames that are left."""
        return len(self._chosen)

    def __getitem__(self, t: int) -> Frame:
        """Return frame ``t`` of those that are left."""
        return self._frames[self._chosen[t]]


def filled(
    network: MaskTrackNet | Sequence[MaskTrackNet],
    streams: Sequence[FrameSequence],
    marks: Sequence[int],
    found: Callable[[int], Prob],
    params: PropagationParams,
    *,
    absent: Collection[int] = (),
) -> Iterator[tuple[int, Prob]]:
    """Return ``(t, prob)`` of every frame, from the probabilities of some, which stay.

    ``marks`` are rising frames, 0 the first; ``found`` gives what was found in one of them. A frame
    between two goes to the nearer one, as `propagate` has it; where one of them shows no object, to
    the other, and where neither does, it has none. ``absent`` are the marks in which the object is
    said to be away: frames behind them have none. Not in order of time; memory does not grow with
    the video.
    """
    length = len(streams[0])
    for start, end in pairwise([*marks, length]):
        here = found(start)
        yield start, here
        if end == start + 1:
            continue
        ends = {start: here, end: found(end)} if end < length else {start: here}
        masks = {t: np.asarray(prob > params.threshold) for t, prob in ends.items()}
        given = {t - start: mask for t, mask in masks.items() if mask.any() or t in absent}
        if not any(mask.any() for mask in given.values()):
            yield from ((t, np.zeros_like(here)) for t in range(start + 1, end))
            continue
        shown = [Some(stream, range(start, min(end, length - 1) + 1)) for stream in streams]
        for place, prob in propagate(network, shown, given, params):
            if 0 < place < end - start:
                yield start + place, prob
