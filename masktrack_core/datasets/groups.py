"""Groups of objects over which a benchmark takes its mean: sequences, classes, seen and unseen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from masktrack_core.datasets.index import known_facts, read_facts
from masktrack_core.datasets.layouts import VideoLayout, video_layout
from masktrack_core.datasets.listed_objects import listed_objects
from masktrack_core.datasets.protocol import MEANS, Mean
from masktrack_core.errors import InputError, describe


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The group of each object."""

    #: What the groups are, as a mean over them is called.
    title: str
    #: (sequence, object) → the name of its group
    of: Mapping[tuple[str, int], str]


def object_groups(
    mean: Mean,
    objects: Sequence[tuple[str, int]],
    *,
    root: Path,
    layout: VideoLayout | Mapping[str, Any] | str,
    table: pd.DataFrame | None = None,
    seen: str | None = None,
    where: str = "mean",
) -> Groups | None:
    """Return the group of each object; None where the mean is over objects.

    Classes are those of the layout's list of objects, of column ``class`` of ``table`` (columns
    ``sequence``, ``object``), or of ``{class}`` in the name of a sequence. ``seen`` is a table of
    facts or a CSV file: ``class`` or ``sequence``, and ``seen``, 0 or 1; what it does not hold is
    the other. Raises `InputError` naming ``where`` and the objects that have no class.
    """
    if mean not in MEANS:
        raise InputError(f"{where}: expected one of {list(MEANS)}, got {mean!r}; correct it")
    if mean == "objects":
        return None
    if mean == "sequences":
        return Groups(title="sequences", of={entry: entry[0] for entry in objects})
    if mean == "classes":
        classes = _classes(objects, Path(root), video_layout(layout), table, where)
        return Groups(title="classes", of=classes)
    column, named, other = _seen_table(seen, where)
    names = {entry: entry[0] for entry in objects}
    if column == "class":
        names = _classes(objects, Path(root), video_layout(layout), table, where)
    groups = {entry: named.get(_plain(name), other) for entry, name in names.items()}
    unknown = sorted({names[entry] for entry, group in groups.items() if not group})
    if unknown:
        raise InputError(
            f"{where}: expected in {seen} every {column}, or only those that are seen, or unseen, "
            f"got none of {unknown[:3]}; complete it"
        )
    return Groups(title="seen and unseen", of=groups)


def _classes(
    objects: Sequence[tuple[str, int]],
    root: Path,
    layout: VideoLayout,
    table: pd.DataFrame | None,
    where: str,
) -> dict[tuple[str, int], str]:
    """Return the class of each object."""
    listed = listed_objects(root, layout.meta)
    known = {
        (sequence, number): entry.category
        for sequence, entries in listed.items()
        for number, entry in entries.items()
    }
    if table is not None and "class" in table:
        columns = table["sequence"], table["object"].astype(int), table["class"]
        known |= {(name, number): word for name, number, word in zip(*columns, strict=True)}
    if "{class}" in layout.sequence:
        known |= {entry: layout.fields(entry[0])["class"] for entry in objects}
    unknown = ["{}/{}".format(*entry) for entry in objects if not known.get(entry)]
    if unknown:
        raise InputError(
            f"{where}: expected a class of every object, in {root / (layout.meta or 'meta.json')}, "
            f"in column class of the table of sequences, or as {{class}} in their names, got none "
            f"of {len(unknown)}, first {unknown[:3]}; add them, or take the mean over objects"
        )
    return {entry: known[entry] for entry in objects}


def _seen_table(seen: str | None, where: str) -> tuple[str, dict[str, str], str]:
    """Return what a table of seen things is of, the group of each, and that of all others."""
    try:
        if seen is None:
            raise ValueError("none")
        facts = read_facts(seen) if seen in known_facts() else pd.read_csv(seen, dtype=str)
        values = facts["seen"].astype(int)
        (column,) = {"class", "sequence"} & {*facts.columns}
        if not {*values} <= {0, 1} or facts.empty:
            raise ValueError(f"values {sorted({*values})}")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{where}: expected `seen`, a table of facts or a CSV file with the columns class or "
            f"sequence, and seen, 0 or 1, got {seen!r} ({describe(error)}); correct it"
        ) from error
    words = {0: "unseen", 1: "seen"}
    named = {_plain(name): words[v] for name, v in zip(facts[column], values, strict=True)}
    # What a table of one kind leaves out is the other kind; one of both says all.
    other = "" if len({*values}) == 2 else words[1 - int(values.iloc[0])]
    return column, named, other


def _plain(name: str) -> str:
    """Return a name without what lists write differently: earless seal, earless_seal."""
    return name.strip().replace(" ", "_").replace("-", "_")
