"""A dense CRF tuned for a data set on its development sequences alone ("well-tuned", §5.2)."""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from masktrack_core.arrays import Prob
from masktrack_core.errors import InputError
from masktrack_core.measures.metrics import region_similarity
from masktrack_core.ranges import BETWEEN_0_AND_1, COUNT, check_fields
from masktrack_core.tracking.crf import CrfParams
from masktrack_core.tracking.crf_kernels import KeptKernels
from masktrack_core.tracking.refinement import TrackedObject, map_in_processes

log = logging.getLogger(__name__)

UNREFINED = -1
"""Number of the candidate that leaves the probability as it is."""


@dataclass(frozen=True, kw_only=True)
class SearchParams:
    """Which parameters of the CRF are tried, and on how many frames."""

    #: What is not in the grid.
    start: CrfParams
    #: Values of each parameter that is tried, every combination of them.
    grid: Mapping[str, Sequence[float]]
    #: Every so many frames of a development sequence is refined.
    every: int = 1
    #: Probability above which a pixel is foreground.
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Raise ``InputError`` for a number without meaning."""
        check_fields("crf search", self, every=COUNT, threshold=BETWEEN_0_AND_1)

    def candidates(self) -> list[CrfParams]:
        """Return every combination, the last parameter changing fastest.

        Raises ``InputError`` for a name that is no parameter of the CRF.
        """
        start: dict[str, Any] = asdict(self.start)
        if not set(self.grid) <= set(start):
            raise InputError(
                f"crf search: grid: expected parameters of the CRF {sorted(start)}, got "
                f"{list(self.grid)}"
            )
        return [
            CrfParams(**start | dict(zip(self.grid, values, strict=True)))
            for values in itertools.product(*self.grid.values())
        ]


@dataclass(frozen=True)
class _Trial:
    """Measure every candidate on one frame."""

    objects: Sequence[TrackedObject]
    candidates: Sequence[CrfParams]
    threshold: float

    def __call__(self, task: tuple[int, int]) -> NDArray[np.float64]:
        """Return J of the unrefined mask, then of every candidate."""
        tracked, t = self.objects[task[0]], task[1]
        truth = tracked.video.truth(t)
        assert truth is not None

        def score(prob: Prob) -> float:
            return float(region_similarity(prob[None] > self.threshold, truth[None])[0])

        # Neighbours share their kernels: what costs most to make changes slowest.
        kept, scores = KeptKernels(), np.empty(1 + len(self.candidates))
        scores[0] = score(tracked.prob(t))
        for place in sorted(range(len(self.candidates)), key=self._widths):
            scores[1 + place] = score(tracked.refined(t, self.candidates[place], kept=kept))
        return scores

    def _widths(self, place: int) -> tuple[float, ...]:
        params = self.candidates[place]
        return params.bilateral_sxy, params.bilateral_srgb, params.gaussian_sxy


def search_crf(
    objects: Mapping[str, TrackedObject], params: SearchParams, *, processes: int = 1
) -> pd.DataFrame:
    """Return mean J in percent of every candidate: ``candidate``, its parameters, ``J``, a column
    an object.

    ``objects`` are those of the development sequences, by name; ``J`` is the mean of their means.
    Candidate -1 is no refinement. The first frame, which the user gives, is left out, and frames
    without truth. Raises ``InputError`` where nothing is left of an object.
    """
    candidates = params.candidates()
    tasks = list(_tasks(objects, params.every))
    trial = _Trial(list(objects.values()), candidates, params.threshold)
    measured = np.stack(list(map_in_processes(trial, tasks, processes=processes)))
    owner = np.array([place for place, _ in tasks])
    columns = {
        name: 100 * measured[owner == place].mean(axis=0) for place, name in enumerate(objects)
    }
    rows = [dict.fromkeys(asdict(params.start)), *map(asdict, candidates)]
    table = pd.DataFrame(rows)[list(params.grid)]
    table.insert(0, "candidate", range(UNREFINED, len(candidates)))
    return table.assign(J=np.mean(list(columns.values()), axis=0), **columns)


def _tasks(objects: Mapping[str, TrackedObject], every: int) -> Iterator[tuple[int, int]]:
    for place, (name, tracked) in enumerate(objects.items()):
        video = tracked.video
        times = [t for t in range(video.first + 1, len(video)) if video.has_truth(t)][::every]
        if not times:
            raise InputError(
                f"crf search: {name}: expected annotated frames after the first, got none; take "
                "another development sequence"
            )
        yield from ((place, t) for t in times)


def best_crf(trials: pd.DataFrame, params: SearchParams) -> CrfParams:
    """Return the best candidate of `search_crf`; the first of equals.

    Where none is better than no refinement, the CRF of 0 iterations, which refines nothing.
    """
    place = int(trials.J.to_numpy().argmax())
    if trials.candidate[place] == UNREFINED:
        return replace(params.start, iterations=0)
    return params.candidates()[int(trials.candidate[place])]


def search_report(trials: pd.DataFrame, params: SearchParams) -> dict[str, Any]:
    """Return what was chosen and why, ready to be written: ``crf`` and the figures behind it."""
    chosen = best_crf(trials, params)
    before = float(trials.J[trials.candidate == UNREFINED].iloc[0])
    best = float(trials.J.max())
    names = [str(name) for name in trials.columns][len(params.grid) + 2 :]
    if best > before:
        why = f"best of {len(trials) - 1} candidates: J {best:.2f}, {before:.2f} without a CRF"
    else:
        why = f"none of {len(trials) - 1} candidates is above J {before:.2f} without a CRF"
    log.info("%s; measured on %s", why, ", ".join(names))
    return {
        "why": why,
        "measured_on": names,
        "every": params.every,
        "J_without": round(before, 4),
        "J": round(best, 4),
        "grid": {name: list(values) for name, values in params.grid.items()},
        "crf": asdict(chosen),
    }
