"""Sets of still pictures, opened as the offline training set (paper §4)."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masktrack_core.datasets.stills import read_still
from masktrack_core.errors import InputError
from masktrack_core.files.archives import Archives, MaskArchive
from masktrack_core.files.io import read_table
from masktrack_core.seeds import numpy_rng
from masktrack_core.tables import STILLS
from masktrack_core.training.examples import Stills

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


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
    (Table 1, "Reduced offline training"). Raises `InputError` for a limit above what is there.
    """
    rows = {
        f"{name}/{row['name']}": row
        for name, index in zip(sets, indexes, strict=True)
        for _, row in read_table(index, STILLS).iterrows()
    }
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
        deformed=Archives([MaskArchive(path) for path in deformed]),
        digest=lambda: _content_digest([rows[name] for name in names], deformed),
        masks_per_image=masks_per_image,
    )


def _content_digest(rows: Iterable["pd.Series[Any]"], deformed: Iterable[Path]) -> str:
    """Return a digest of the bytes of pictures, masks and archives of deformed masks, in order."""
    digest = hashlib.sha256()
    pictures = (Path(row[column]) for row in rows for column in ("image_path", "mask_path"))
    for path in (*pictures, *deformed):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
