"""Others' published results on the sequences that ours were computed on: rows of tables, figures.

What is known of every sequence lies in ``facts/<data set>_published_{J,F,T}.csv``, recall and decay
of whole splits in ``…_stats.csv``, the rows of the paper's Table 2 in ``published_table2.csv``.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from masktrack_core.datasets.index import known_facts, read_facts
from masktrack_core.errors import InputError
from masktrack_core.experiment.method_tables import TableColumn
from masktrack_core.experiment.recipes import Technique
from masktrack_core.experiment.results import PUBLISHED

_SPLITS = {"all50": ("train", "val"), "train30": ("train",), "val20": ("val",)}


def published_facts(name: str | None) -> dict[str, str]:
    """Return the tables of facts that know a data set's sequences, by measure: none, or J, F, T."""
    tables = {measure: f"{name}_published_{measure}" for measure in ("J", "F", "T")}
    return {measure: table for measure, table in tables.items() if table in known_facts()}


def check_techniques(
    where: str, techniques: Sequence[Technique], names: Sequence[str | None]
) -> None:
    """Raise ``InputError`` for techniques that no data set's published results know.

    ``names`` are those under which the table's data sets are published.
    """
    facts = [published_facts(name).get("J") for name in names]
    known = [column for table in filter(None, facts) for column in techniques_of(read_facts(table))]
    for entry in techniques:
        if entry.technique not in known:
            reason = (
                f"known are {known}"
                if known
                else (
                    "results by sequence are known of davis2016 only; give one of the table's data "
                    "sets `published: davis2016`"
                )
            )
            raise InputError(f"{where}.published: unknown technique '{entry.technique}'; {reason}")


def techniques_of(published: pd.DataFrame) -> list[str]:
    """Return the techniques of a table of facts: its columns but those that describe a sequence."""
    return [name for name in published.columns if name not in ("sequence", "set", "num_frames")]


def published_sequences(
    names: Sequence[str],
    published: Mapping[str, pd.DataFrame],
    techniques: Sequence[Technique],
    dataset: str,
) -> pd.DataFrame:
    """Return others' results on our sequences of a data set, in percent, like `sequence_table`.

    ``names`` are our sequences: a mean over others would not compare. ``published`` holds, by
    measure, a row a sequence and a column a technique; what is not published is NaN. Raises
    `InputError` for an unknown technique.
    """
    rows = []
    for entry in techniques:
        if entry.technique not in published["J"].columns:
            raise InputError(
                f"published technique '{entry.technique}': unknown; the table has "
                f"{techniques_of(published['J'])}"
            )
        values = {
            measure: table.set_index("sequence")[entry.technique] * 100
            for measure, table in published.items()
            if entry.technique in table.columns
        }
        part = pd.DataFrame(values, index=pd.Index(list(names), name="sequence")).reset_index()
        rows.append(part.assign(method=entry.method, source=PUBLISHED, dataset=dataset, object=1))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def fill_summaries(
    table: pd.DataFrame,
    columns: Sequence[TableColumn],
    techniques: Sequence[Technique],
    facts: Mapping[str, str],
    names: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the table of methods with the recall and decay that are published of whole splits.

    ``facts``: the name under which a data set is published; ``names``: our sequences of it.
    """
    filled = table.copy()
    for column in columns:
        name = facts.get(column.dataset)
        stats = f"{name}_published_stats"
        measure = column.measure
        if measure.partition("_")[2] not in ("recall", "decay") or stats not in known_facts():
            continue
        splits = read_facts(str(name))
        for split, sets in _SPLITS.items():
            if (
                column.sequence
                or column.group
                or set(names[column.dataset]) != set(splits.sequence[splits.set.isin(sets)])
            ):
                continue
            published = read_facts(stats)
            known = published[published.split == split].set_index("technique")[measure]
            for entry in techniques:
                if entry.technique in known.index:
                    row = (filled.method == entry.method) & (filled.source == PUBLISHED)
                    filled.loc[row, column.key] = 100 * known[entry.technique]
    return filled


def paper_rows(
    published: pd.DataFrame, columns: Sequence[TableColumn], facts: Mapping[str, str]
) -> pd.DataFrame:
    """Return the rows of the paper's Table 2, ``method, source`` and the columns of J it has.

    ``published``: ``method, dataset, miou``; ``facts``: the name there of each data set of which we
    have every sequence.
    """
    theirs = published[published.dataset.isin(list(facts.values()))]
    rows = pd.DataFrame({"method": theirs.method.unique()}).assign(source=PUBLISHED)
    for column in columns:
        is_whole = column.sequence is None and column.group is None
        if column.measure == "J" and is_whole and column.dataset in facts:
            known = theirs[theirs.dataset == facts[column.dataset]].set_index("method").miou
            rows[column.key] = known.reindex(rows.method).to_numpy()
    return rows


def missing_notes(
    table: pd.DataFrame, techniques: Sequence[Technique] | None, incomplete: Mapping[str, str]
) -> list[str]:
    """Return why published numbers are not in a table, a sentence each.

    ``incomplete``: title → published name of the data sets of which we have a part only.
    """
    notes = []
    if techniques is None:
        for title, name in incomplete.items():
            known = "; `published: [...]` of the table takes named techniques on those sequences"
            notes.append(
                f"{title}: no row of the paper's Table 2, which is of every sequence of {name} and "
                f"no other{known if published_facts(name) else ''}."
            )
        return notes
    published = table[table.source == PUBLISHED].set_index("method").drop(columns="source")
    unknown: dict[str, list[str]] = {}
    for method, row in published.loc[:, lambda t: ~t.columns.str.endswith(" sd")].iterrows():
        if empty := ", ".join(key for key in row.index if pd.isna(row[key])):
            unknown.setdefault(empty.replace("_", " "), []).append(str(method))
    for empty, methods in unknown.items():
        notes.append(f"{', '.join(methods)}: nothing published of the whole of {empty}.")
    return notes
