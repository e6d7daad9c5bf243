"""Doubt against 1 - J: every frame a point, a panel a sequence."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from masktrack_core.errors import InputError
from masktrack_core.experiment.doubts import rank_correlation
from masktrack_core.pictures.style import GREY, PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = ("method", "dataset", "sequence", "object", "doubt", "J")


@styled
def doubt_figure(table: pd.DataFrame) -> "Figure":
    """Return doubt against 1 - J, all frames first, then a panel an object of a sequence.

    ``table`` is that of `doubts.doubt_rows`. The title has Spearman's rank correlation of the
    first method; a point on the line has as much doubt as it should.
    """
    from matplotlib.figure import Figure

    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing or table.empty:
        raise InputError(
            f"table of a figure: expected rows with the columns {list(_COLUMNS)}, got {len(table)} "
            f"rows without {missing}; make the table again"
        )
    several = table.groupby("sequence").object.nunique().max() > 1
    panels = [("all", table)]
    for (_, sequence, number), mine in table.groupby(["dataset", "sequence", "object"], sort=False):
        panels.append((f"{sequence}, {number}" if several else str(sequence), mine))
    columns = min(len(panels), 5)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(1.75 * columns + 0.4, 1.75 * lines + 0.6), layout="constrained")
    grid = list(figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).flat)
    methods = list(dict.fromkeys(table.method))
    for axes, (title, mine) in zip(grid, panels, strict=False):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.6)
        for number, method in enumerate(methods):
            points = mine[mine.method == method]
            axes.plot(
                points.doubt, 1 - points.J, ".", ms=2.5, alpha=0.6, mew=0,
                color=PALETTE[number % len(PALETTE)], label=method,
            )  # fmt: skip
        first = mine[mine.method == methods[0]]
        rho = rank_correlation(first.doubt.to_numpy(np.float64), 1 - first.J.to_numpy(np.float64))
        axes.set_title(title if np.isnan(rho) else f"{title}, ρ {rho:.2f}", fontsize=8)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel("doubt", fontsize=9)
    figure.supylabel("1 - J", fontsize=9)
    if len(methods) > 1:
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=2, markerscale=3)
    return figure
