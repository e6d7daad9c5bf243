"""Qualitative results: frames at equal distances with masks drawn over them (Figures 3 and 6)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from masktrack_core.arrays import Frame, Mask
from masktrack_core.datasets.videos import Video
from masktrack_core.errors import InputError
from masktrack_core.experiment.printed import number_text
from masktrack_core.files.io import read_mask
from masktrack_core.measures.metrics import region_similarity
from masktrack_core.pictures.overlays import OBJECTS, TRUTH, Colour, enlarge, overlay
from masktrack_core.pictures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_INCHES = 1.9
LABEL_POINTS = 8


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One line of pictures; the first shows what the user gave."""

    label: str
    times: tuple[int, ...]
    pictures: tuple[Frame, ...]
    #: Written into each picture; empty where nothing is.
    notes: tuple[str, ...] = ()
    #: Above the pictures, in place of the numbers of their frames.
    titles: tuple[str, ...] = ()


def equal_distances(available: Collection[int], length: int, columns: int) -> tuple[int, ...]:
    """Return ``columns`` times at equal distances over a video, 0 first.

    Each is the nearest in ``available`` (the frames that have a mask), the earlier of two as
    near; a short video gives fewer. Raises `InputError` where nothing is available after frame 0.
    """
    later = sorted(t for t in available if t > 0)
    if not later:
        raise InputError("sheet: expected masks of frames after the first, got none")
    wanted = np.linspace(0, length - 1, columns)[1:]
    chosen = [min(later, key=lambda t: (abs(t - place), t)) for place in wanted]
    return (0, *dict.fromkeys(chosen))


def masked_times(video: Video, folders: Sequence[Path]) -> list[int]:
    """Return the frames of which every object has a mask on disk."""
    names = enumerate(video.frame_names)
    return [t for t, name in names if all((f / f"{name}.png").exists() for f in folders)]


def picture(video: Video, t: int, masks: Sequence[Mask], colours: Sequence[Colour]) -> Frame:
    """Return a frame at 480 pixels across with masks drawn over it."""
    return overlay(*enlarge(video.frame(t), masks), colours)


def result_row(
    label: str, videos: Sequence[Video], folders: Sequence[Path], times: Sequence[int]
) -> SheetRow:
    """Return a line of results; at ``times[0]``, the given frame, the truth is shown.

    ``videos`` are the objects of one sequence, ``folders`` the masks of each.
    """
    pictures, notes = [truth_picture(videos, times[0])], [""]
    for t in times[1:]:
        masks = [read_mask(folder / f"{videos[0].frame_names[t]}.png") for folder in folders]
        pictures.append(picture(videos[0], t, masks, OBJECTS))
        notes.append(measured(videos, masks, t))
    return SheetRow(label=label, times=tuple(times), pictures=tuple(pictures), notes=tuple(notes))


def measured(videos: Sequence[Video], masks: Sequence[Mask], t: int) -> str:
    """Return J of a frame, the mean over the objects that have a truth; empty without one."""
    pairs = [(mask, video.truth(t)) for video, mask in zip(videos, masks, strict=True)]
    found = [region_similarity(m[None], truth[None])[0] for m, truth in pairs if truth is not None]
    return f"J {number_text(100 * float(np.mean(found)))}" if found else ""


def compared_rows(
    methods: Sequence[str],
    videos: Sequence[Video],
    folders: Sequence[Sequence[Path]],
    times: Sequence[int],
    titles: Sequence[str],
) -> list[SheetRow]:
    """Return lines of frames, of their truths, and of the results of each method, a column a frame.

    ``videos`` are the objects that the columns are of, ``folders`` the masks of each by method.
    """
    columns = list(zip(videos, times, strict=True))
    frames = tuple(picture(video, t, (), ()) for video, t in columns)
    truths = tuple(truth_picture([video], t) for video, t in columns)
    kept, above = tuple(times), tuple(titles)
    rows = [
        SheetRow(label="frame", times=kept, pictures=frames, titles=above),
        SheetRow(label="truth", times=kept, pictures=truths),
    ]
    for number, method in enumerate(methods):
        masks = [
            read_mask(each[number] / f"{video.frame_names[t]}.png")
            for (video, t), each in zip(columns, folders, strict=True)
        ]
        every = list(zip(columns, masks, strict=True))
        shown = tuple(picture(video, t, [mask], OBJECTS) for (video, t), mask in every)
        notes = tuple(measured([video], [mask], t) for (video, t), mask in every)
        rows.append(SheetRow(label=method, times=kept, pictures=shown, notes=notes))
    return rows


def truth_row(label: str, videos: Sequence[Video], times: Sequence[int]) -> SheetRow:
    """Return a line of truths; frames without truth are shown bare."""
    pictures = tuple(truth_picture(videos, t) for t in times)
    return SheetRow(label=label, times=tuple(times), pictures=pictures)


def truth_picture(videos: Sequence[Video], t: int) -> Frame:
    """Return a frame with the truth of every object that has one."""
    truths = [truth for video in videos if (truth := video.truth(t)) is not None]
    return picture(videos[0], t, truths, (TRUTH,))


@styled
def sheet_figure(rows: Sequence[SheetRow]) -> "Figure":
    """Return Figure 3 or 6: a line of pictures a sequence and method, the given frame first.

    The truth is yellow, results have the colours of their objects; the given frame, 0, has a yellow
    border. Frames are named where they differ from those of the row above. Labels are wrapped to
    the height of their row. Rows may differ in shape and number of pictures.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not rows:
        raise InputError("sheet: expected at least one row, got none; check the figure's sequences")
    columns = max(len(row.pictures) for row in rows)
    heights = [row.pictures[0].shape[0] / row.pictures[0].shape[1] for row in rows]
    labels = [wrapped(row.label, COLUMN_INCHES * h) for row, h in zip(rows, heights, strict=True)]
    lines = max(label.count("\n") + 1 for label in labels)
    above = [None, *(row.times for row in rows[:-1])]
    named = [row.times != times for row, times in zip(rows, above, strict=True)]
    inches = sum(COLUMN_INCHES * h + 0.04 + 0.18 * n for h, n in zip(heights, named, strict=True))
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    figure = Figure(figsize=(COLUMN_INCHES * columns + 0.14 * lines + 0.2, inches), layout=layout)
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for axes, row, label, is_named in zip(grid, rows, labels, named, strict=True):
        for axis in axes:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        axes[0].set_ylabel(label, fontsize=LABEL_POINTS)
        numbers = ("first frame, given" if t == 0 else f"frame {t}" for t in row.times)
        for axis, name, shown in zip(axes, row.titles or numbers, row.pictures, strict=False):
            axis.imshow(shown)
            if is_named:
                axis.set_title(name, fontsize=7, pad=2)
        for axis, note in zip(axes, row.notes, strict=False):
            if note:
                box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0}
                place = {"x": 0.02, "y": 0.03, "transform": axis.transAxes}
                axis.text(s=note, color="white", fontsize=7, bbox=box, **place)
        if row.times[0] == 0:
            axes[0].spines[:].set(visible=True, color="#D8C400", linewidth=2.5)
    return figure


def wrapped(label: str, inches: float) -> str:
    """Return a label with the breaks that let it stand along a picture of that height.

    It breaks between words and behind a plus, ``MaskTrack+Flow+CRF``.
    """
    width = max(int(inches * 72 / (0.55 * LABEL_POINTS)), 6)
    parts = label.replace("+", "+\0 ").split("\n")  # a word's end that is taken back
    text = "\n".join(fill(part, width, break_on_hyphens=False) for part in parts)
    return text.replace("\0 ", "").replace("\0", "")
