"""Ablations: tables that change one thing a row, ours beside the paper's (Table 1)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from masktrack_core.errors import InputError
from masktrack_core.experiment.printed import Heading, markdown, print_table
from masktrack_core.experiment.recipes import Row, TableRow
from masktrack_core.experiment.references import look_up, look_up_rows

_HEADS = {
    "aspect": "Aspect",
    "variant": "System variant",
    "delta": "Δ",
    "paper_mIoU": "paper",
    "paper_delta": "paper Δ",
}


@dataclass(frozen=True, kw_only=True)
class AblationRow(TableRow):
    """One row: a variant, and the method of the row that it is compared with."""

    aspect: str = ""
    baseline: str


@dataclass(frozen=True, kw_only=True)
class AblationRecipe:
    """A table of one data set: rows are variants, each with a baseline among the rows."""

    name: str
    dataset: str
    baseline: str
    rows: tuple[AblationRow, ...]

    @classmethod
    def from_row(cls, name: str, row: Row) -> Self:
        """Return the recipe of one ablation; a row without a baseline has the ablation's.

        Raises ``InputError`` for a method named twice and a baseline that is no row.
        """
        rows = tuple(AblationRow(**{"baseline": row["baseline"], **entry}) for entry in row["rows"])
        methods = [entry.method for entry in rows]
        for number, entry in enumerate(rows):
            if methods.count(entry.method) > 1 or entry.baseline not in methods:
                raise InputError(
                    f"ablations.{name}.rows[{number}]: expected a method of its own and a baseline "
                    f"that is one of {methods}, got {entry.method!r} and {entry.baseline!r}"
                )
        return cls(name=name, dataset=row["dataset"], baseline=row["baseline"], rows=rows)


def read_ablations(config: Mapping[str, Any]) -> dict[str, AblationRecipe]:
    """Return the ablations of a validated configuration, by name.

    Raises ``InputError`` for an unknown name, for one that a table has already (both would be
    ``results/<name>.csv``), and for a data set whose mean is not over objects.
    """
    look_up_rows(config, "ablations")
    for name, row in config.get("ablations", {}).items():
        look_up(config, f"ablations.{name}.dataset", row["dataset"], "datasets")
        mean = config["datasets"][row["dataset"]].get("mean", "objects")
        if mean != "objects":
            raise InputError(
                f"ablations.{name}.dataset: expected a data set whose mean is over objects, as "
                f"in Table 1, got '{row['dataset']}' with mean '{mean}'; use a row of tables for it"
            )
        if name in config["tables"]:
            raise InputError(f"ablations.{name}: the name is taken by tables.{name}; rename one")
    rows = config.get("ablations", {}).items()
    return {name: AblationRecipe.from_row(name, row) for name, row in rows}


def ablation_table(
    sequences: pd.DataFrame, rows: Sequence[AblationRow], published: pd.DataFrame
) -> pd.DataFrame:
    """Return Table 1: ``aspect, variant, mIoU, delta, paper_mIoU, paper_delta``, in percent.

    ``sequences`` is that of ``results.sequence_table``; mIoU is the mean over its objects.
    ``delta`` is the difference to the row's baseline, NaN for a row that is its own. ``published``
    (``variant, miou, delta``) stands beside the rows whose method is a variant there.
    """
    means = sequences.groupby("method").J.mean()
    paper = published.set_index("variant")
    table = pd.DataFrame(
        {
            "aspect": [row.aspect for row in rows],
            "variant": [row.method for row in rows],
            "mIoU": [means[row.method] for row in rows],
            "delta": [
                means[row.method] - means[row.baseline] if row.method != row.baseline else math.nan
                for row in rows
            ],
        }
    )
    beside = paper.reindex(table.variant)
    return table.assign(paper_mIoU=beside.miou.to_numpy(), paper_delta=beside.delta.to_numpy())


def ablation_page(table: pd.DataFrame) -> str:
    """Return the table as Markdown; differences carry their sign."""
    headings = [
        Heading(key=key, title=_HEADS.get(key, key), signed=key.endswith("delta"))
        for key in map(str, table.columns)
    ]
    return markdown(print_table(table, headings))
