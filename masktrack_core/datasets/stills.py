"""Still pictures with saliency masks: the offline training set (section 4 of the paper)."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from masktrack_core.arrays import Frame, Mask
from masktrack_core.datasets.layouts import StillLayout, still_layout
from masktrack_core.datasets.patterns import find_files, natural_key
from masktrack_core.errors import InputError
from masktrack_core.files.io import read_frame, read_mask
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
