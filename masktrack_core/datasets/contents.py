"""What the files that an index lists hold: by this an index tells changed files from old ones.

Snakemake takes a small table of the same bytes for unchanged, however new: an index of paths alone,
made again since a mask was redrawn, would hide that from everything after it.
"""

import hashlib
from pathlib import Path

import pandas as pd

from masktrack_core.files.io import file_digest

#: Hexadecimal digits of a digest; as many as in a record.
_DIGITS = 12


def with_contents(index: pd.DataFrame) -> pd.DataFrame:
    """Return an index with the digest of each row's files in column ``digest``.

    Taken from the bytes of the files in the columns ``…_path``, each read once. Raises `InputError`
    for one that cannot be read.
    """
    known = {"": ""}
    rows = []
    for paths in index.filter(regex="_path$").itertuples(index=False):
        for path in paths:
            if path not in known:
                known[path] = file_digest(Path(path))
        rows.append(_digest(" ".join(known[path] for path in paths)))
    return index.assign(digest=rows)


def contents_digest(index: pd.DataFrame) -> str:
    """Return one digest of an index of stills: their names and what their files hold.

    Where the files lie does not count.
    """
    return _digest("\n".join(index["name"] + " " + index["digest"]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
