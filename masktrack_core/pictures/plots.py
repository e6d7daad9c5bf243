"""Figures 4 and 5 and the curves of training: a table in, a matplotlib ``Figure`` out.

Nothing but the table is needed: no network, no picture, no file. Colours and the rest of the look
are those of `pictures.style`.
"""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Literal

import pandas as pd

from masktrack_core.errors import InputError
from masktrack_core.experiment.attributes import ATTRIBUTES
from masktrack_core.experiment.effort import QUANTILES
from masktrack_core.experiment.results import PUBLISHED
from masktrack_core.pictures.style import BLACK, BLUE, DASHES, GREY, PALETTE, VERMILION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

J_PERCENT = "region similarity J (IoU), %"


@styled
def effort_figure(table: pd.DataFrame) -> "Figure":
    """Return Figure 4: J against the share of annotated frames, a panel a kind of annotation.

    ``table`` is that of `effort.effort_table`: the bold line is the mean, thin lines are the
    quantiles of all frames, the dashed line is the mean of the baseline. Curves with names of their
    own are drawn over them, the mean and, dotted, the 10 % quantile.
    """
    from matplotlib.figure import Figure

    _check(table, "panel", "method", "annotated", "J")
    titles = list(dict.fromkeys(table.panel))
    figure = Figure(figsize=(4.9 * len(titles) + 0.4, 4.7), layout="constrained")
    panels = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axes, title in zip(panels, titles, strict=True):
        _draw_effort(axes, table[table.panel == title])
        axes.set(title=title, xlabel="annotated frames, % (logarithmic)", ylim=(0, 103))
    panels[0].set_ylabel(J_PERCENT)
    _legend(figure, panels[0], "outside lower center")
    return figure


@styled
def stages_figure(table: pd.DataFrame) -> "Figure":
    """Return where the time of a run goes: a bar of CPU time a stage, dearest on top.

    ``table`` is that of `timings.stage_table`; beside each bar its jobs and its largest job's
    memory, on the GPU too where there is one.
    """
    from matplotlib.figure import Figure

    _check(table, "stage", "jobs", "cpu_s", "memory_mb", "gpu_memory_mb")
    figure = Figure(figsize=(7.2, 0.28 * len(table) + 1.1), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(table)), table.cpu_s, color=BLUE)
    axes.set_yticks(range(len(table)), table.stage)
    axes.invert_yaxis()
    axes.set(xlabel="CPU time, s", xlim=(0, 1.45 * float(table.cpu_s.max()) or 1))
    numbers = table[["jobs", "cpu_s", "memory_mb", "gpu_memory_mb"]].to_numpy(dtype=float)
    for place, (jobs, cpu_s, memory, on_gpu) in enumerate(numbers.tolist()):
        words = [f" {jobs:.0f} job" + "s" * (jobs != 1)]
        words += [f"{memory:.0f} MB"] * (memory == memory)  # NaN: nobody looked
        words += [f"GPU {on_gpu:.0f} MB"] * (on_gpu == on_gpu)
        axes.text(cpu_s, place, ", ".join(words), va="center", fontsize=7)
    return figure


