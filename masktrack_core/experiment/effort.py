"""Annotation effort against quality: the numbers of Figure 4 (paper §5.4)."""

import pandas as pd

from masktrack_core.errors import InputError
from masktrack_core.experiment.figure_recipes import Panel

#: Percent of the frames, worst first, below whose cutting line the paper draws a curve.
QUANTILES = (5, 10, 20, 30, 70, 80, 90, 95)


def effort_table(scores: pd.DataFrame, panels: tuple[Panel, ...]) -> pd.DataFrame:
    """Return Figure 4 as a table: a row for each panel, method and annotation.

    ``method`` is "method", "baseline" or the name of a curve of the panel.
    ``annotated`` is the percentage of frames that the user gave, a mean over sequences; ``J`` the
    mean of the means of sequences; ``q05 … q95`` quantiles of the scored frames of all sequences
    pooled, interpolated linearly; all in percent. Annotated frames count in the scores, the first
    and last frame do not (§5.4). ``scores`` has the columns of ``tables.SCORES``.
    """
    rows = [
        {"panel": panel.title, "method": method, "annotation": annotation}
        | _summary(scores, variant, annotation)
        for panel in panels
        for method, variant, annotations in _lines(panel)
        for annotation in annotations
    ]
    return pd.DataFrame(rows)


def _lines(panel: Panel) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return method, variant and annotations of each line of a panel."""
    lines = [("method", panel.variant, panel.annotations)]
    if panel.baseline is not None:
        lines.append(("baseline", panel.baseline, panel.annotations))
    return lines + [(curve.name, panel.variant, curve.annotations) for curve in panel.curves]


def _summary(scores: pd.DataFrame, variant: str, annotation: str) -> dict[str, object]:
    mine = scores[(scores.variant == variant) & (scores.annotation == annotation)]
    scored = mine[mine.scored]
    if scored.empty:
        raise InputError(
            f"scores of {variant} from {annotation}: expected scored frames, got none; check the "
            "data set's `skip` and `only`"
        )
    keys = ["dataset", "sequence", "object"]
    # Paper: counts quantiles in "video frames" and gives mean IoU "same as Table 2": the quantiles
    # pool all frames, the mean is that of the means of sequences.
    quantiles = scored.J.quantile([q / 100 for q in QUANTILES])
    return {
        "variant": variant,
        "annotated": 100 * float(mine.groupby(keys).annotated.mean().mean()),
        "sequences": mine.groupby(keys).ngroups,
        "frames": len(scored),
        "J": 100 * float(scored.groupby(keys).J.mean().mean()),
        **{f"q{q:02d}": 100 * value for q, value in zip(QUANTILES, quantiles, strict=True)},
    }
