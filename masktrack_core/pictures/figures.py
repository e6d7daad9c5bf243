"""Figure 2 of the paper, and how a figure becomes files."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.arrays import Frame
from masktrack_core.errors import InputError
from masktrack_core.files.io import atomic_path
from masktrack_core.pictures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Dots per inch of PNG files.
RESOLUTION = 150

COLUMN_INCHES = 2.4  # width of one frame in Figure 2


@styled
def write_figure(figure: "Figure", paths: Iterable[Path | str]) -> None:
    """Write a figure to files; the suffix chooses the format. Equal figures give equal bytes."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every glyph
    for path in map(Path, paths):
        stamps = {"CreationDate": None} if path.suffix == ".pdf" else {}
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=RESOLUTION, metadata=stamps)


@styled
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
