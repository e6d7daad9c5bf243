"""The figures of the paper: arrays and tables in, a matplotlib ``Figure`` out."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.arrays import Frame
from masktrack_core.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

COLUMN_INCHES = 2.4  # width of one frame in Figure 2


def figure2(
    frames: Sequence[Frame], magnitudes: Sequence[Frame], *, names: Sequence[str] = ()
) -> "Figure":
    """Return Figure 2: frames above, their flow-magnitude pictures below.

    ``magnitudes`` are those of ``flow.flow_image``; a frame and its picture share a column, and
    frames may differ in size from column to column. ``names`` are titles of the columns, none
    where empty. Raises ``InputError`` for no frames, unlike counts, or a picture whose size is not
    that of its frame.
    """
    from matplotlib.figure import Figure

    _check_columns(frames, magnitudes, names)
    count = len(frames)
    height, width = frames[0].shape[:2]
    figure = Figure(
        figsize=(COLUMN_INCHES * count, 2 * COLUMN_INCHES * height / width + 0.3),
        layout="constrained",
    )
    rows = figure.subplots(2, count, squeeze=False)
    labelled = {"RGB": frames, "motion magnitude": magnitudes}
    for axes, (label, pictures) in zip(rows, labelled.items(), strict=True):
        axes[0].set_ylabel(label)
        for axis, picture in zip(axes, pictures, strict=True):
            axis.imshow(picture)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, name in zip(rows[0], names, strict=False):
        axis.set_title(name, fontsize="medium")
    return figure


def _check_columns(
    frames: Sequence[Frame], magnitudes: Sequence[Frame], names: Sequence[str]
) -> None:
    if not len(frames) or len(frames) != len(magnitudes) or len(names) not in (0, len(frames)):
        raise InputError(
            "figure2: expected as many frames as magnitudes (and names, if any), at least one; "
            f"got {len(frames)}, {len(magnitudes)} and {len(names)}"
        )
    for column, (frame, magnitude) in enumerate(zip(frames, magnitudes, strict=True)):
        if frame.shape != magnitude.shape:
            raise InputError(
                f"figure2: magnitudes[{column}]: expected shape {frame.shape} like its frame, "
                f"got {magnitude.shape}"
            )


def save_figure(figure: "Figure", paths: Iterable[str | Path]) -> None:
    """Write a figure in the formats that the suffixes name; the same figure gives the same bytes.

    Pictures have 150 pixels an inch.
    """
    for path in paths:
        dated = {"CreationDate": None} if Path(path).suffix == ".pdf" else {}
        figure.savefig(path, dpi=150, metadata=dated)


def loss_curves(losses: Mapping[str, "DataFrame"]) -> "Figure":
    """Return loss and learning rate over the steps of each training, by name.

    Tables have the columns of ``tables.LOSSES``. Single losses are pale, their running median over
    a fiftieth of the training is drawn on top. A network that was not trained offline has an empty
    table and says so in the legend. Raises ``InputError`` for no table at all.
    """
    from matplotlib.figure import Figure

    if not losses:
        raise InputError("loss_curves: expected the losses of at least one network, got none")
    figure = Figure(figsize=(7, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name, table in losses.items():
        window = max(1, len(table) // 50)
        smooth = table["loss"].rolling(window, center=True, min_periods=1).median()
        label = name if len(table) else f"{name} (not trained offline)"
        (line,) = upper.plot(table["iteration"], smooth, linewidth=1.5, label=label)
        colour = line.get_color()
        upper.plot(table["iteration"], table["loss"], color=colour, alpha=0.25, linewidth=0.6)
        lower.plot(table["iteration"], table["learning_rate"], color=colour, linewidth=1.5)
    upper.set(ylabel="loss (cross-entropy)")
    lower.set(xlabel="step", ylabel="learning rate")
    if any((table["loss"] > 0).any() for table in losses.values()):
        upper.set_yscale("log")
    upper.legend(frameon=False)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
    return figure
