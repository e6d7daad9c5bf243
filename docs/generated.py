"""Pages of the documentation that are made from what they describe: never edited by hand."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from masktrack_core.commands.cli import command_line
from masktrack_core.experiment.flat_config import PARAMETERS
from masktrack_core.experiment.printed import Heading, markdown, print_table

Schema = Mapping[str, Any]


def write_pages(root: Path, folder: Path) -> None:
    """Write the reference (keys, commands, library, rules) into a folder, from a checkout."""
    schema = yaml.safe_load((root / "rules" / "schemas" / "config.schema.yaml").read_text())
    _write(folder / "configuration.md", configuration_page(schema))
    _write(folder / "commands.md", commands_page())
    _write(folder / "api.md", api_page((root / "masktrack_core" / "__init__.pyi").read_text()))
    _write(folder / "workflow.md", workflow_page(root))
    curves = pd.read_csv(root / "docs" / "data" / "default" / "figure4.csv")
    _write(folder / "_figure4.md", figure4_table(curves))


def _write(path: Path, text: str) -> None:
    """Write a page where it says something else: Sphinx reads what is newer again."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


# ---- Keys of the configuration ------------------------------------------------------------------


def configuration_page(schema: Schema) -> str:
    """Return the page of all keys: what each means, what it may be, its unit and default."""
    scalars: dict[str, Schema] = {}
    tables: dict[str, Schema] = {}
    for name, entry in schema["properties"].items():
        (tables if _rows_of(entry, schema) else scalars)[name] = _resolved(entry, schema)
    parts = [
        "# Keys of the configuration",
        "Made from `rules/schemas/config.schema.yaml` and the parameter classes of the core. "
        "An unknown key is an error before anything is computed. A table holds rows by name, which "
        "other rows refer to; an overlay (`--configfile my.yaml`) replaces values key by key, and "
        "`name: null` drops a row. `[8]` is DeepLab, reference 8 of the paper; *ours* is not in "
        "it.",
        "## Single keys",
        _table(_keys({"properties": scalars}, schema, {})),
    ]
    for name, entry in tables.items():
        rows = _rows_of(entry, schema)
        parts += [f"## {name}", entry["description"], _table(_keys(rows, schema, _defaults(name)))]
    return "\n\n".join(parts) + "\n"


def _resolved(entry: Schema, schema: Schema) -> Schema:
    """Return an entry with what it refers to, its own words first."""
    if "$ref" not in entry:
        return entry
    referred: Schema = schema["$defs"][entry["$ref"].rpartition("/")[2]]
    return {**_resolved(referred, schema), **{k: v for k, v in entry.items() if k != "$ref"}}


def _rows_of(entry: Schema, schema: Schema) -> Schema | None:
    """Return the schema of a table's rows, or of a mapping's own keys; None for a single value."""
    entry = _resolved(entry, schema)
    rows = entry.get("additionalProperties")
    if isinstance(rows, Mapping):
        rows = _resolved(rows, schema)
        for branch in rows.get("anyOf", []):  # a row, or null to drop one
            rows = _resolved(branch, schema) if "properties" in _resolved(branch, schema) else rows
        return rows if "properties" in rows else None
    return entry if "properties" in entry else None


def _defaults(table: str) -> Mapping[str, Field[Any]]:
    """Return the fields of a table's parameter class, by name; none for other tables."""
    return {field.name: field for field in fields(PARAMETERS[table])} if table in PARAMETERS else {}


