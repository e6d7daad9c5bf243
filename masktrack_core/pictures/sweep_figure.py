"""Quality over the values of a parameter, a line a method and data set."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from masktrack_core.pictures.style import DASHES, PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "os^Dv<>P"
#: Largest over smallest value from which an axis is logarithmic.
_DECADES = 30


@styled
def sweep_figure(table: pd.DataFrame) -> "Figure":
    """Return the curves of a sweep; bars are ± the standard deviation over seeds, where known.

    ``table`` is that of `sweeps.sweep_table`. Numbers stand where they lie, on a logarithmic axis
    where they span decades; other values stand in their order. Lines differ in colour, dashes and
    markers.
    """
    from matplotlib.figure import Figure

    measure = str(table.columns[-2])
    values = list(dict.fromkeys(table.value))
    is_number = pd.api.types.is_numeric_dtype(table.value)
    places = {value: value if is_number else n for n, value in enumerate(values)}
    figure = Figure(figsize=(4.2, 3), layout="constrained")
    axes = figure.subplots()
    varying = [name for name in ("method", "dataset") if table[name].nunique() > 1]
    for n, ((method, dataset), mine) in enumerate(table.groupby(["method", "dataset"], sort=False)):
        said = {"method": str(method), "dataset": str(dataset)}
        label = ", ".join(said[name] for name in varying or ["method"])
        axes.errorbar(
            [places[value] for value in mine.value],
            mine[measure],
            yerr=mine.sd if mine.sd.notna().any() else None,
            fmt=MARKERS[n % len(MARKERS)],
            linestyle=DASHES[n % len(DASHES)],
            color=PALETTE[n % len(PALETTE)],
            markersize=4,
            linewidth=1.4,
            capsize=3,
            label=label,
        )
    _scale(axes, [places[value] for value in values], [str(value) for value in values])
    axes.set(xlabel=str(table.parameter.iloc[0]), ylabel=f"{measure}, %")
    axes.grid(alpha=0.3, lw=0.5)
    figure.legend(loc="outside upper center", fontsize=8)
    return figure


def _scale(axes: "Axes", places: list[float], names: list[str]) -> None:
    """Put a tick at each value, and choose between a linear and a logarithmic axis."""
    from matplotlib.ticker import NullLocator

    if min(places) > 0 and max(places) >= _DECADES * min(places):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(np.array(places), names)
