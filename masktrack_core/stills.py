"""Still pictures with saliency masks: the offline training set (section 4 of the paper)."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from masktrack_core.archives import Archives, MaskArchive
from masktrack_core.arrays import Frame, Mask
from masktrack_core.contents import contents_digest
from masktrack_core.errors import InputError
from masktrack_core.examples import Stills
from masktrack_core.io import read_frame, read_mask, read_table
from masktrack_core.layouts import StillLayout, still_layout
from masktrack_core.patterns import find_files, natural_key
from masktrack_core.seeds import numpy_rng
from masktrack_core.tables import STILLS, check_columns

log = logging.getLogger(__name__)


def index_stills(root: Path, layout: StillLayout | Mapping[str, Any] | str) -> pd.DataFrame:
    """Return the index of a set of stills: a row a picture (schema `tables.STILLS`).

    In natural order of the names; no picture is opened. Raises `InputError` when the root is
    missing, there are no pictures, or a picture or a mask is alone.
    """
    layout = still_layout(layout)
    images = {free["name"]: path for path, free in find_files(root, layout.images, {})}
    masks = {free["name"]: path for path, free in find_files(root, layout.masks, {})}
    if not images or images.keys() != masks.keys():
        alone = sorted(images.keys() ^ masks.keys(), key=natural_key)
        raise InputError(
            f"{root}: expected a mask at {layout.masks} for each picture at {layout.images}, got "
            f"{len(images)} pictures, {len(masks)} masks and {len(alone)} names without the other "
            f"{alone[:3]}; correct the root or complete the set"
        )
    names = sorted(images, key=natural_key)
    rows = [(name, str(images[name]), str(masks[name]), "") for name in names]
    return check_columns(pd.DataFrame(rows, columns=list(STILLS.names)), STILLS, where=str(root))


def read_still(row: "Mapping[str, Any] | pd.Series[Any]") -> tuple[Frame, Mask]:
    """Return picture and mask of one row of the index, e.g. ``index.iloc[0]``.

    Graded masks (PASCAL-S) are foreground above 127 and may then be empty: see `drop_empty`.
    Raises `InputError` for damaged files and for a mask of another size than its picture.
    """
    frame, mask = read_frame(Path(row["image_path"])), read_mask(Path(row["mask_path"]))
    if frame.shape[:2] != mask.shape:
        raise InputError(
            f"{row['mask_path']}: expected the size of its picture, {frame.shape[:2]}, got "
            f"{mask.shape}; get both from the same release of the set"
        )
    return frame, mask


def drop_empty(index: pd.DataFrame) -> pd.DataFrame:
    """Return the index without the stills whose mask has no foreground, and log their names.

    Reads every mask, about 2 ms each. A still without an object cannot show how an object looks.
    """
    index = check_columns(index, STILLS, where="stills")
    full = pd.Series([bool(read_mask(Path(p)).any()) for p in index["mask_path"]], dtype="bool")
    if not full.all():
        names = index.loc[~full, "name"].tolist()
        log.warning("%d of %d stills have an empty mask: %s", len(names), len(index), names)
    return index[full].reset_index(drop=True)


def open_stills(
    sets: Sequence[str],
    indexes: Sequence[Path],
    deformed: Sequence[Path],
    *,
    masks_per_image: int,
    limit: int | None = None,
    seed: int = 0,
) -> Stills:
    """Return several sets of stills as one training set; pictures are read when asked for.

    ``indexes`` are the tables of the ``sets``, ``deformed`` the archives of their deformed masks;
    a still is ``set/name`` here and there. ``limit`` keeps so many, drawn at random with ``seed``
    (Table 1, "Reduced offline training"). Raises `InputError` for a limit above what is there, and
    for deformed masks that were made of other stills than these.
    """
    tables = [read_table(index, STILLS) for index in indexes]
    rows = {
        f"{name}/{row['name']}": row
        for name, table in zip(sets, tables, strict=True)
        for _, row in table.iterrows()
    }
    archives = [_deformed(*pair) for pair in zip(deformed, tables, strict=True)]
    names = list(rows)
    counts = Counter(name.partition("/")[0] for name in names)
    # Paper: 11 282 stills; the four sets as published hold 12 150. What is there is used.
    log.info("%d stills, %s; the paper had 11282", len(names), dict(counts))
    if limit is not None:
        if limit > len(names):
            raise InputError(
                f"limit: expected at most the {len(names)} stills of {list(sets)}, got {limit}"
            )
        kept = numpy_rng(seed, "limit").choice(len(names), limit, replace=False)
        names = [names[place] for place in sorted(kept)]
    return Stills(
        names=names,
        read=lambda name: read_still(rows[name]),
        deformed=Archives(archives),
        masks_per_image=masks_per_image,
    )


def _deformed(path: Path, index: pd.DataFrame) -> MaskArchive:
    """Return the deformed masks of some stills; raise where they were made of others."""
    archive, expected = MaskArchive(path), contents_digest(index)
    if archive.made_of != expected:
        raise InputError(
            f"{path}: expected masks deformed from the stills of this training (contents "
            f"{expected}), got some of {archive.made_of or 'unknown ones'}; delete the file and "
            "run again, it is then made anew"
        )
    return archive
