"""Sets of still pictures, opened as the offline training set (paper §4)."""

import hashlib
import logging
from collections import ChainMap, Counter
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pandas as pd

from masktrack_core.arrays import Frame, Mask
from masktrack_core.datasets.contents import contents_digest
from masktrack_core.datasets.stills import read_still
from masktrack_core.errors import InputError
from masktrack_core.files.archives import Archives, MaskArchive
from masktrack_core.files.io import read_table
from masktrack_core.progress import bar
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
    keep_mb: int = 0,
) -> Stills:
    """Return several sets of stills as one training set; pictures are read when asked for.

    ``indexes`` are the tables of the ``sets``, ``deformed`` the archives of their deformed masks;
    a still is ``set/name`` here and there. ``limit`` keeps so many, drawn at random with ``seed``
    (Table 1, "Reduced offline training"). With ``keep_mb`` they are read at once, and as many as
    fit into so many megabytes stay decoded, for all processes that are forked later. Raises
    `InputError` for a limit above what is there, and for deformed masks that were made of other
    stills than these.
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
        drawn = numpy_rng(seed, "limit").choice(len(names), limit, replace=False)
        names = [names[place] for place in sorted(drawn)]
    stills = Stills(
        names=names,
        read=lambda name: read_still(rows[name]),
        deformed=Archives(archives),
        digest=lambda: _digest(pd.DataFrame([rows[name] for name in names]), deformed),
        masks_per_image=masks_per_image,
    )
    return kept(stills, keep_mb) if keep_mb else stills


def kept(stills: Stills, room_mb: int) -> Stills:
    """Return the stills, as many of them decoded as fit into so many megabytes."""
    return _Kept(stills, room_mb).opened()


class _Kept:
    """Pictures and masks that stay decoded, as many as there is room for.

    The first ones that are read, in the order of the names: in an epoch every still is shown
    once, so that one is as good to have as another.
    """

    def __init__(self, stills: Stills, room_mb: int) -> None:
        """Read them."""
        self._stills, room = stills, room_mb * 2**20
        self._frames: dict[str, tuple[Frame, Mask]] = {}
        self._masks: dict[str, Mask] = {}
        for name in bar(stills.names, "reading stills", unit="still"):
            frame, mask = stills.read(name)
            keys = [f"{name}/{k}" for k in range(stills.masks_per_image)]
            masks = {key: stills.deformed[key] for key in keys if key in stills.deformed}
            room -= sum(array.nbytes for array in (frame, mask, *masks.values()))
            if room < 0:
                break
            self._frames[name] = frame, mask
            self._masks |= masks
        log.info("%d of %d stills stay decoded", len(self._frames), len(stills.names))

    def opened(self) -> Stills:
        """Return the stills, the kept ones from memory."""
        masks = ChainMap(self._masks, cast(MutableMapping[str, Mask], self._stills.deformed))
        return replace(self._stills, read=self._read, deformed=masks)

    def _read(self, name: str) -> tuple[Frame, Mask]:
        return self._frames[name] if name in self._frames else self._stills.read(name)


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
