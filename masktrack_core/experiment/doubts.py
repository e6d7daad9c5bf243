"""Doubt against 1 - J: how well what a run says of itself agrees with the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.tracking.doubt import LOOK


def doubt_rows(doubts: pd.DataFrame, rows: Sequence[TableRow]) -> pd.DataFrame:
    """Return doubt and J of every scored frame that was not given, a row a method and frame.

    ``doubts`` has the columns of ``tables.DOUBT``; in the order of ``rows``. Raises ``InputError``
    for a method without such a frame.
    """
    parts = []
    for row in rows:
        mine = doubts[(doubts.variant == row.variant) & (doubts.annotation == row.annotation)]
        mine = mine[mine.scored & ~mine.annotated]
        if mine.empty:
            raise InputError(
                f"doubts of {row.method}: expected scored frames that were not annotated, got "
                "none; annotate fewer frames"
            )
        parts.append(mine.assign(method=row.method))
    names = ["method", "dataset", "sequence", "object", "t", "frame", "doubt", "J"]
    return pd.concat(parts, ignore_index=True)[names]


def agreement_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how doubt agrees with 1 - J, of each method over all frames and by object.

    ``rows`` are those of `doubt_rows`. ``correlation`` is Spearman's, ``auc`` the area under the
    curve for "J below 0.7": the chance that a frame below has more doubt than one above; NaN where
    there is none of either. The rows over all frames have sequence ``all`` and object 0.
    """
    parts = []
    for method, mine in rows.groupby("method", sort=False):
        keys = ["dataset", "sequence", "object"]
        places: list[tuple[Any, pd.DataFrame]] = [(("", "all", 0), mine)]
        places += mine.groupby(keys, sort=False)
        for place, frames in places:
            doubt, j = (frames[name].to_numpy(np.float64) for name in ("doubt", "J"))
            parts.append(
                {"method": method}
                | dict(zip(keys, place, strict=True))
                | {"frames": len(frames), "below": int((j < LOOK).sum())}
                | {"correlation": rank_correlation(doubt, 1 - j), "auc": auc(doubt, j < LOOK)}
            )
    return pd.DataFrame(parts)


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation, NaN for a constant; equal values share a mean rank."""
    from scipy.stats import spearmanr

    return float("nan") if 0 in (np.ptp(a), np.ptp(b)) else float(spearmanr(a, b).statistic)


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the area under the receiver's curve (Mann and Whitney's U over its most).

    NaN where all are positive, or none.
    """
    from scipy.stats import mannwhitneyu

    above, below = score[positive], score[~positive]
    if not len(above) or not len(below):
        return float("nan")
    return float(mannwhitneyu(above, below).statistic) / (len(above) * len(below))
