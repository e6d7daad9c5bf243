"""What `masktrack score` prints: methods down and measures across, over all and by sequence."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import pandas as pd

from masktrack_core.datasets.groups import Groups
from masktrack_core.experiment.method_tables import MEASURES
from masktrack_core.experiment.printed import Heading, Printed, latex, markdown, plain, print_table
from masktrack_core.measures.scoring import Fact, SequenceScore, sequence_rows, summary_rows

Form: TypeAlias = Literal["text", "md", "tex", "csv", "json"]

_RENAMED = {"J_mean": "J", "F_mean": "F", "sequences": "n", "T_sequences": "n T"}
_MEASURES = ("J", "J_recall", "J_decay", "F", "F_recall", "F_decay", "J&F", "T")


def score_tables(
    scores: Mapping[str, Sequence[SequenceScore]],
    facts: Mapping[str, Fact],
    *,
    groups: Groups | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return means over splits and over all, and a row a sequence and object, of each method.

    ``groups`` are those of `summary_rows`. In percent, at full precision; T is NaN where it was not
    taken.
    """
    over_all, by_sequence = [], []
    for method, mine in scores.items():
        rows = sequence_rows(mine, facts)
        means = summary_rows(rows, facts, groups=groups)
        over_all.append(pd.DataFrame(means).assign(method=method))
        by_sequence.append(pd.DataFrame(rows).assign(method=method))
    return _percent(over_all, ["method", "split", "n"]), _percent(
        by_sequence, ["method", "sequence", "object", "set", "frames"]
    )


def _percent(parts: Sequence[pd.DataFrame], first: list[str]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True).rename(columns=_RENAMED)
    table["J&F"] = (table.J + table.F) / 2
    table[list(_MEASURES)] *= 100
    last = [name for name in table.columns if name not in (*first, *_MEASURES)]
    return table[[*first, *_MEASURES, *last]]


def score_report(
    scores: Mapping[str, Sequence[SequenceScore]],
    facts: Mapping[str, Fact],
    form: Form,
    *,
    groups: Groups | None = None,
) -> str:
    """Return the tables of `score_tables` as text, Markdown, LaTeX, CSV or JSON.

    CSV and JSON hold every digit; the CSV has the rows of sequences, then the means, whose
    sequence is empty.
    """
    over_all, by_sequence = score_tables(scores, facts, groups=groups)
    if form == "json":
        tables = {"means": over_all, "sequences": by_sequence}
        # null where a measure is not defined: JSON has no NaN
        rows = {
            name: json.loads(t.to_json(orient="records", double_precision=15))
            for name, t in tables.items()
        }
        return json.dumps(rows, indent=1) + "\n"
    if form == "csv":
        return pd.concat([by_sequence, over_all], ignore_index=True).to_csv(
            index=False, lineterminator="\n"
        )
    write = {"text": plain, "md": markdown, "tex": latex}[form]
    is_one = len(scores) == 1
    return (
        write(_means(over_all, is_one=is_one))
        + "\n"
        + write(_by_sequence(by_sequence, is_one=is_one, methods=list(scores)))
    )


def _means(table: pd.DataFrame, *, is_one: bool) -> Printed:
    heads = [] if is_one else [Heading(key="method", title="method")]
    heads += [Heading(key="split", title="sequences"), Heading(key="n", title="n", decimals=0)]
    heads += _measure_heads(ranked=not is_one and table.split.nunique() == 1)
    if table["n T"].any():
        heads.append(Heading(key="n T", title="n", group="T", decimals=0))
    return print_table(table, heads)


def _measure_heads(*, ranked: bool) -> list[Heading]:
    heads = []
    for name in _MEASURES:
        group, _, title = MEASURES[name].title.partition(" ")
        both = group == "J&F"
        heads.append(
            Heading(
                key=name,
                title=group if both else title or "mean",
                group="" if both else group,
                best=MEASURES[name].best if ranked else None,
            )
        )
    return heads


def _by_sequence(table: pd.DataFrame, *, is_one: bool, methods: Sequence[str]) -> Printed:
    keys = ["sequence"]
    if table.duplicated(["method", "sequence"]).any():
        keys.append("object")
    where = [Heading(key=key, title=key, decimals=0) for key in keys]
    if is_one:
        frames = Heading(key="frames", title="frames", decimals=0)
        return print_table(table, [*where, frames, *_measure_heads(ranked=False)])
    measures = [name for name in ("J", "F", "T") if table[name].notna().any()]
    wide = table.pivot(index=keys, columns="method", values=measures)
    heads = [
        Heading(key=f"{measure} {method}", title=method, group=measure)
        for measure in measures
        for method in methods
    ]
    flat = pd.DataFrame({h.key: wide[h.group][h.title] for h in heads}).reset_index()
    return print_table(flat, [*where, *heads])