def _keys(
    rows: Schema, schema: Schema, defaults: Mapping[str, Field[Any]], above: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, value, default and meaning of the keys of a row, nested ones by their path."""
    required = rows.get("required", ())
    for key, given in rows["properties"].items():
        entry = _resolved(given, schema)
        default = "*required*" if key in required and not above else _default(key, entry, defaults)
        yield f"{above}{key}", _values(entry, schema), default, entry.get("description", "")
        inner = {} if given.get("$ref") == "#/$defs/needs" else entry  # its two keys are said once
        if entry.get("type") == "array" and "items" in entry:
            inner = _resolved(entry["items"], schema)
        if "properties" in inner:
            yield from _keys(inner, schema, {}, f"{above}{key}{'' if inner is entry else '[]'}.")


def _default(key: str, entry: Schema, defaults: Mapping[str, Field[Any]]) -> str:
    """Return a key's default as YAML: of the schema, else of the parameter class; may be empty."""
    value: Any = MISSING
    if "default" in entry:
        value = entry["default"]
    elif key in defaults:
        field = defaults[key]
        factory = field.default_factory
        value = field.default if factory is MISSING else factory()
    return "" if value is MISSING else f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("...\n").strip() or '""'


def _values(entry: Schema, schema: Schema) -> str:
    """Return what a key may hold, in words."""
    if "enum" in entry:
        return " ".join(f"`{_yaml(value)}`" for value in entry["enum"])
    if "anyOf" in entry or "oneOf" in entry:
        several = entry.get("anyOf") or entry["oneOf"]
        return " or ".join(_values(_resolved(one, schema), schema) for one in several)
    kinds = entry.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    names = {"object": "mapping", "array": "list", "string": "text"}
    words = " or ".join(names.get(kind, kind) for kind in kinds)
    limits = {
        "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<",
    }  # fmt: skip
    signs = [f"{sign} {entry[name]}" for name, sign in limits.items() if name in entry]
    unit = entry.get("x-unit", "")
    return ", ".join(part for part in (words, " ".join(signs), unit) if part)


def _table(rows: Iterator[tuple[str, str, str, str]]) -> str:
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for key, values, default, meaning in rows:
        cells = (f"`{key}`", values, default, meaning)
        lines.append(
            "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
        )
    return "\n".join(lines)


# ---- Commands -----------------------------------------------------------------------------------


def commands_page() -> str:
    """Return the page of the command line: what each ``--help`` says, as it says it."""
    os.environ["COLUMNS"] = "100"
    parser = command_line()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    parts = ["# Commands", "What `masktrack COMMAND --help` says."]
    for name, command in commands.choices.items():
        parts += [f"## masktrack {name}", f"```text\n{command.format_help().strip()}\n```"]
    return "\n\n".join(parts) + "\n"


# ---- The library --------------------------------------------------------------------------------


def api_page(stub: str) -> str:
    """Return the page of the public names, room by room, from the stub that lists them."""
    rooms: dict[str, list[str]] = {}
    for module, names in re.findall(r"from \.([\w.]+) import (.+)", stub):
        room = rooms.setdefault(module.partition(".")[0], [])
        room += [f"masktrack_core.{module}.{name.strip()}" for name in names.split(",")]
    parts = [
        "# The library",
        "What `import masktrack_core` offers, loaded when first used. Arrays are NumPy's: a "
        "`Frame` is uint8 `(H, W, 3)` RGB, a `Mask` bool `(H, W)`, a `Prob` float32 `(H, W)`, "
        "`Labels` uint8 `(H, W)` of object ids; a plural has a leading `T`.",
    ]
    for room, names in rooms.items():
        parts.append(f"## {room}")
        for name in sorted(names, key=lambda name: name.rpartition(".")[2].lower()):
            directive = f".. autofunction:: {name}"
            if name.rpartition(".")[2][0].isupper():
                directive = f".. autoclass:: {name}\n   :members:"
            parts.append(f"```{{eval-rst}}\n{directive}\n```")
    return "\n\n".join(parts) + "\n"


# ---- The workflow -------------------------------------------------------------------------------

_RULE = re.compile(r"^rule (\w+):\n((?:^(?:[ \t].*)?\n)+)", re.MULTILINE)


def workflow_page(root: Path) -> str:
    """Return the page of the rules: which file is made where, and the graph that they form."""
    parts = [
        "# The workflow",
        "Each row is a rule, by file of `rules/`, and the files it makes. Folders stand below "
        "`results` and `data` of the configuration; a name in braces is a row of a table, a "
        "sequence or an object. `snakemake -n TARGET` says what a target would run, and why.",
        "## Rules of Table 2",
        "Read from `snakemake --rulegraph results/table2.csv`.",
        f"```{{eval-rst}}\n.. graphviz::\n\n{_indented(rule_graph(root))}\n```",
    ]
    for path in sorted((root / "rules").glob("*.smk")):
        text = path.read_text()
        rules = [(name, _outputs(body)) for name, body in _RULE.findall(text)]
        if not rules:
            continue
        about = text.partition("\n")[0].removeprefix("#").strip() if text.startswith("#") else ""
        lines = ["| rule | makes |", "| --- | --- |"]
        lines += [f"| `{name}` | {'<br>'.join(f'`{o}`' for o in made)} |" for name, made in rules]
        parts += [f"## {path.name}", *([about] if about else []), "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _outputs(body: str) -> list[str]:
    """Return the patterns of a rule's outputs, as they stand in its file."""
    block = re.search(r"^    output:\n((?:^ {8}.*\n)+)", body, re.MULTILINE)
    return re.findall(r'"([^"]+)"', block.group(1)) if block else []


def rule_graph(root: Path) -> str:
    """Return the graph of the rules behind Table 2, in the language of Graphviz."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--rulegraph",
        "dot",
        "--quiet",
        "--",
        "results/table2.csv",
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    edges = re.findall(r"^\s*(\d+) -> (\d+)", done.stdout, re.MULTILINE)
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', done.stdout, re.MULTILINE))
    lines = [f"{names[a]} -> {names[b]};" for a, b in edges]
    style = "rankdir=LR; node [shape=box, style=rounded, fontname=sans, fontsize=11];"
    return "\n".join(["digraph rules {", style, *sorted(lines), "}"])


# ---- Results of the embedded benchmark ----------------------------------------------------------


def figure4_table(curves: pd.DataFrame) -> str:
    """Return the curves of Figure 4 as a table: mean J by the share of annotated frames."""
    shares = curves.annotated.map("{:.1f} %".format)
    kinds = curves.panel + ", " + curves.method
    table = curves.pivot_table(values="J", index=kinds, columns=shares, sort=False)
    headings = [Heading(key=key, title=key) for key in ("annotated frames", *table.columns)]
    return markdown(print_table(table.rename_axis("annotated frames").reset_index(), headings))


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())
