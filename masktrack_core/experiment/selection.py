"""What a person's own configuration files name, and what they drop of the others."""

from collections.abc import Mapping, Sequence
from typing import Any

_PAGES = ("tables", "figures", "page")


def drop_rows(config: dict[str, Any]) -> None:
    """Take the rows out of a configuration that a file sets to null, inherited ones."""
    for rows in config.values():
        if isinstance(rows, dict):
            for name in [name for name, row in rows.items() if row is None]:
                del rows[name]


def own_pages(config: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tables, the figures and the page that a person's own files name.

    ``config``: all files together, with defaults; ``own``: what the person's files hold. Where they
    name no table, no figure and no page, those of ``config``. A page that they do not describe
    shows their tables and figures. ``{"tables": …, "figures": …, "page": {"tables": …, …}}``.
    """
    said = {key: [name for file in own for name in file.get(key) or ()] for key in _PAGES}
    every = {key: list(config[key]) for key in ("tables", "figures")}
    if not any(said.values()):
        return every | {"page": dict(config["page"])}
    named = {key: [name for name in every[key] if name in said[key]] for key in every}
    page = {key: config["page"][key] if key in said["page"] else named[key] for key in every}
    shown = {key: list(dict.fromkeys([*named[key], *page[key]])) for key in every}
    return shown | {"page": dict(config["page"]) | page}