def _draw_effort(axes: "Axes", table: pd.DataFrame) -> None:
    """Draw one panel: quantiles as bands with their borders, the mean, the baseline."""
    method = table[table.method == "method"].sort_values("annotated")
    x = method.annotated.to_numpy()
    for low, high in zip(QUANTILES[:4], reversed(QUANTILES[4:]), strict=True):
        axes.fill_between(x, method[f"q{low:02d}"], method[f"q{high:02d}"], color=BLUE, alpha=0.09)
    for quantile in QUANTILES:
        label = "quantiles of frames" if quantile == QUANTILES[0] else None
        axes.plot(x, method[f"q{quantile:02d}"], color=BLUE, lw=0.7, alpha=0.8, label=label)
    axes.plot(x, method.J, color=BLUE, lw=2.4, marker="o", ms=5, label="propagated, mean")
    baseline = table[table.method == "baseline"].sort_values("annotated")
    if len(baseline):
        label = "nearest annotation copied, mean"
        axes.plot(baseline.annotated, baseline.J, "s--", color=VERMILION, lw=1.8, ms=4, label=label)
    _draw_curves(axes, table[~table.method.isin(["method", "baseline"])])
    ends = [float(method[f"q{quantile:02d}"].iloc[-1]) for quantile in QUANTILES]
    for text, height in quantile_labels(ends):
        axes.annotate(
            text, (x[-1], height), (7, 0), textcoords="offset points", fontsize=7, color=GREY,
            va="center",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(x, [f"{value:.2g}" for value in x], minor=False)
    axes.set_xticks([], minor=True)
    room = max(x[-1] / x[0], 1.5)  # for the texts at the right
    axes.set_xlim(x[0] / room**0.03, x[-1] * room**0.16)
    axes.grid(alpha=0.3, lw=0.5)


def _draw_curves(axes: "Axes", table: pd.DataFrame) -> None:
    """Draw the curves of other annotations: the mean, and dotted the 10 % quantile."""
    colours = [colour for colour in PALETTE if colour not in (BLUE, VERMILION)]
    for number, (name, curve) in enumerate(table.groupby("method", sort=False)):
        colour, line = colours[number % len(colours)], curve.sort_values("annotated")
        axes.plot(line.annotated, line.J, "o-", color=colour, lw=1.6, ms=3.5, label=f"{name}, mean")
        axes.plot(line.annotated, line.q10, ":", color=colour, lw=1.2)


def quantile_labels(ends: Sequence[float], *, apart: float = 4.0) -> list[tuple[str, float]]:
    """Return the texts beside the right ends of the quantile curves, and their heights.

    ``ends``: J in percent of each of `effort.QUANTILES`. Curves that end closer than ``apart`` to
    the first of a group share one text, such as ``70–95 %``, at their mean.
    """
    groups: list[list[int]] = []
    for number, value in enumerate(ends):
        if groups and value - ends[groups[-1][0]] < apart:
            groups[-1].append(number)
        else:
            groups.append([number])
    labels = []
    for group in groups:
        first, last = QUANTILES[group[0]], QUANTILES[group[-1]]
        text = f"{first} %" if first == last else f"{first}–{last} %"
        labels.append((text, sum(ends[number] for number in group) / len(group)))
    return labels


@styled
def attribute_figure(table: pd.DataFrame) -> "Figure":
    """Return Figure 5: mean J by attribute, and below the gain against the other sequences.

    ``table`` is that of `attributes.attribute_table`. The number of objects with the attribute
    stands below its name; published methods are hatched. An attribute that no object has is not
    there.
    """
    import seaborn as sns
    from matplotlib.figure import Figure

    _check(table, "method", "source", "attribute", "n", "J", "gain")
    counts = table.groupby("attribute").n.max()
    codes = [code for code in ATTRIBUTES if counts.get(code, 0)]
    methods = list(dict.fromkeys(table.method))
    figure = Figure(figsize=(max(0.74 * len(codes), 4) + 0.8, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    hatched = [table[table.method == m].source.iloc[0] == PUBLISHED for m in methods]
    columns = {"x": "attribute", "hue": "method", "order": codes, "hue_order": methods}
    for axes, value in ((above, "J"), (below, "gain")):
        sns.barplot(
            table, y=value, **columns, palette=_palette(len(methods)), saturation=1, ax=axes
        )
        for bars, is_published in zip(axes.containers, hatched, strict=True):
            for bar in bars:
                bar.set(edgecolor="white", linewidth=0.4, hatch="////" if is_published else None)
        axes.get_legend().remove()
        axes.grid(axis="y", alpha=0.3, lw=0.5)
        axes.set_axisbelow(True)
    above.set(ylabel=J_PERCENT, ylim=(0, 100), xlabel="")
    below.set(ylabel="gain, points", xlabel="attribute (objects that have it)")
    below.axhline(0, color=BLACK, lw=0.8)
    names = [fill(ATTRIBUTES[code], 13) for code in codes]
    labels = [f"{name}\n({counts[code]})" for name, code in zip(names, codes, strict=True)]
    below.set_xticks(range(len(codes)), labels, fontsize=7)
    _legend(figure, above, "outside upper center")
    return figure


def _legend(
    figure: "Figure", axes: "Axes", place: Literal["outside upper center", "outside lower center"]
) -> None:
    """Put the legend of ``axes`` outside of all axes, in as many columns as the figure is wide."""
    handles, names = axes.get_legend_handles_labels()
    for columns in range(len(names), 0, -1):
        legend = figure.legend(handles, names, loc=place, ncols=columns)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def _palette(count: int) -> list[str]:
    return [PALETTE[n % len(PALETTE)] for n in range(count)]


@styled
def curve_figure(table: pd.DataFrame, measure: str = "J") -> "Figure":
    """Return J or F over time, a panel an object of a sequence, methods over each other.

    ``table`` is that of `results.curve_table`. Lines differ in colour and in dashes, so that grey
    prints tell them apart; triangles at the bottom are annotated frames of any method.
    """
    from matplotlib.figure import Figure

    _check(table, "method", "dataset", "sequence", "object", "t", "annotated", measure)
    panels = list(table.groupby(["dataset", "sequence", "object"], sort=False))
    several = table.groupby("sequence").object.nunique().max() > 1
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(3.6 * columns, 1.7 * lines + 0.6), layout="constrained")
    grid = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    methods = list(dict.fromkeys(table.method))
    for axes, ((_, sequence, number), mine) in zip(grid, panels, strict=False):
        for n, method in enumerate(methods):
            line = mine[mine.method == method].sort_values("t")
            colour, dashes = PALETTE[n % len(PALETTE)], DASHES[n % len(DASHES)]
            axes.plot(line.t, line[measure], dashes, color=colour, linewidth=1.2, label=method)
        given = mine.t[mine.annotated].unique()
        axes.plot(given, [2] * len(given), "^", color=BLACK, markersize=4, label="annotated")
        axes.set(ylim=(0, 102), xlabel="frame")
        title = f"{sequence}, object {number}" if several else str(sequence)
        axes.set_title(title, fontsize="small")
        axes.grid(color="0.92")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in figure.axes[::columns]:
        axes.set_ylabel(f"{measure}, %")
    _legend(figure, figure.axes[0], "outside lower center")
    return figure


@styled
def loss_figure(table: pd.DataFrame) -> "Figure":
    """Return loss and learning rate over the steps of each training, by network.

    ``table`` has the columns ``network, iteration, loss, learning_rate``. Single losses are pale,
    their running median over a fiftieth of the training is drawn on top.
    """
    from matplotlib.figure import Figure

    _check(table, "network", "iteration", "loss", "learning_rate")
    figure = Figure(figsize=(6, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    networks = table.groupby("network", sort=False)
    for (name, mine), colour in zip(networks, _palette(len(networks)), strict=True):
        median = mine.loss.rolling(max(len(mine) // 50, 1), center=True, min_periods=1).median()
        upper.plot(mine.iteration, mine.loss, color=colour, lw=0.5, alpha=0.35)
        upper.plot(mine.iteration, median, color=colour, lw=1.8, label=str(name))
        lower.plot(mine.iteration, mine.learning_rate, color=colour, lw=1.8)
    upper.set(ylabel="cross-entropy, nat per pixel", yscale="log")
    lower.set(xlabel="iteration", ylabel="learning rate")
    upper.legend(title="network")
    for axes in (upper, lower):
        axes.grid(alpha=0.3, lw=0.5, which="both")
    return figure


def _check(table: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing or table.empty:
        raise InputError(
            f"table of a figure: expected rows with the columns {list(columns)}, got {len(table)} "
            f"rows without {missing}; make the table again"
        )
