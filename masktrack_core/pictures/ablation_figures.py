"""Figures about the ablation: its differences beside the paper's, and the deformed masks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from masktrack_core.arrays import Frame, Mask
from masktrack_core.errors import InputError
from masktrack_core.pictures.style import BLUE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PAPERS = BLUE, "0.45"
ROW_INCHES, PICTURE_INCHES = 0.3, 1.5
#: RGB, and its share where a mask covers the frame.
TINT, TINT_SHARE = (230, 60, 50), 0.55


@styled
def delta_figure(table: pd.DataFrame) -> "Figure":
    """Return the differences of mIoU of Table 1, ours and the paper's, a row a variant.

    ``table`` is that of ``ablations.ablation_table``; rows without a difference are left out.
    Raises ``InputError`` where none is left.
    """
    from matplotlib.figure import Figure

    table = table[table.delta.notna()].reset_index(drop=True)
    if not len(table):
        raise InputError("ablation: expected a row with a difference to another, got none")
    rows = len(table)
    figure = Figure(figsize=(7, ROW_INCHES * rows + 1.2), layout="constrained")
    axes = figure.subplots()
    places = np.arange(rows)
    axes.axvline(0, color="0.6", linewidth=0.8)
    axes.hlines(places, table.paper_delta, table.delta, color="0.8", linewidth=2, zorder=1)
    axes.scatter(
        table.paper_delta, places, facecolors="white", edgecolors=PAPERS, label="paper", zorder=2
    )
    axes.scatter(table.delta, places, color=OURS, label="ours", zorder=3)
    axes.set_yticks(places, [_row_label(row) for row in table.itertuples()])
    axes.set(xlabel="Δ mIoU, percentage points", ylim=(rows - 0.5, -0.5))
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure


def _row_label(row: object) -> str:
    aspect, variant = str(row.aspect), str(row.variant)  # type: ignore[attr-defined]
    return f"{aspect}: {variant}" if aspect else variant


@styled
def deformed_masks_page(
    stills: Sequence[tuple[Frame, Mask, Sequence[Mask]]], titles: Sequence[str]
) -> "Figure":
    """Return a page of deformed masks: a row a still, first its annotation, then what became of it.

    ``stills`` are frame, mask and deformed masks, as many as ``titles``. Masks tint the frame;
    the border of the annotation is drawn on all. Raises ``InputError`` for no still and for
    another number of masks than of titles.
    """
    from matplotlib.figure import Figure

    if not stills or any(len(deformed) != len(titles) for _, _, deformed in stills):
        raise InputError(
            f"deformed masks: expected stills with {len(titles)} deformed masks each, got "
            f"{[len(deformed) for _, _, deformed in stills]}"
        )
    columns = len(titles) + 1
    heights = [frame.shape[0] / frame.shape[1] for frame, _, _ in stills]
    size = (PICTURE_INCHES * columns, PICTURE_INCHES * (sum(heights) + 0.2))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(stills), columns, squeeze=False, height_ratios=heights)
    for axes, (frame, mask, deformed) in zip(grid, stills, strict=True):
        for axis, shown in zip(axes, [mask, *deformed], strict=True):
            _show_mask(axis, frame, shown, mask)
    for axis, title in zip(grid[0], ["annotation", *titles], strict=True):
        axis.set_title(title, fontsize="small")
    return figure


def _show_mask(axis: "Axes", frame: Frame, mask: Mask, annotation: Mask) -> None:
    tinted = (1 - TINT_SHARE) * frame + TINT_SHARE * np.array(TINT)
    shown = np.where(mask[..., None], tinted, frame)
    axis.imshow(shown.astype(np.uint8), interpolation="nearest")
    if annotation.any() and not annotation.all():
        axis.contour(annotation, levels=[0.5], colors="white", linewidths=0.7)
    axis.set_axis_off()
