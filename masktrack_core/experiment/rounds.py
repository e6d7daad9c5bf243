"""Rows of ``annotations`` whose frames are chosen round by round: a row of each round before.

A row ``{choose: doubt, variant: ours, count: 3}`` looks at what ``ours`` made of two frames: of the
row ``{choose: doubt, variant: ours, count: 2}``, which is added where no row says the same. Rows of
fewer frames are then rounds of those of more, and each round is computed once.
"""

from collections.abc import Mapping
from typing import Any

from masktrack_core.tracking.choice import LOOKING

Row = Mapping[str, Any]
#: What may be left out of a row.
_PLAIN = {"kind": "mask", "every": None, "network": None, "propagation": None}


def add_rounds(config: dict[str, Any]) -> None:
    """Add the rounds that rows of ``annotations`` need and no row is; what is there stays.

    To be called before the schema is looked at: what does not fit it is left to it.
    """
    rows = config.get("annotations")
    if not isinstance(rows, dict):
        return
    for name in [*rows]:
        row = rows[name]
        while isinstance(row, dict) and _looks(row):
            before = _round_before(row)
            if _same(rows, before) is None:
                rows[f"{name}__{before.get('count', 1)}"] = before
            row = before


def round_before(annotations: Mapping[str, Row], name: str) -> str | None:
    """Return the row whose masks a row looks at; None where it looks at none."""
    row = annotations[name]
    return _same(annotations, _round_before(row)) if _looks(row) else None


def _looks(row: Row) -> bool:
    count = row.get("count")
    return row.get("choose") in LOOKING and isinstance(count, int) and count > 1


def _round_before(row: Row) -> dict[str, Any]:
    """Return the row of one frame less; of one frame it is the first, whoever chooses."""
    if row["count"] == 2:
        return {"kind": "mask"}
    return {**row, "count": row["count"] - 1}


def _same(rows: Mapping[str, Any], wanted: Row) -> str | None:
    return next(
        (
            name
            for name, row in rows.items()
            if isinstance(row, dict) and _said(row) == _said(wanted)
        ),
        None,
    )


def _said(row: Row) -> dict[str, Any]:
    """Return what a row says, without what it need not."""
    given = {key: value for key, value in row.items() if value is not None}
    return {key: value for key, value in given.items() if _PLAIN.get(key) != value}
