"""A whole configuration, read once: what the workflow asks before it can plan its jobs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from masktrack_core.datasets.external import check_source, masks_archive
from masktrack_core.datasets.index import (
    folder_fingerprint,
    known_facts,
    read_facts,
    sequence_files,
)
from masktrack_core.datasets.label_cache import LabelCache
from masktrack_core.datasets.layouts import still_layout
from masktrack_core.datasets.patterns import find_files
from masktrack_core.datasets.sources import (
    SequenceObject,
    check_sources,
    dataset_groups,
    dataset_objects,
    expanded,
    set_root,
    source,
)
from masktrack_core.errors import InputError
from masktrack_core.experiment.ablations import AblationRecipe, read_ablations
from masktrack_core.experiment.architectures import check_architectures, check_starts
from masktrack_core.experiment.network_files import check_network_file, network_archive
from masktrack_core.experiment.published import weights_file
from masktrack_core.experiment.published_results import check_techniques
from masktrack_core.experiment.recipes import Recipes, TrackerRecipe, read_recipes
from masktrack_core.experiment.references import look_up
from masktrack_core.tracking.commands import check_command


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The tables of a configuration and the objects of its data sets."""

    config: Mapping[str, Any]
    recipes: Recipes
    #: data set → (sequence, object number) of every object that is tracked
    objects: Mapping[str, tuple[SequenceObject, ...]]
    ablations: Mapping[str, AblationRecipe]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the experiment of a configuration that fits the schema.

        Raises ``InputError`` naming the key for unknown names, missing roots and sequences that
        are not there: before anything runs.
        """
        recipes = read_recipes(config)
        check_sources(config)
        check_architectures(config)
        for table, column in (("architectures", "pretrained"), ("flows", "weights")):
            for name in config[table]:
                weights_file(config, table, name, column)
        for network in recipes.networks.values():
            check_network_file(network)
        check_starts(config)
        for tracker in recipes.trackers.values():
            if tracker.command is not None:
                check_command(f"trackers.{tracker.name}.command", tracker.command)
                _check_files(tracker)
        for name, variant in recipes.variants.items():
            if variant.masks is not None and not masks_archive(
                name, variant.masks, config["archives"]
            ):
                check_source(f"variants.{name}.masks", variant.masks)
        objects = _objects(config)
        ablations = read_ablations(config)
        _check_pages(config)
        for entry in recipes.tables.values():
            known = [config["datasets"][dataset]["published"] for dataset in entry.datasets]
            check_techniques(f"tables.{entry.name}", entry.published or (), known)
        experiment = cls(config=config, recipes=recipes, objects=objects, ablations=ablations)
        for name, variant in recipes.variants.items():
            if variant.trackers:
                experiment.threshold(name)
        return experiment

    def wildcards(self) -> dict[str, str]:
        """Return the pattern of every wildcard that names a row."""
        singular = {table.removesuffix("s"): table for table in _NAMED}
        return {word: self.names(table) for word, table in singular.items()} | {
            "stills": self.names("stills"),
            "weights": self.names("weights"),
            "archive": "|".join(map(re.escape, self.archives)) or "-",
        }

    @property
    def archives(self) -> dict[str, Any]:
        """Return every file that may be downloaded, by its name: sets, others' masks, networks."""
        rows = dict(self.config["archives"])
        for variant in self.recipes.variants.values():
            if variant.masks is not None:
                rows |= masks_archive(variant.name, variant.masks, rows)
        for network in self.recipes.networks.values():
            rows |= network_archive(network)
        return rows

    def masks_archive(self, variant: str) -> str | None:
        """Return the name of the download that holds a variant's masks; None for masks on disk."""
        masks = self.recipes.variants[variant].masks
        return next(iter(masks_archive(variant, masks or (), self.config["archives"])), None)

    def names(self, table: str, **wanted: bool | str) -> str:
        """Return a pattern of the names in a table.

        ``rendered=True``: of rows where it is given; ``objects="alone"``: where it is that.
        """
        chosen = [
            name
            for name, row in self.config[table].items()
            if all(
                row.get(key) == given if isinstance(given, str) else bool(row.get(key)) == given
                for key, given in wanted.items()
            )
        ]
        return "|".join(re.escape(name) for name in chosen) or "-"

    def root(self, table: str, name: str) -> str:
        """Return the folder that holds a data set or a set of stills."""
        return set_root(self.config, table, name)

    def objects_of(self, dataset: str, sequence: str) -> list[int]:
        """Return the object numbers of one sequence."""
        return [number for name, number in self.objects[dataset] if name == sequence]

    def groups(self, dataset: str) -> dict[str, dict[int, str]]:
        """Return sequence → object → the group over which the data set's mean is taken, if any."""
        row, root = self.config["datasets"][dataset], Path(self.root("datasets", dataset))
        found = dataset_groups(dataset, row, self.objects[dataset], root=root)
        groups: dict[str, dict[int, str]] = {}
        for (sequence, number), group in found.of.items() if found else ():
            groups.setdefault(sequence, {})[number] = group
        return groups

    def published(self, dataset: str) -> str | None:
        """Return the name under which results on a data set are published.

        None where there are none, and where this configuration has other sequences than the
        published results, or another mean: they would not belong side by side.
        """
        row = self.config["datasets"][dataset]
        name: str | None = row["published"]
        if name is None or row.get("mean", "objects") not in ("objects", "sequences"):
            return None
        facts = read_facts(name)
        whole = set(zip(facts["sequence"], facts["object"].astype(int), strict=True))
        return name if set(self.objects[dataset]) == whole else None

    def temporal_objects(self, dataset: str) -> tuple[SequenceObject, ...]:
        """Return (sequence, object) of what T is measured: in DAVIS-2016 where it is stable."""
        row = self.config["datasets"][dataset]
        for name in filter(None, (row["table"], row["published"])):
            facts = read_facts(name) if name in known_facts() else pd.DataFrame()
            if "eval_t" in facts:
                stable = set(facts.sequence[facts.eval_t == 1])
                return tuple(entry for entry in self.objects[dataset] if entry[0] in stable)
        return self.objects[dataset]

    def development_objects(self, dataset: str) -> tuple[SequenceObject, ...]:
        """Return (sequence, object) of the sequences that parameters may be chosen on."""
        chosen = self.config["datasets"][dataset]["development"]
        return tuple(entry for entry in self.objects[dataset] if entry[0] in chosen)

    def threshold(self, variant: str) -> float | None:
        """Return the probability above which a pixel belongs to a variant's masks.

        Where its row says nothing, that of the propagation of its trackers, so that the masks are
        those that guided; None where the files of `saying_networks` say it. Raises ``InputError``
        where its trackers have unlike ones.
        """
        recipe = self.recipes.variants[variant]
        if recipe.threshold is not None:
            return recipe.threshold
        trackers = [self.recipes.trackers[tracker] for tracker in recipe.trackers]
        rows = [tracker.propagation for tracker in trackers if tracker.command is None]
        if not rows:
            return _OF_MASKS
        named = [row for row in rows if row is not None]
        guiding = {float(self.config["propagations"][row]["threshold"]) for row in named}
        if len(guiding) > 1 or 0 < len(named) < len(rows):
            raise InputError(
                f"variants.{variant}.threshold: expected trackers of one threshold, got "
                f"{sorted(guiding)} of propagations {rows}; give the variant a threshold"
            )
        return guiding.pop() if guiding else None

    def saying_networks(self, variant: str) -> list[str]:
        """Return the networks whose files say a variant's threshold; none where its rows do."""
        if self.threshold(variant) is not None:
            return []
        trackers = [self.recipes.trackers[name] for name in self.recipes.variants[variant].trackers]
        return list(dict.fromkeys(tracker.network for tracker in trackers if tracker.network))

    def trained_on(self, network: str) -> str | None:
        """Return what a network is trained on, in words for those who are handed it.

        None of a network from a file, which says so itself.
        """
        recipe, words = self.recipes.networks[network], []
        if recipe.architecture is None:
            return None
        for name in recipe.stills:
            row = self.config["stills"][name]
            if row["rendered"]:
                words.append(f"{row['rendered']} rendered pictures, no photograph")
            elif row["datasets"]:
                words.append(f"annotated frames of {', '.join(row['datasets'])}")
            else:
                words.append(f"the stills of {name}")
        pretrained = self.config["architectures"][recipe.architecture]["pretrained"]
        start = f", its trunk before that as {Path(pretrained).stem}" if pretrained else ""
        if recipe.start is not None:
            # Of a file its name: this is handed on, and its folder is of one machine.
            file = self.recipes.networks[recipe.start].file
            before = f"as {Path(file).name}" if file else f"on {self.trained_on(recipe.start)}"
            start = f", before that {before}"
        return f"{', '.join(words)}{start}" if recipe.schedule else f"nothing{start}"

    def sequences_of_stills(self, stills: str) -> list[tuple[str, str]]:
        """Return (data set, sequence) of a set of stills that is taken from video sets."""
        datasets = self.config["stills"][stills]["datasets"]
        pairs = [(dataset, name) for dataset in datasets for name, _ in self.objects[dataset]]
        return list(dict.fromkeys(pairs))

    def fingerprint(self, dataset: str, sequence: str) -> str:
        """Return a digest of a sequence's files on disk: it changes when they do; else "".

        Raises ``InputError`` where frames or truth are missing.
        """
        row = self.config["datasets"][dataset]
        if source(f"datasets.{dataset}", row) != "root":
            return ""
        objects = self.objects_of(dataset, sequence)
        files = sequence_files(
            Path(self.root("datasets", dataset)), row["layout"], sequence, objects
        )
        return self._fingerprint(f"{dataset}/{sequence}", files)

    def fingerprint_of_stills(self, stills: str) -> str:
        """Return a digest of a set's pictures and masks on disk: it changes when they do; else "".

        What is not complete is said by the job that indexes the set.
        """
        row = self.config["stills"][stills]
        if source(f"stills.{stills}", row) != "root":
            return ""
        layout = still_layout(row["layout"])
        patterns = (layout.images, layout.masks)
        found = [find_files(Path(self.root("stills", stills)), pattern, {}) for pattern in patterns]
        return self._fingerprint(stills, sorted({path for files in found for path, _ in files}))

    def fingerprint_of_masks(self, variant: str) -> str:
        """Return a digest of others' masks on disk: it changes when they do; else ""."""
        if self.masks_archive(variant):
            return ""
        return self._fingerprint(variant, [Path(self.config["variants"][variant]["masks"])])

    def fingerprint_of_tracker(self, tracker: str) -> str:
        """Return a digest of the names and contents of a command's files."""
        files = self.recipes.trackers[tracker].files
        return self._fingerprint(f"trackers/{tracker}", [Path(expanded(path)) for path in files])

    def _fingerprint(self, name: str, files: Sequence[Path]) -> str:
        """Return the fingerprint of files; what they hold is remembered beside the indexes."""
        cache = LabelCache(Path(self.config["results"]) / "index" / f"{name}.digests.json")
        digest = folder_fingerprint(files, cache=cache)
        cache.keep()
        return digest


