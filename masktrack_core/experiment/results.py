"""From scores of frames to the tables of the paper."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from masktrack_core.datasets.videos import Video
from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow
from masktrack_core.files.io import read_mask, read_table
from masktrack_core.measures.metrics import contour_accuracy, region_similarity
from masktrack_core.tables import SCORES

COMPUTED, PUBLISHED = "computed", "published"


def frame_scores(
    video: Video, masks: Path, annotated: Collection[int], *, counted: range
) -> pd.DataFrame:
    """Return J and F of the masks in a folder, one row per frame that has a truth.

    Masks are PNGs named like the video's frames. ``annotated`` are the frames a user gave;
    ``counted`` those that are scored (`Video.counted`, paper §5.1), as column ``scored`` says; any
    other frame without a mask has no row (others' masks often begin at the second frame).
    Raises ``InputError`` naming the file for a missing mask and one of another size.
    """
    rows = []
    for t, name in enumerate(video.frame_names):
        truth = video.truth(t)
        path = masks / f"{name}.png"
        if truth is None or (t not in counted and not path.exists()):
            continue
        mask = read_mask(path)
        if mask.shape != truth.shape:
            raise InputError(
                f"{path}: expected the size of its frame, {truth.shape}, got {mask.shape}; "
                "write masks at the size of the frames"
            )
        pair = mask[None], truth[None]
        measured = region_similarity(*pair)[0], contour_accuracy(*pair)[0]
        rows.append((video.object_id, name, t, t in annotated, t in counted, *measured))
    columns = ["object", "frame", "t", "annotated", "scored", "J", "F"]
    return pd.DataFrame(rows, columns=columns)


def read_scores(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the scores of several files as one table, with the columns of ``tables.SCORES``."""
    return pd.concat([read_table(path, SCORES) for path in paths], ignore_index=True)


def sequence_table(scores: pd.DataFrame, rows: Sequence[TableRow]) -> pd.DataFrame:
    """Return mean J and F of every object, one row per method, data set, sequence and object.

    ``scores`` has the columns of ``tables.SCORES``; frames that the protocol leaves out do not
    count. In percent, in the order of ``rows``. Raises ``InputError`` where an object has no
    scored frame: a mean over nothing is no number.
    """
    parts = []
    for row in rows:
        mine = scores[(scores.variant == row.variant) & (scores.annotation == row.annotation)]
        keys = ["dataset", "sequence", "object"]
        groups = mine.assign(J=mine.J.where(mine.scored), F=mine.F.where(mine.scored))
        means = groups.groupby(keys, sort=False).agg(
            frames=("scored", "sum"), J=("J", "mean"), F=("F", "mean")
        )
        empty = means.index[means.frames == 0]
        if len(empty):
            raise InputError(
                f"scores of {row.method}: no frame of {'/'.join(map(str, empty[0]))} is scored; "
                "leave the sequence out with `only`, or change the data set's `skip`"
            )
        means[["J", "F"]] *= 100
        parts.append(means.reset_index().assign(method=row.method, source=COMPUTED))
    table = pd.concat(parts, ignore_index=True)
    return table[["method", "source", *keys, "frames", "J", "F"]]


def method_table(
    sequences: pd.DataFrame,
    datasets: Sequence[str],
    published: pd.DataFrame,
    published_columns: Mapping[str, str | None],
) -> pd.DataFrame:
    """Return Table 2: ``method, source`` and mIoU in percent, one column per data set.

    The mean of the means of sequences, each object of a sequence apart (paper §5.1).
    ``published`` holds the paper's results, ``method, dataset, miou``; ``published_columns``
    gives, for the data sets that have them, their name there.
    """
    means = sequences.groupby(["method", "source", "dataset"], sort=False).J.mean()
    table = means.unstack("dataset")
    known = {theirs: ours for ours, theirs in published_columns.items() if theirs}
    theirs = published[published.dataset.isin(list(known))]
    if len(theirs):
        wide = theirs.pivot(index="method", columns="dataset", values="miou")
        wide = wide.loc[theirs.method.unique()].rename(columns=known)
        wide.index = pd.MultiIndex.from_product([wide.index, [PUBLISHED]])
        table = pd.concat([table, wide])
    table.index.names = ["method", "source"]
    return table.reindex(columns=list(datasets)).reset_index()


def markdown_table(table: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return a table as Markdown: columns under their titles, numbers with one decimal."""
    heads = [titles.get(str(column), str(column)) for column in table.columns]
    numeric = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    lines = [heads, ["---:" if right else "---" for right in numeric]]
    for row in table.itertuples(index=False):
        lines.append([_cell(value) for value in row])
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.1f}"
    return str(value).replace("_", r"\_")
