"""What the dense CRF makes of a tracked video, frame by frame and process by process (§5.2)."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal, TypeVar

import cv2

from masktrack_core.arrays import Frame, Prob
from masktrack_core.datasets.videos import Video
from masktrack_core.files.archives import mean_prob
from masktrack_core.tracking.crf import CrfParams, refine
from masktrack_core.tracking.crf_kernels import KeptKernels

Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class TrackedObject:
    """One object of a video and the probabilities of its tracks; travels between processes."""

    video: Video
    #: by name of the frame (``archives.frame_key``)
    tracks: Sequence[Mapping[str, Prob]]

    def prob(self, t: int) -> Prob:
        """Return the averaged foreground probability of frame ``t``."""
        return mean_prob(self.tracks, t)

    def refined(self, t: int, params: CrfParams, *, kept: KeptKernels | None = None) -> Prob:
        """Return that probability after dense-CRF refinement; an empty one is unchanged.

        ``kept`` holds the kernels of this frame from one refinement to the next.
        """
        # Paper: whether the refined mask guides the next frame is not stated; it is called
        # post-processing, so it is not fed back.
        return refine(self.video[t], self.prob(t), params, kept=kept)


@dataclass(frozen=True, kw_only=True)
class _Refinement:
    tracked: TrackedObject
    params: CrfParams

    def __call__(self, t: int) -> Prob:
        return self.tracked.refined(t, self.params)


def refined_probs(
    tracked: TrackedObject, params: CrfParams, *, processes: int
) -> Iterator[tuple[int, Prob]]:
    """Yield ``(t, prob)`` of every frame in order, refined; the same for any number of processes.

    Raises what ``crf.refine`` raises.
    """
    times = range(len(tracked.video))
    work = _Refinement(tracked=tracked, params=params)
    yield from zip(times, map_in_processes(work, times, processes=processes), strict=True)


def refined_frames(
    frames: Iterable[tuple[Frame, Prob]], params: CrfParams, *, processes: int
) -> Iterator[Prob]:
    """Yield the refined probability of each frame and probability, in order, few at a time.

    The same for any number of processes, which are spawned: threads may be running, but a script
    that calls this needs ``if __name__ == "__main__":``. Raises what ``crf.refine`` raises.
    """
    work = _FrameRefinement(params=params)
    yield from map_in_processes(work, frames, processes=processes, start="spawn")


@dataclass(frozen=True, kw_only=True)
class _FrameRefinement:
    params: CrfParams

    def __call__(self, frame_and_prob: tuple[Frame, Prob]) -> Prob:
        return refine(*frame_and_prob, self.params)


def map_in_processes(
    work: Callable[[Task], Answer],
    tasks: Iterable[Task],
    *,
    processes: int,
    start: Literal["fork", "spawn"] = "fork",
) -> Iterator[Answer]:
    """Yield the answers to tasks in their order, made by so many processes; 1 makes them here.

    Two tasks a process wait at most, so that memory does not grow with their number.
    """
    if processes <= 1:
        yield from map(work, tasks)
        return
    cv2.setNumThreads(1)
    # Forked by default: a spawned process would run the calling script again, and a job of the
    # workflow is a script. Nothing there has started a thread.
    waiting: deque[Future[Answer]] = deque()
    with ProcessPoolExecutor(processes, get_context(start)) as pool:
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
