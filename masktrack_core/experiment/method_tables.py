"""Tables of methods: methods down, measures of data sets or sequences across (paper Table 2)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from masktrack_core.experiment.printed import Heading, Printed, print_table
from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.results import COMPUTED, COPY, GIVEN, ORACLE, PUBLISHED


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
    #: Of the groups over which the data set's mean is taken.
    group: str | None = None
    measure: str

    def value(self, objects: pd.DataFrame) -> float:
        """Return the measure from the rows of one method in `with_groups`.

        The mean of the means of objects (paper §5.1), or of groups of them. NaN where one of them
        is not known, but for T, which is not measured of all.
        """
        mine = objects[objects.dataset == self.dataset]
        if self.sequence is not None:
            mine = mine[mine.sequence == self.sequence]
        if self.group is not None:
            mine = mine[mine.group == self.group]
        names = self.measure.split("&")
        if self.measure == "n":
            return float(mine.J.notna().sum())
        if not len(mine) or not {*names} <= {*mine.columns}:
            return float("nan")
        return float(np.mean([self._mean(mine, name) for name in names]))

    def _mean(self, mine: pd.DataFrame, name: str) -> float:
        """Return the mean of one measure over objects, or over the means of their groups."""
        values, skipna = mine[name], name == "T"
        is_whole = self.sequence is None and self.group is None
        if is_whole and "group" in mine and (mine.group != "").any():
            values = mine.groupby("group", sort=False)[name].apply(pd.Series.mean, skipna=skipna)
        return float(values.mean(skipna=skipna))


def with_groups(
    sequences: pd.DataFrame, groups: Mapping[str, Mapping[str, Mapping[int, str]]]
) -> pd.DataFrame:
    """Return the rows of `results.sequence_table` with the group of each object, column ``group``.

    ``groups``: data set → sequence → object → group; empty for a set whose mean is over objects.
    Where all are empty, the rows as they are.
    """
    if not any(groups.values()):
        return sequences
    places = zip(sequences.dataset, sequences.sequence, sequences.object, strict=True)
    found = [
        groups.get(dataset, {}).get(sequence, {}).get(number, "")
        for dataset, sequence, number in places
    ]
    return sequences.assign(group=found)


def table_columns(recipe: TableRecipe, sequences: pd.DataFrame) -> tuple[TableColumn, ...]:
    """Return the columns of a table of the sequences that it has scores of, in their order.

    A column is called like its data set, or ``<data set>/<sequence>`` or ``<data set>/<group>``;
    where a table has several measures, that and the measure.
    """
    columns = []
    part = {"sequences": "sequence", "groups": "group"}.get(recipe.across)
    for dataset in recipe.datasets:
        names: list[str | None] = [None]
        if part in sequences:
            found = sequences.loc[sequences.dataset == dataset, part].unique()
            names = [*(name for name in found if name), None]
        for name in names:
            place = dataset if name is None else f"{dataset}/{name}"
            where = {part: name} if part else {}
            for measure in recipe.measures:
                key = place if len(recipe.measures) == 1 else f"{place} {measure}"
                columns.append(TableColumn(key=key, dataset=dataset, measure=measure, **where))
    return tuple(columns)


def spread(column: TableColumn) -> str:
    """Return the name in the CSV of a column's standard deviation over seeds."""
    return f"{column.key} sd"


def method_table(sequences: pd.DataFrame, columns: Sequence[TableColumn]) -> pd.DataFrame:
    """Return ``method, source`` and the columns, in percent and at full precision.

    ``sequences`` is that of `with_groups`, with others' published results below ours. A
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


def ours_first(table: pd.DataFrame, copies: Collection[str] = ()) -> pd.DataFrame:
    """Return a table of methods as the page shows it: ours, others', and oracles at the end.

    ``copies`` are methods that copy the masks that were given: they stand before the oracles.
    """
    order = (COMPUTED, GIVEN, PUBLISHED, COPY, ORACLE)
    place = table.source.mask(table.method.isin(copies), COPY).map(order.index)
    return table.iloc[place.argsort(kind="stable")].reset_index(drop=True)


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
        if recipe.across != "datasets":
            words.append(column.sequence or column.group or "mean")
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
