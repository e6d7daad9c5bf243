"""Rows of a configuration dropped and completed, and what a person's own files name."""

from collections.abc import Mapping, Sequence
from typing import Any

from masktrack_core.datasets.protocol import with_protocol
from masktrack_core.errors import InputError
from masktrack_core.experiment.rounds import add_rounds

_PAGES = ("tables", "figures", "page")
_ABLATIONS = "ablations"


#: Key of a row that names another row of its table, from which it takes what it does not say.
BASED_ON = "based_on"


def complete_rows(config: dict[str, Any]) -> None:
    """Take out of a configuration the rows that are null, and complete those based on others.

    A row ``{based_on: ours, …}`` has every key of ``ours`` that it does not have itself; a data set
    of a known ``protocol`` has what that says and it does not; annotations that are chosen have the
    rows of the rounds before. Raises ``InputError`` for a base
    that is not there, or that is based on the row itself, and for an unknown protocol.
    """
    for table, rows in config.items():
        if isinstance(rows, dict):
            for name in [name for name, row in rows.items() if row is None]:
                del rows[name]
            for name in rows:
                rows[name] = _completed(table, rows, name, ())
    for name, row in (config.get("datasets") or {}).items():
        if isinstance(row, dict):
            config["datasets"][name] = with_protocol(row, where=f"datasets.{name}")
    add_rounds(config)


def _completed(table: str, rows: Mapping[str, Any], name: str, above: tuple[str, ...]) -> Any:
    row = rows[name]
    if not isinstance(row, dict) or BASED_ON not in row:
        return row
    base, path = row[BASED_ON], (*above, name)
    where = f"{table}.{name}.{BASED_ON}"
    if base not in rows:
        raise InputError(f"{where}: unknown name {base!r}; {table} has {sorted(rows)}")
    if base in path:
        raise InputError(f"{where}: expected a base of its own, got {' → '.join([*path, base])}")
    inherited = _completed(table, rows, base, path)
    if not isinstance(inherited, dict):
        raise InputError(f"{where}: expected a row, got {inherited!r}; {base!r} is none")
    return inherited | {key: value for key, value in row.items() if key != BASED_ON}


def own_pages(config: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables, the figures, the ablations and the page that a person's own files name.

    ``config``: all files together, with defaults; ``own``: what the person's files hold. Where they
    name no table, no figure and no page, those of ``config``. A page that they do not describe
    shows their tables and figures; an ablation is one of the figures where the page says so.
    ``{"tables": …, "figures": …, "ablations": …, "page": {"tables": …, …}}``.
    """
    said = {
        key: [name for file in own for name in file.get(key) or ()] for key in (*_PAGES, _ABLATIONS)
    }
    every = {key: list(config[key]) for key in ("tables", "figures")}
    ablations = list(config.get(_ABLATIONS) or ())
    if not any(said[key] for key in _PAGES):
        return every | {_ABLATIONS: ablations, "page": dict(config["page"])}
    named = {key: [name for name in every[key] if name in said[key]] for key in every}
    page = {key: config["page"][key] if key in said["page"] else named[key] for key in every}
    shown = {key: list(dict.fromkeys([*named[key], *page[key]])) for key in every}
    mine = [name for name in ablations if name in (*said[_ABLATIONS], *shown["figures"])]
    return shown | {_ABLATIONS: mine, "page": dict(config["page"]) | page}
