"""Where a data set comes from: a folder on disk, the renderer, or archives to download."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from masktrack_core.datasets.groups import Groups, object_groups
from masktrack_core.datasets.index import (
    list_sequences,
    read_facts,
    read_split,
    sequences_on_disk,
)
from masktrack_core.datasets.label_cache import LabelCache
from masktrack_core.datasets.layouts import video_layout
from masktrack_core.datasets.patterns import find_files
from masktrack_core.datasets.protocol import Mean
from masktrack_core.errors import InputError, describe
from masktrack_core.rendered.clips import VIDEO_SETS

SOURCES = ("root", "rendered", "archives", "datasets")
"""The keys of a set of which exactly one is given; ``datasets`` is for stills alone."""

PATH_KEYS = (
    "results",
    "data",
    "stills.*.root",
    "datasets.*.root",
    "datasets.*.table",
    "datasets.*.attributes",
    "datasets.*.seen",
    "weights.*.path",
    "architectures.*.pretrained",
    "flows.*.weights",
    "networks.*.file",
    "trackers.*.files",
    "variants.*.masks",
)
"""The keys of a configuration whose value is, or may be, a place on disk; ``*`` is any row."""

ROW_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"table": None, "split": None, "only": None, "skip": ["first"], "before": "skipped"}
    | {"after": "counted", "mean": "objects", "seen": None}
)
"""What a row of ``datasets`` says where it says nothing, as in the schema."""

SequenceObject = tuple[str, int]


def source(key: str, row: Mapping[str, Any]) -> str:
    """Return which of `SOURCES` a row of ``datasets`` or ``stills`` gives.

    Raises `InputError` naming ``key`` for none and for several.
    """
    given = [name for name in SOURCES if row.get(name)]
    if len(given) != 1:
        raise InputError(
            f"{key}: expected exactly one of root (a folder on disk), rendered, archives (to "
            f"download), datasets (stills that are frames of videos), got {given or 'none'}; keep "
            "one of them"
        )
    return given[0]


def check_sources(config: Mapping[str, Any]) -> None:
    """Raise `InputError` for a set without a source, and for two that claim one folder."""
    claimed: dict[str, str] = {"archives": "the downloads"}
    for table in ("datasets", "stills"):
        for name, row in config[table].items():
            key = f"{table}.{name}"
            kind = source(key, row)
            if kind == "root":
                existing_root(f"{key}.root", row["root"])
            if kind in ("root", "datasets"):
                continue
            if name in claimed:
                raise InputError(
                    f"{key}: expected a name of its own below the folder of data, but {name!r} is "
                    f"{claimed[name]}; rename it"
                )
            claimed[name] = key


def set_root(config: Mapping[str, Any], table: str, name: str) -> str:
    """Return the folder that holds, or will hold, a data set or a set of stills."""
    row = config[table][name]
    if source(f"{table}.{name}", row) == "root":
        return expanded(row["root"])
    return str(Path(config["data"]) / name)


def dataset_objects(
    name: str, row: Mapping[str, Any], *, cache: LabelCache | None = None
) -> tuple[SequenceObject, ...]:
    """Return (sequence, object) of a data set: as rendered, as listed, or as found on disk.

    ``cache`` is that of `index.list_sequences`.
    Raises `InputError` where the root is missing, ``only`` or ``split`` name what is not there,
    all of it named, or a set that is downloaded has no table.
    """
    found = _all_objects(name, row, cache)
    known = dict.fromkeys(sequence for sequence, _ in found)
    chosen = list(known) if row["only"] is None else row["only"]
    for sequence in chosen:
        if not isinstance(sequence, str):
            raise InputError(
                f"datasets.{name}.only: expected names, got {sequence!r}, as which YAML reads some "
                "names of digits, and yes, no, on and off; quote it, as in only: ['0010', 'no']"
            )
    unknown = [sequence for sequence in chosen if sequence not in known]
    if unknown:
        words = "sequence" if len(unknown) == 1 else f"{len(unknown)} sequences"
        raise InputError(
            f"datasets.{name}.only: unknown {words} {', '.join(map(repr, unknown))}; there are "
            f"{sorted(known)}"
        )
    if row.get("table") and source(f"datasets.{name}", row) == "root":
        root = existing_root(f"datasets.{name}.root", row.get("root"))
        _check_there(name, chosen, root, row["layout"])
    return tuple(entry for entry in found if entry[0] in chosen)


def _check_there(
    name: str, chosen: Sequence[str], root: Path, layout: Mapping[str, Any] | str
) -> None:
    """Raise `InputError` naming the sequences of a list that have no frames on disk."""
    there = set(sequences_on_disk(root, layout))
    missing = [sequence for sequence in chosen if sequence not in there]
    if missing:
        raise InputError(
            f"datasets.{name}: expected frames of {len(chosen)} sequences below {root}, of "
            f"{len(missing)} there are none: {', '.join(missing)}; complete the data, or name "
            "those to use with `only`"
        )


def dataset_groups(
    name: str, row: Mapping[str, Any], objects: Sequence[SequenceObject], *, root: Path
) -> Groups | None:
    """Return the group of each object over which the data set's mean is taken; None for none.

    Raises `InputError` as `groups.object_groups` does.
    """
    mean: Mean = row.get("mean") or "objects"
    table = read_sequences(row["table"]) if row.get("table") and mean != "objects" else None
    return object_groups(
        mean,
        objects,
        root=root,
        layout=row["layout"],
        table=table,
        seen=row.get("seen"),
        where=f"datasets.{name}.mean",
    )


def _all_objects(
    name: str, row: Mapping[str, Any], cache: LabelCache | None
) -> list[SequenceObject]:
    kind, table, split = source(f"datasets.{name}", row), row.get("table"), row.get("split")
    if kind == "rendered":
        return [(clip.name, n) for clip in VIDEO_SETS[row["rendered"]] for n in clip.objects]
    if table:
        facts = _split(name, read_sequences(table), split)
        return list(zip(facts["sequence"], facts["object"].astype(int), strict=True))
    if kind == "archives":
        raise InputError(
            f"datasets.{name}.table: expected a table of the sequences, which are to be known "
            "before the download, got none; name one of masktrack_core/facts or a CSV file with "
            "the columns sequence, object"
        )
    root = existing_root(f"datasets.{name}.root", row.get("root"))
    if not split:
        return list_sequences(root, row["layout"], cache=cache)
    listed = read_split(root, row["layout"], split)
    if not listed:
        raise InputError(
            f"datasets.{name}.split: expected a list of split {split!r} below {root}, at "
            f"{list(video_layout(row['layout']).split_lists) or 'lists of the layout'}, or a table "
            "of the sequences with a column set, got none; give one of them"
        )
    chosen = listed if row["only"] is None else [one for one in listed if one in row["only"]]
    _check_there(name, chosen, root, row["layout"])
    # What `only` leaves out need not be there: it is known by its name alone.
    found = list_sequences(root, row["layout"], only=chosen, cache=cache) if chosen else []
    return found + [(sequence, 1) for sequence in listed if sequence not in chosen]


def read_sequences(table: str) -> pd.DataFrame:
    """Return a table of sequences: facts by their name, or a CSV file by its path.

    Columns ``sequence`` and ``object``, in a file perhaps ``set`` (train or val) and attributes.
    Any line ends, with or without the mark that Windows puts first. Raises `InputError`.
    """
    if not table.endswith(".csv"):
        return read_facts(table)
    try:
        facts = pd.read_csv(table, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        facts["object"] = facts["object"].astype(int)
        missing = {"sequence"} - set(facts.columns)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{table}: expected a CSV file with the columns sequence, object, got "
            f"{describe(error)}; correct the path or the file"
        ) from error
    doubled = [] if missing else facts[facts.duplicated(["sequence", "object"])].index.tolist()
    if missing or facts.empty or doubled or (facts["object"] < 1).any():
        raise InputError(
            f"{table}: expected distinct rows of sequence and object, from 1, got "
            f"{len(facts)} rows and columns {list(facts.columns)}, doubled rows {doubled}; correct "
            "the file"
        )
    return facts


def _split(name: str, facts: pd.DataFrame, split: str | None) -> pd.DataFrame:
    """Return the rows of a split; all where none is asked for."""
    if split is None:
        return facts
    known = sorted(set(facts["set"])) if "set" in facts else []
    if split not in known:
        raise InputError(
            f"datasets.{name}.split: expected one of {known}, the values of column set in its "
            f"table, got {split!r}; correct it or leave it out"
        )
    return facts[facts["set"] == split]


def existing_root(key: str, root: str | None) -> Path:
    """Return the folder of a data set on disk; raise `InputError` naming the key without one."""
    place = None if root is None else Path(expanded(root))
    if place is None or not place.is_dir():
        raise InputError(
            f"{key}: expected the folder that holds the data, got {root!r}, which does not exist; "
            "correct the path or remove the entry"
        )
    return place


def expand_paths(config: dict[str, Any]) -> None:
    """Fill in ``~`` and variables in every path of a configuration (`PATH_KEYS`), in place.

    Addresses, and what is no text, stay as they are.
    """
    for key in PATH_KEYS:
        table, _, last = key.rpartition(".*.")
        table_rows = config.get(table)
        rows = [*table_rows.values()] if isinstance(table_rows, dict) else []
        for row in rows if table else [config]:
            value = row.get(last) if isinstance(row, dict) else None
            if isinstance(value, list):
                row[last] = [_filled(one) for one in value]
            elif value is not None:
                row[last] = _filled(value)


def _filled(value: Any) -> Any:
    """Return a path filled in; an address, and what is no text, as it is."""
    is_path = isinstance(value, str) and "://" not in value and {"~", "$"} & set(value)
    return expanded(value) if is_path else value


def expanded(root: str) -> str:
    """Return the path of a folder with ``~`` and ``$HOME``, or another variable, filled in."""
    path = Path(os.path.expandvars(root))
    try:
        return str(path.expanduser())
    except RuntimeError:  # ~somebody who has no home here: it does not exist, as will be said
        return str(path)


def find_root(folder: Path, pattern: str) -> Path:
    """Return the folder in which files lie as a pattern says: this one, or one inside it.

    Archives hold a set as it is, or in a folder of its own: a folder without such files that
    holds a single other folder is passed through. Raises `InputError` where there are none.
    """
    place = Path(folder)
    while next(find_files(place, pattern, {}), None) is None:
        names = sorted(
            path.name for path in place.iterdir() if not path.name.startswith((".", "_"))
        )
        inside = [name for name in names if (place / name).is_dir()]
        if len(inside) != 1:
            raise InputError(
                f"{folder.name}: expected files at {pattern} in the archives, got none beside "
                f"{names[:5]}; these are other archives: get the right ones, or correct the layout"
            )
        place = place / inside[0]
    return place
