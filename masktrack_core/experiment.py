"""A whole configuration, read once: what the workflow asks before it can plan its jobs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from masktrack_core.datasets import folder_fingerprint, index_video
from masktrack_core.errors import InputError
from masktrack_core.recipes import Recipes, read_recipes
from masktrack_core.sources import (
    SequenceObject,
    check_sources,
    dataset_objects,
    set_root,
    source,
)


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
        check_sources(config)
        for name, architecture in config["architectures"].items():
            weights = architecture["pretrained"]
            downloaded = weights in config["archives"]
            if weights is not None and not downloaded and not Path(weights).is_file():
                raise InputError(
                    f"architectures.{name}.pretrained: expected a weights file, '{weights}' does "
                    "not exist; correct the path, name a row of archives, or null to start from "
                    "random weights"
                )
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
        return "|".join(re.escape(name) for name in chosen) or "-"

    def root(self, table: str, name: str) -> str:
        """Return the folder that holds a data set or a set of stills."""
        return set_root(self.config, table, name)

    def objects_of(self, dataset: str, sequence: str) -> list[int]:
        """Return the object numbers of one sequence."""
        return [number for name, number in self.objects[dataset] if name == sequence]

    def fingerprint(self, dataset: str, sequence: str) -> str:
        """Return a digest of a sequence's files on disk: it changes when they do; else "".

        Raises ``InputError`` where frames or truth are missing.
        """
        row = self.config["datasets"][dataset]
        if source(f"datasets.{dataset}", row) != "root":
            return ""
        objects = self.objects_of(dataset, sequence)
        index = index_video(Path(row["root"]), row["layout"], sequence, objects)
        files = [*index.frame_path, *(path for path in index.truth_path if path)]
        return folder_fingerprint(dict.fromkeys(Path(file) for file in files))


_NAMED = (
    "archives",
    "datasets",
    "deformations",
    "networks",
    "finetunings",
    "trackers",
    "annotations",
    "variants",
    "tables",
)
