"""Quality by attribute of the video: the numbers of Figure 5 (paper §5.3)."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from masktrack_core.datasets.index import read_facts
from masktrack_core.errors import InputError

#: The attributes of DAVIS-2016 (Perazzi et al., CVPR 2016), by the code in its table.
ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "AC": "appearance change",
        "BC": "background clutter",
        "CS": "camera shake",
        "DB": "dynamic background",
        "DEF": "deformation",
        "EA": "edge ambiguity",
        "FM": "fast motion",
        "HO": "heterogeneous object",
        "IO": "interacting objects",
        "LR": "low resolution",
        "MB": "motion blur",
        "OCC": "occlusion",
        "OV": "out of view",
        "ROT": "rotation",
        "SC": "shape complexity",
        "SV": "scale variation",
    }
)


def read_attributes(source: Path | str) -> pd.DataFrame:
    """Return which attributes each sequence has: ``sequence`` and a 0/1 column an attribute.

    ``source`` is a CSV file, or the name of a table of ``facts``. Raises `InputError` for a table
    without the sixteen columns and for values other than 0 and 1.
    """
    table = pd.read_csv(source) if isinstance(source, Path) else read_facts(source)
    missing = [name for name in ("sequence", *ATTRIBUTES) if name not in table.columns]
    if missing:
        raise InputError(
            f"{source}: expected a column for each of {list(ATTRIBUTES)}, got none for {missing}; "
            "take a table with attributes, or leave the data set out of the figure"
        )
    table = table[["sequence", *ATTRIBUTES]].drop_duplicates("sequence")
    if not table[list(ATTRIBUTES)].isin([0, 1]).all(axis=None):
        raise InputError(f"{source}: expected 0 or 1 for each attribute; correct the table")
    return table


def attribute_table(sequences: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    """Return Figure 5 as a table: a row for each method and attribute.

    ``sequences``: ``method, source, dataset, sequence, object, J`` (percent); ``attributes``:
    ``dataset, sequence`` and a 0/1 column an attribute. ``n`` objects carry the attribute, ``J``
    is their mean, ``rest`` that of the ``n_rest`` others, ``gain`` the difference; NaN where a
    side is empty. Raises `InputError` for a sequence without attributes.
    """
    joined = sequences.merge(attributes, on=["dataset", "sequence"], how="left")
    unknown = joined[joined[next(iter(ATTRIBUTES))].isna()]
    if len(unknown):
        raise InputError(
            f"attributes: expected a row for each sequence, got none for "
            f"{sorted(set(unknown.sequence))}; complete the table of attributes"
        )
    rows = []
    for (method, source), mine in joined.groupby(["method", "source"], sort=False):
        for code in ATTRIBUTES:
            inside, outside = mine.J[mine[code] == 1], mine.J[mine[code] == 0]
            rows.append(
                {"method": method, "source": source, "attribute": code, "n": len(inside)}
                | {"n_rest": len(outside), "J": inside.mean(), "rest": outside.mean()}
            )
    table = pd.DataFrame(rows)
    return table.assign(gain=table.J - table.rest)
