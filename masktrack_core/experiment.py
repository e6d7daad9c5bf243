"""A whole configuration, read once: what the workflow asks before it can plan its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from masktrack_core.datasets import (
    folder_fingerprint,
    index_video,
    list_sequences,
    read_facts,
)
from masktrack_core.errors import InputError
from masktrack_core.external import check_source
from masktrack_core.recipes import Recipes, read_recipes
from masktrack_core.rendered_clips import VIDEO_SETS

SequenceObject = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The tables of a configuration and the objects of its data sets."""

    config: Mapping[str, Any]
    recipes: Recipes
    #: data set → (sequence, object number) of every object that is tracked
    objects: Mapping[str, tuple[SequenceObject, ...]]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the experiment of a configuration that fits the schema.

        Raises ``InputError`` naming the key for unknown names, missing roots and sequences that
        are not there: before anything runs.
        """
        recipes = read_recipes(config)
        for name, stills in config["stills"].items():
            if not stills["rendered"]:
                _existing_root(f"stills.{name}.root", stills.get("root"))
        for name, architecture in config["architectures"].items():
            weights = architecture["pretrained"]
            if weights is not None and not Path(weights).is_file():
                raise InputError(
                    f"architectures.{name}.pretrained: expected a weights file, '{weights}' does "
                    "not exist; correct the path, or null to start from random weights"
                )
        for name, variant in recipes.variants.items():
            if variant.masks is not None:
                check_source(f"variants.{name}.masks", variant.masks)
        objects = {name: dataset_objects(name, row) for name, row in config["datasets"].items()}
        return cls(config=config, recipes=recipes, objects=objects)

    def wildcards(self) -> dict[str, str]:
        """Return the pattern of every wildcard that names a row."""
        singular = {table.removesuffix("s"): table for table in _NAMED}
        return {word: self.names(table) for word, table in singular.items()} | {
            "stills": self.names("stills")
        }

    def names(self, table: str, **wanted: bool) -> str:
        """Return a pattern of the names in a table; ``rendered=True``: rows where it is given."""
        chosen = [
            name
            for name, row in self.config[table].items()
            if all(bool(row[key]) == given for key, given in wanted.items())
        ]
        return "|".join(chosen) or "-"

    def root(self, table: str, name: str) -> str:
        """Return the folder that holds a data set or a set of stills."""
        row = self.config[table][name]
        return str(Path(self.config["data"]) / name) if row["rendered"] else str(row["root"])

    def objects_of(self, dataset: str, sequence: str) -> list[int]:
        """Return the object numbers of one sequence."""
        return [number for name, number in self.objects[dataset] if name == sequence]

    def fingerprint(self, dataset: str, sequence: str) -> str:
        """Return a digest of a sequence's files: it changes when they do. "" where rendered.

        Raises ``InputError`` where frames or truth are missing.
        """
        row = self.config["datasets"][dataset]
        if row["rendered"]:
            return ""
        objects = self.objects_of(dataset, sequence)
        index = index_video(Path(row["root"]), row["layout"], sequence, objects)
        files = [*index.frame_path, *(path for path in index.truth_path if path)]
        return folder_fingerprint(dict.fromkeys(Path(file) for file in files))


_NAMED = (
    "datasets",
    "deformations",
    "networks",
    "finetunings",
    "trackers",
    "annotations",
    "variants",
    "tables",
    "figures",
)


def dataset_objects(name: str, row: Mapping[str, Any]) -> tuple[SequenceObject, ...]:
    """Return (sequence, object) of a data set: as rendered, as listed, or as found on disk.

    Raises ``InputError`` where the root is missing or ``only`` names a sequence that is not there.
    """
    if row["rendered"]:
        found = [(clip.name, n) for clip in VIDEO_SETS[row["rendered"]] for n in clip.objects]
    else:
        root = _existing_root(f"datasets.{name}.root", row.get("root"))
        if row["table"]:
            facts = read_facts(row["table"])
            found = list(zip(facts["sequence"], facts["object"].astype(int), strict=True))
        else:
            found = list_sequences(root, row["layout"])
    if row["only"] is None:
        return tuple(found)
    known = {sequence for sequence, _ in found}
    for sequence in row["only"]:
        if sequence not in known:
            raise InputError(
                f"datasets.{name}.only: unknown sequence '{sequence}'; there are {sorted(known)}"
            )
    return tuple(entry for entry in found if entry[0] in row["only"])


def _existing_root(key: str, root: str | None) -> Path:
    if root is None or not Path(root).is_dir():
        raise InputError(
            f"{key}: expected the folder that holds the data, got {root!r}, which does not exist; "
            "correct the path or remove the entry"
        )
    return Path(root)
