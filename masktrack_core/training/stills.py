"""Sets of still pictures, opened as the offline training set (paper §4)."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from masktrack_core.datasets.contents import contents_digest
from masktrack_core.datasets.stills import read_still
from masktrack_core.errors import InputError
from masktrack_core.files.archives import Archives, MaskArchive
from masktrack_core.files.io import read_table
from masktrack_core.seeds import numpy_rng
from masktrack_core.tables import STILLS
from masktrack_core.training.examples import Stills

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
        digest=lambda: _digest(pd.DataFrame([rows[name] for name in names]), deformed),
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


def _digest(index: pd.DataFrame, deformed: Sequence[Path]) -> str:
    """Return a digest of what pictures and masks hold, by their index, and deformed masks."""
    digest = hashlib.sha256(contents_digest(index).encode())
    for path in deformed:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
