"""Tables of methods: methods down, measures of data sets or sequences across (paper Table 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from masktrack_core.experiment.printed import Heading, Printed, print_table
from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.results import ORACLE


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What stands in a column, and which way is better."""

    title: str
    best: Literal["highest", "lowest"] | None = "highest"


#: By the word of the configuration. J and F alone are means; n counts objects.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "J": Measure(title="J"),
        "J_recall": Measure(title="J recall"),
        "J_decay": Measure(title="J decay", best="lowest"),
        "F": Measure(title="F"),
        "F_recall": Measure(title="F recall"),
        "F_decay": Measure(title="F decay", best="lowest"),
        "J&F": Measure(title="J&F"),
        "T": Measure(title="T", best="lowest"),
        "n": Measure(title="n", best=None),
    }
)


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A measure over the objects of a data set, or of one of its sequences."""

    #: Its name in the CSV.
    key: str
    dataset: str
    sequence: str | None = None
    measure: str

    def value(self, objects: pd.DataFrame) -> float:
        """Return the measure from the rows of one method in `results.sequence_table`.

        The mean of the means of objects (paper §5.1). NaN where one of them is not known, but for
        T, which is not measured of all.
        """
        mine = objects[objects.dataset == self.dataset]
        if self.sequence is not None:
            mine = mine[mine.sequence == self.sequence]
        names = self.measure.split("&")
        if self.measure == "n":
            return float(mine.J.notna().sum())
        if not len(mine) or not {*names} <= {*mine.columns}:
            return float("nan")
        return float(np.mean([mine[name].mean(skipna=name == "T") for name in names]))


def table_columns(recipe: TableRecipe, sequences: pd.DataFrame) -> tuple[TableColumn, ...]:
    """Return the columns of a table of the sequences that it has scores of, in their order.

    A column is called like its data set, or ``<data set>/<sequence>``; where a table has several
    measures, that and the measure.
    """
    columns = []
    for dataset in recipe.datasets:
        names: list[str | None] = [None]
        if recipe.across == "sequences":
            names = [*sequences.sequence[sequences.dataset == dataset].unique(), None]
        for sequence in names:
            place = dataset if sequence is None else f"{dataset}/{sequence}"
            for measure in recipe.measures:
                key = place if len(recipe.measures) == 1 else f"{place} {measure}"
                columns.append(
                    TableColumn(key=key, dataset=dataset, sequence=sequence, measure=measure)
                )
    return tuple(columns)


def spread(column: TableColumn) -> str:
    """Return the name in the CSV of a column's standard deviation over seeds."""
    return f"{column.key} sd"


def method_table(sequences: pd.DataFrame, columns: Sequence[TableColumn]) -> pd.DataFrame:
    """Return ``method, source`` and the columns, in percent and at full precision.

    ``sequences`` is that of `results.sequence_table`, with others' published results below ours. A
    method with several seeds has the mean of their numbers, and beside each column ``<key> sd``,
    the standard deviation over them (n - 1); NaN of a method that was run once.
    """
    seeded = "seed" in sequences
    rows = []
    for (method, source), mine in sequences.groupby(["method", "source"], sort=False):
        runs = [mine]
        if seeded and mine.seed.notna().any():
            runs = [run for _, run in mine.groupby("seed", sort=False)]
        values: dict[str, float] = {}
        for column in columns:
            each = [column.value(run) for run in runs]
            values[column.key] = float(np.mean(each))
            values[spread(column)] = float(np.std(each, ddof=1)) if len(each) > 1 else float("nan")
        rows.append({"method": method, "source": source} | values)
    keys = [key for c in columns for key in (c.key, *((spread(c),) if seeded else ()))]
    table = pd.DataFrame(rows, columns=["method", "source", *keys])
    counts = {column.key: "Int64" for column in columns if column.measure == "n"}
    return table.astype(counts)


def printed_methods(
    table: pd.DataFrame,
    recipe: TableRecipe,
    columns: Sequence[TableColumn],
    titles: Mapping[str, str],
    *,
    notes: Sequence[str] = (),
) -> Printed:
    """Return the table as printed; ``titles`` name the data sets, oracles are not ranked."""
    headings = [Heading(key="method", title="method"), Heading(key="source", title="source")]
    for column in columns:
        words = [titles[column.dataset]]
        if recipe.across == "sequences":
            words.append(column.sequence or "mean")
        measure = MEASURES[column.measure]
        if len(recipe.measures) > 1:
            words = [", ".join(words), measure.title]
        *group, title = words
        decimals = 0 if column.measure == "n" else recipe.decimals
        headings.append(
            Heading(
                key=column.key,
                title=title,
                group="".join(group),
                decimals=decimals,
                best=measure.best,
                spread=spread(column) if spread(column) in table and decimals else None,
            )
        )
    if recipe.measures != ("J",) and len(recipe.measures) == 1:
        notes = (f"{MEASURES[recipe.measures[0]].title} in percent.", *notes)
    if recipe.seeds:
        seeds = ", ".join(map(str, recipe.seeds))
        notes = (f"Mean ± standard deviation over seeds {seeds}.", *notes)
    return print_table(table, headings, ranked=table.source != ORACLE, notes=notes)
