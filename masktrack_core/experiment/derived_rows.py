"""Rows made of rows: a method with another seed, or with another value of one parameter.

A row that differs, and every row that names it, is copied under a name of its own; what does not
differ keeps its row, hence its results: data, indexes and whatever comes before the difference.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from masktrack_core.errors import InputError
from masktrack_core.experiment.references import REFERENCES
from masktrack_core.experiment.rounds import add_rounds

Row = Mapping[str, Any]
#: (table, name, row) → what is different in it; empty where nothing is.
Change = Callable[[str, str, Row], Row]

#: Tables whose rows may have a seed of their own.
SEEDED = "networks", "finetunings", "deformations"


def derive_rows(config: dict[str, Any]) -> None:
    """Put the rows into a configuration that ``seeds`` and ``sweep`` of its tables ask for.

    To be called before the schema is looked at: what does not fit it is left to it. Raises
    ``InputError`` for a sweep over a parameter that is not there, or that no row uses.
    """
    for name, table in (config.get("tables") or {}).items():
        if isinstance(table, dict) and isinstance(table.get("rows"), list):
            if not all(isinstance(row, dict) and "variant" in row for row in table["rows"]):
                continue
            if table.get("sweep") and isinstance(table["sweep"], dict):
                table["rows"] = list(_swept(config, f"tables.{name}.sweep", table))
            if table.get("seeds") and all(isinstance(seed, int) for seed in table["seeds"]):
                table["rows"] = list(_seeded(config, table["rows"], table["seeds"]))
    add_rounds(config)


def _seeded(config: dict[str, Any], rows: list[Any], seeds: list[Any]) -> Iterator[Any]:
    """Yield each row with each seed; once, as it is, where nothing in it is drawn."""
    for row in rows:
        runs = {seed: _run(config, row, f"seed_{seed}", _with_seed(config, seed)) for seed in seeds}
        if len(set(runs.values())) < 2:
            yield row
            continue
        for seed, (variant, annotation) in runs.items():
            yield row | {"variant": variant, "annotation": annotation, "seed": seed}


def _with_seed(config: Row, seed: int) -> Change:
    def change(table: str, name: str, row: Row) -> Row:
        if table not in SEEDED or row.get("file") or row.get("seed", config.get("seed")) == seed:
            return {}
        return {"seed": seed}

    return change


def _swept(config: dict[str, Any], where: str, table: Row) -> Iterator[Any]:
    """Yield each row with each combination of values; once, as it is, if it uses none of them."""
    used = False
    sweep = {_parameter(config, where, path): values for path, values in table["sweep"].items()}
    for row in table["rows"]:
        found = {}
        for values in product(*sweep.values()):
            said = dict(zip(sweep, values, strict=True))
            suffix = "_".join(_word(f"{key}_{value}") for (*_, key), value in said.items())
            words = ", ".join(f"{key} {value}" for (*_, key), value in said.items())
            found[words] = (_run(config, row, suffix, _with_values(said)), said)
        if len({run for run, _ in found.values()}) < 2:
            yield row
            continue
        used = True
        for words, ((variant, annotation), said) in found.items():
            paths = {".".join(place): value for place, value in said.items()}
            swept = {"method": row["method"], "values": paths}
            names = {"method": f"{row['method']}, {words}", "swept": swept}
            yield row | names | {"variant": variant, "annotation": annotation}
    if not used:
        raise InputError(
            f"{where}: expected parameters that a row of the table uses, got "
            f"{', '.join(table['sweep'])}; name one of a row that is used, and two values"
        )


def _parameter(config: Row, where: str, path: str) -> tuple[str, str, str]:
    """Return table, row and key of ``table.row.key``."""
    table, _, rest = str(path).partition(".")
    name, _, key = rest.rpartition(".")
    if not key or not isinstance((config.get(table) or {}).get(name), dict):
        raise InputError(
            f"{where}: expected table.row.key, such as propagations.paper.dilation_radius, got "
            f"'{path}'; {table} has {sorted(config.get(table) or {})}"
        )
    return table, name, key


def _with_values(values: Mapping[tuple[str, str, str], Any]) -> Change:
    def change(table: str, name: str, row: Row) -> Row:
        mine = {key: value for (*place, key), value in values.items() if place == [table, name]}
        return {key: value for key, value in mine.items() if key not in row or row[key] != value}

    return change


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", text.lower())


def _run(config: dict[str, Any], row: Row, suffix: str, change: Change) -> tuple[str, str]:
    """Return variant and annotation of a table's row after a change."""
    names = ("variants", row["variant"]), ("annotations", row.get("annotation", "first"))
    variant, annotation = (derived_row(config, *name, suffix, change) for name in names)
    return variant, annotation


def derived_row(config: dict[str, Any], table: str, name: str, suffix: str, change: Change) -> str:
    """Return the name of a row in which it and all that it names is changed; made if need be.

    The row's own name where nothing in it changes, or where it is not there.
    """
    row = (config.get(table) or {}).get(name)
    if not isinstance(row, dict):
        return name
    new = dict(change(table, name, row))
    for (here, key), target in REFERENCES.items():
        if here == table and row.get(key):
            several = isinstance(row[key], list)
            names = row[key] if several else [row[key]]
            made = [derived_row(config, target, one, suffix, change) for one in names]
            if made != names:
                new[key] = made if several else made[0]
    if not new:
        return name
    config[table].setdefault(f"{name}__{suffix}", {**row, **new})
    return f"{name}__{suffix}"
