"""From scores of frames to the measures of every object."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from masktrack_core.datasets.videos import Video
from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import TableRow, VariantRecipe
from masktrack_core.files.io import read_mask, read_table
from masktrack_core.measures.metrics import contour_accuracy, region_similarity, summarize
from masktrack_core.measures.temporal import instability_of_steps, temporal_mean
from masktrack_core.tables import SCORES

#: Where a row comes from: we ran it, its masks were given, its numbers were published, or it was
#: shown the truth of every frame.
COMPUTED, GIVEN, PUBLISHED, ORACLE = "computed", "given", "published", "oracle"
#: What the page calls a computed row that copies masks which the user gave.
COPY = "copy"


def row_source(variant: VariantRecipe) -> str:
    """Return where the masks of a variant come from, as a word of the tables."""
    if variant.masks is not None:
        return GIVEN
    return ORACLE if variant.oracle in ("box", "grabcut") else COMPUTED


def is_copy(variant: VariantRecipe) -> bool:
    """Return whether a variant copies the masks that the user gives: no method, a comparison."""
    return variant.oracle in ("copy", "copy_box")


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


def curve_table(scores: pd.DataFrame, rows: Sequence[TableRow]) -> pd.DataFrame:
    """Return J and F of every scored and annotated frame, in percent, a row a method and frame.

    ``scores`` has the columns of ``tables.SCORES``; in the order of ``rows``.
    """
    parts = [
        scores[(scores.variant == row.variant) & (scores.annotation == row.annotation)].assign(
            method=row.method
        )
        for row in rows
    ]
    table = pd.concat(parts, ignore_index=True)
    table[["J", "F"]] *= 100
    names = ["method", "dataset", "sequence", "object", "t", "frame", "annotated", "J", "F"]
    return table.loc[table.scored | table.annotated, names].reset_index(drop=True)


def temporal_scores(video: Video, masks: Path, *, counted: range) -> pd.DataFrame:
    """Return T of the masks in a folder, one row per counted frame that has a truth.

    The step to the first of them is from the true first mask, as in the published numbers; NaN
    where T is not defined. The files were checked when J and F were taken.
    """
    names = video.frame_names
    places = [t for t in counted if video.truth(t) is not None]
    found = np.stack([read_mask(masks / f"{names[t]}.png") for t in places])
    start = max(counted.start - 1, 0)
    steps = instability_of_steps(video.truth(start), found, places, start=start)
    table = pd.DataFrame({"frame": [names[t] for t in places], "t": places, "T": steps})
    return table.assign(object=video.object_id)


def sequence_table(
    scores: pd.DataFrame,
    rows: Sequence[TableRow],
    *,
    temporal: pd.DataFrame | None = None,
    sources: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the measures of every object, one row per method, data set, sequence and object.

    ``scores`` has the columns of ``tables.SCORES``, ``temporal`` those of ``tables.TEMPORAL``;
    frames that the protocol leaves out do not count. ``J`` and ``F`` are means. In percent, in the
    order of ``rows``, with their ``seed`` where one has several; ``sources`` says of variants where
    they come from, by default `COMPUTED`.
    Raises ``InputError`` where an object has no scored frame: a mean over nothing is no number.
    """
    keys = ["dataset", "sequence", "object"]
    parts = []
    for row in rows:
        source = (sources or {}).get(row.variant, COMPUTED)
        mine = scores[(scores.variant == row.variant) & (scores.annotation == row.annotation)]
        for where, frames in mine.groupby(keys, sort=False):
            parts.append(
                {"method": row.method, "source": source}
                | ({} if row.seed is None else {"seed": row.seed})
                | dict(zip(keys, where, strict=True))
                | _summary(
                    frames[frames.scored].sort_values("t"),  # decay goes by time
                    f"{row.method}: no frame of " + "/".join(map(str, where)),
                )
            )
            if temporal is not None:
                parts[-1]["T"] = _temporal_of(temporal, row, where)
    table = pd.DataFrame(parts)
    return table.astype({"seed": "Int64"}) if "seed" in table else table


def _summary(scored: pd.DataFrame, what: str) -> dict[str, float]:
    if not len(scored):
        raise InputError(
            f"scores of {what} is scored; leave the sequence out with `only`, or change the data "
            "set's `skip`"
        )
    j, f = (summarize(scored[name].to_numpy(np.float64)) for name in ("J", "F"))
    values = {"J": j.mean, "F": f.mean, "J_recall": j.recall, "J_decay": j.decay}
    values |= {"F_recall": f.recall, "F_decay": f.decay}
    return {"frames": len(scored)} | {name: 100 * value for name, value in values.items()}


def _temporal_of(temporal: pd.DataFrame, row: TableRow, where: Any) -> float:
    """Return T of one object, NaN where it is not measured."""
    names = ("variant", "annotation", "dataset", "sequence", "object")
    chosen = np.ones(len(temporal), np.bool_)
    for name, value in zip(names, (*row.run, *where), strict=True):
        chosen &= (temporal[name] == value).to_numpy()
    return 100 * temporal_mean(temporal["T"].to_numpy(np.float64)[chosen])
