"""Two methods on the same sequences: who is better where, and how sure the difference is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.measures.scoring import SequenceScore

#: Of the interval.
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences of two methods, first less second, in percent of J."""

    first: str
    second: str
    #: A row a sequence and object, the largest gain of the first method first: ``sequence``,
    #: ``object``, J of both, ``difference``, and the frame in which they differ most.
    rows: pd.DataFrame
    #: Mean over objects, as in the tables.
    mean: float
    #: Its bootstrap interval; NaN with fewer than two sequences.
    low: float
    high: float

    @property
    def places(self) -> list[str]:
        """Return the columns that tell sequences apart."""
        return [name for name in ("dataset", "sequence") if name in self.rows]

    @property
    def sentence(self) -> str:
        """Return what a paper says of it."""
        wins, losses = (int((sign * self.rows.difference > 0).sum()) for sign in (1, -1))
        ties = len(self.rows) - wins - losses
        interval = (
            f" ({CONFIDENCE:.0%} interval {self.low:+.1f} to {self.high:+.1f}, paired bootstrap "
            f"over {len(self.rows.groupby(self.places))} sequences)"
            if np.isfinite(self.low)
            else " (one sequence: no interval)"
        )
        return (
            f"{self.first} less {self.second}: {self.mean:+.1f} J{interval}; better on {wins} of "
            f"{len(self.rows)}, worse on {losses}{f', equal on {ties}' if ties else ''}."
        )


def compare_methods(
    first: str,
    second: str,
    scores: dict[str, list[SequenceScore]],
    *,
    samples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Return the comparison of two of the methods of `scoring.score_methods`.

    Sequences are drawn with replacement, both methods and all objects of a sequence together
    (Efron and Tibshirani, 1993, percentile interval). Raises ``InputError`` for a method that was
    not scored.
    """
    for name in (first, second):
        if name not in scores:
            raise InputError(
                f"--compare: expected two of {sorted(scores)}, got {name!r}; name two methods"
            )
    pairs = zip(scores[first], scores[second], strict=True)
    rows = [
        {"sequence": a.sequence, "object": a.object_id}
        | _difference(first, second, a.frames, a.j, b.j)
        for a, b in pairs
    ]
    return compare_rows(first, second, pd.DataFrame(rows), samples=samples, seed=seed)


def compare_rows(
    first: str, second: str, rows: pd.DataFrame, *, samples: int = 10_000, seed: int = 0
) -> Comparison:
    """Return the comparison of two methods from the rows of `Comparison`, in any order.

    Sequences of several data sets are told apart by a column ``dataset``, where there is one.
    """
    places = [name for name in ("dataset", "sequence") if name in rows]
    each = rows.groupby(places, sort=False).difference
    sums, counts = (np.asarray(part, np.float64) for part in (each.sum(), each.count()))
    low, high = bootstrap_interval(sums, counts, samples=samples, seed=seed)
    ordered = rows.sort_values("difference", ascending=False, kind="stable", ignore_index=True)
    mean = float(rows.difference.mean())
    return Comparison(first=first, second=second, rows=ordered, mean=mean, low=low, high=high)


def difference_rows(scores: pd.DataFrame, first: TableRow, second: TableRow) -> pd.DataFrame:
    """Return a row for each object of two methods' scores, with the columns of `Comparison.rows`.

    ``scores`` has the columns of ``tables.SCORES``; frames that do not count are left out. Raises
    ``InputError`` where the two were not scored on the same frames.
    """
    keys = ["dataset", "sequence", "object", "frame"]
    scored = scores[scores.scored].set_index(keys)
    a, b = (
        scored.J[(scored.variant == row.variant) & (scored.annotation == row.annotation)]
        for row in (first, second)
    )
    if set(a.index) != set(b.index):
        only = sorted(set(a.index) ^ set(b.index))[0]
        raise InputError(
            f"{first.method} and {second.method}: expected scores of the same frames, got "
            f"{'/'.join(map(str, only))} of one alone; annotate both alike"
        )
    both = pd.DataFrame({"a": a, "b": b.reindex(a.index)}).reset_index("frame")
    rows = []
    for place, frames in both.groupby(keys[:3], sort=False):
        js = (frames[name].to_numpy(np.float64) for name in "ab")
        difference = _difference(first.method, second.method, list(frames.frame), *js)
        rows.append(dict(zip(keys[:3], place, strict=True)) | difference)
    return pd.DataFrame(rows)


def _difference(
    first: str,
    second: str,
    names: Sequence[str],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
) -> dict[str, Any]:
    frames = 100 * (a - b)
    most = int(np.abs(frames).argmax())
    return {
        f"J {first}": 100 * float(a.mean()),
        f"J {second}": 100 * float(b.mean()),
        "difference": 100 * float(a.mean() - b.mean()),
        "frame": names[most],
        "frame_difference": float(frames[most]),
    }


def bootstrap_interval(
    sums: NDArray[np.float64], counts: NDArray[np.float64], *, samples: int, seed: int
) -> tuple[float, float]:
    """Return the percentile interval of a mean over groups that are drawn whole.

    ``sums`` and ``counts``: of the values in each group. NaN for fewer than two groups.
    """
    from scipy.stats import bootstrap

    if len(sums) < 2:
        return float("nan"), float("nan")

    def mean(sums: Any, counts: Any, axis: int) -> Any:
        return sums.sum(axis=axis) / counts.sum(axis=axis)

    interval = bootstrap(
        (sums, counts),
        mean,
        paired=True,
        vectorized=True,
        n_resamples=samples,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)