#: Of commands, whose masks are probabilities of 0 and 1.
_OF_MASKS = 0.5


def _check_files(tracker: TrackerRecipe) -> None:
    """Raise ``InputError`` naming the key for a file of a command that is none."""
    for path in map(Path, map(expanded, tracker.files)):
        if not path.is_file():
            raise InputError(
                f"trackers.{tracker.name}.files: expected files that decide what its command "
                f"answers, '{path}' is none; correct it"
            )


def _objects(config: Mapping[str, Any]) -> dict[str, tuple[SequenceObject, ...]]:
    """Return the objects of each data set; those found on disk are remembered beside the indexes.

    Every job asks for them again, and they are the ids in all truths of a sequence.
    """
    objects = {}
    for name, row in config["datasets"].items():
        cache = LabelCache(Path(config["results"]) / "index" / f"{name}.objects.json")
        objects[name] = dataset_objects(name, row, cache=cache)
        cache.keep()
    return objects


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
    "ablations",
    "flows",
    "figures",
)


def _check_pages(config: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where a page of pictures names a row that is not there."""
    look_up(config, "figure2.flow", config["figure2"]["flow"], "flows")
    for number, frame in enumerate(config["figure2"]["frames"]):
        look_up(config, f"figure2.frames[{number}].dataset", frame["dataset"], "datasets")
    page = config["deformed_masks"]
    look_up(config, "deformed_masks.stills", page["stills"], "stills")
    look_up(config, "deformed_masks.deformations", page["deformations"], "deformations")
