"""Two methods on the same sequences: who is better where, and how sure the difference is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from masktrack_core.errors import InputError
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
    def sentence(self) -> str:
        """Return what a paper says of it."""
        wins, losses = (int((sign * self.rows.difference > 0).sum()) for sign in (1, -1))
        ties = len(self.rows) - wins - losses
        interval = (
            f" ({CONFIDENCE:.0%} interval {self.low:+.1f} to {self.high:+.1f}, paired bootstrap "
            f"over {self.rows.sequence.nunique()} sequences)"
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
    rows = pd.DataFrame(
        _difference(first, second, *pair)
        for pair in zip(scores[first], scores[second], strict=True)
    )
    each = rows.groupby("sequence", sort=False).difference
    sums, counts = (np.asarray(part, np.float64) for part in (each.sum(), each.count()))
    low, high = bootstrap_interval(sums, counts, samples=samples, seed=seed)
    ordered = rows.sort_values("difference", ascending=False, kind="stable", ignore_index=True)
    mean = float(rows.difference.mean())
    return Comparison(first=first, second=second, rows=ordered, mean=mean, low=low, high=high)


def _difference(first: str, second: str, a: SequenceScore, b: SequenceScore) -> dict[str, Any]:
    frames = 100 * (a.j - b.j)
    most = int(np.abs(frames).argmax())
    return {
        "sequence": a.sequence,
        "object": a.object_id,
        f"J {first}": 100 * float(a.j.mean()),
        f"J {second}": 100 * float(b.j.mean()),
        "difference": 100 * float(a.j.mean() - b.j.mean()),
        "frame": a.frames[most],
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
