"""Two methods sequence by sequence: sorted bars of their difference."""

from textwrap import fill
from typing import TYPE_CHECKING

from masktrack_core.experiment.comparison import Comparison
from masktrack_core.pictures.style import BLUE, GREY, VERMILION, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def comparison_figure(comparison: Comparison) -> "Figure":
    """Return a bar a sequence and object, the largest gain of the first method on top.

    The line is the mean, the band its interval; bars of either method differ in colour and side.
    """
    from matplotlib.figure import Figure

    rows = comparison.rows
    several = bool(rows.duplicated("sequence").any())
    names = [
        f"{row.sequence}, {row.object}" if several else str(row.sequence)
        for row in rows.itertuples()
    ]
    figure = Figure(figsize=(5.2, 0.2 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = [BLUE if difference >= 0 else VERMILION for difference in rows.difference]
    axes.barh(range(len(rows)), rows.difference, color=colours, height=0.75)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(comparison.mean, color=GREY, linestyle="--", label=f"mean {comparison.mean:+.1f}")
    if comparison.low == comparison.low:
        band = f"95 % interval {comparison.low:+.1f} to {comparison.high:+.1f}"
        axes.axvspan(
            comparison.low,
            comparison.high,
            color=GREY,
            alpha=0.2,
            linewidth=0,
            label=band,
            zorder=0,
        )
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    axes.set(
        ylim=(len(rows) - 0.4, -0.6),
        xlabel=fill(f"J of {comparison.first} less {comparison.second}, points", 60),
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure
