"""Two methods on the same sequences: who is better where, and how sure the difference is."""

from collections.abc import Iterable, Sequence
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
    rows = object_differences(frames_of_methods(scores[first], scores[second]), first, second)
    return compare_rows(first, second, rows, samples=samples, seed=seed)


def frames_of_methods(
    first: Sequence[SequenceScore], second: Sequence[SequenceScore]
) -> pd.DataFrame:
    """Return the frames of two methods of `scoring.score_methods`, as `frames_of_scores` does."""
    return pd.concat(
        pd.DataFrame(
            {"sequence": a.sequence, "object": a.object_id, "frame": a.frames}
            | {"t": range(len(a.frames)), "first": a.j, "second": b.j}
        )
        for a, b in zip(first, second, strict=True)
    )


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


def frames_of_scores(scores: pd.DataFrame, first: TableRow, second: TableRow) -> pd.DataFrame:
    """Return ``dataset, sequence, object, frame, t``, J of both as ``first`` and ``second``.

    ``scores`` has the columns of ``tables.SCORES``; frames that do not count are left out. J is a
    fraction. Raises ``InputError`` where the two were not scored on the same frames.
    """
    keys = [*_OBJECT, "frame", "t"]
    scored = scores[scores.scored].set_index(keys)
    a, b = (
        scored.J[(scored.variant == row.variant) & (scored.annotation == row.annotation)]
        for row in (first, second)
    )
    if set(a.index) != set(b.index):
        only = sorted(set(a.index) ^ set(b.index))[0]
        raise InputError(
            f"{first.method} and {second.method}: expected scores of the same frames, got "
            f"{'/'.join(map(str, only[:-1]))} of one alone; annotate both alike"
        )
    return pd.DataFrame({"first": a, "second": b.reindex(a.index)}).reset_index()


_OBJECT = ["dataset", "sequence", "object"]


def object_differences(frames: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Return the rows of `Comparison`, in percent, of the frames of `frames_of_scores`."""
    keys = [name for name in _OBJECT if name in frames]
    rows = []
    for place, mine in frames.groupby(keys, sort=False):
        a, b = mine["first"], mine["second"]
        differences = 100 * (a - b).to_numpy()
        most = int(np.abs(differences).argmax())
        rows.append(
            dict(zip(keys, place, strict=True))
            | {f"J {first}": 100 * float(a.mean()), f"J {second}": 100 * float(b.mean())}
            | {"difference": 100 * float(a.mean() - b.mean())}
            | {"frame": mine.frame.iloc[most], "frame_difference": float(differences[most])}
        )
    return pd.DataFrame(rows)


def most_different(
    frames: pd.DataFrame, first: str, second: str, *, count: int, each: int = 2
) -> pd.DataFrame:
    """Return the ``count`` frames in which two methods differ most in J, the largest first.

    ``frames`` are those of `frames_of_scores`. Neighbours look alike: those of one object lie a
    tenth of its sequence apart. ``each`` of an object at most, as long as there are others; none in
    which the two are equal. J in percent, as ``J <method>``, and ``difference``, first less second.
    """
    keys = [name for name in _OBJECT if name in frames]
    parts = [_apart(mine).head(count) for _, mine in frames.groupby(keys, sort=False)]
    found = pd.concat(parts) if parts else frames[:0]
    order = found.assign(turn=found.groupby(keys, sort=False).cumcount() // each)
    order["size"] = -(order["first"] - order["second"]).abs()
    chosen = order.sort_values(["turn", "size"], kind="stable").head(count).sort_values("size")
    a, b = 100 * chosen["first"], 100 * chosen["second"]
    columns = {f"J {first}": a, f"J {second}": b, "difference": a - b}
    return chosen[[*keys, "t", "frame"]].assign(**columns).reset_index(drop=True)


def _apart(frames: pd.DataFrame) -> pd.DataFrame:
    """Return the frames of one object, the most different first, without neighbours of another."""
    size = (frames["first"] - frames["second"]).abs().to_numpy()
    order = np.argsort(-size, kind="stable")
    ordered = frames.iloc[order[size[order] > 0]]
    distance = (frames.t.max() - frames.t.min() + 1) / 10
    return ordered[ordered.t.isin(spaced(ordered.t, distance))]


def spaced(times: Iterable[int], distance: float) -> list[int]:
    """Return those of some frames that lie a distance from all before them, in their order."""
    chosen: list[int] = []
    for t in times:
        if all(abs(t - other) >= distance for other in chosen):
            chosen.append(t)
    return chosen


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
