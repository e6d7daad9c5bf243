"""The experiment tables of ``config.yaml`` as frozen dataclasses.

A row names other rows; every name is looked up here, once, before anything runs. The values of
parameter rows (deformations, schedules, …) stay plain mappings: the function that uses them turns
them into its own parameter dataclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Self, TypeVar

from masktrack_core.errors import InputError
from masktrack_core.experiment.references import check_references

Row = Mapping[str, Any]
R = TypeVar("R", bound="_Recipe")


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    name: str

    @classmethod
    def from_row(cls, name: str, row: Row) -> Self:
        """Return the recipe of one row; list values become tuples."""
        known = {field.name for field in fields(cls)}
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
        return cls(name=name, **{key: v for key, v in values.items() if key in known})


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe(_Recipe):
    """What is trained offline (paper §3.1, Table 1 "Training", "Mask deformation", "Input")."""

    architecture: str
    input: str = "mask"
    stills: tuple[str, ...]
    deformation: str
    augmentation: str | None = None
    limit: int | None = None
    crop: str | None = None
    schedule: str | None = None


#: What a row of ``finetunings`` says itself, beside the names of other rows.
FINETUNING_KEYS = "samples", "offline_share"


@dataclass(frozen=True, kw_only=True)
class FinetuningRecipe(_Recipe):
    """How a network learns one object online (paper §3.2)."""

    schedule: str
    crop: str
    augmentation: str
    #: None: that of the network, so that online training sees what offline training saw
    deformation: str | None = None
    samples: int = 1000
    offline_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FlowRecipe(_Recipe):
    """What the flow stream shows (paper §3.3, Figure 2)."""

    method: str
    image: str
    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrackerRecipe(_Recipe):
    """How one network is run over a video (paper §3.1–3.3)."""

    network: str
    finetuning: str | None = None
    propagation: str
    #: averaged frame by frame, and the average guides the next frame
    streams: tuple[str, ...] = ("rgb",)
    flow: str | None = None
    # Paper: "as-is, without retraining", silent on online fine-tuning. Offline: a network
    # fine-tuned on the colours of one frame finds nothing in a grey picture.
    #: what the flow stream runs: the network as trained offline, or as finetuned on the object
    flow_network: str = "offline"

    @property
    def networks(self) -> tuple[str, ...]:
        """Return ``offline`` or ``finetuned`` for each stream."""
        own = "finetuned" if self.finetuning else "offline"
        chosen = {"rgb": own, "flow": self.flow_network if self.finetuning else own}
        return tuple(chosen[stream] for stream in self.streams)


@dataclass(frozen=True, kw_only=True)
class AnnotationRecipe(_Recipe):
    """Which frames the user gives, and as what (paper §3.3, §5.4)."""

    every: int | None = None
    kind: str = "mask"
    network: str | None = None
    propagation: str | None = None


@dataclass(frozen=True, kw_only=True)
class VariantRecipe(_Recipe):
    """What is scored: the average of trackers, an oracle that sees the truth, or others' masks."""

    trackers: tuple[str, ...] = ()
    oracle: str | None = None
    #: folder, zip, addresses of one, or a row of archives
    masks: str | tuple[str, ...] | None = None
    #: None: that of the propagation of its trackers
    threshold: float | None = None
    crf: str | None = None
    crf_search: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row of a results table."""

    method: str
    variant: str
    annotation: str = "first"

    @property
    def run(self) -> tuple[str, str]:
        """Return what was run: variant and annotation."""
        return self.variant, self.annotation


@dataclass(frozen=True, kw_only=True)
class Technique:
    """A published method of which the results of every sequence are known."""

    method: str
    #: Column of ``facts/<data set>_published_J.csv``.
    technique: str

    @classmethod
    def of(cls, entry: str | Mapping[str, str]) -> Self:
        """Return the technique of a row, or of a word alone, which is its name too."""
        row = {"method": entry, "technique": entry} if isinstance(entry, str) else entry
        return cls(**row)


@dataclass(frozen=True, kw_only=True)
class TableRecipe(_Recipe):
    """A table: rows are methods, columns are data sets."""

    datasets: tuple[str, ...]
    rows: tuple[TableRow, ...]
    #: keys of `MEASURES`, across
    measures: tuple[str, ...] = ("J",)
    #: what else is across: datasets, or sequences before the mean of each set
    across: str = "datasets"
    #: of the printed numbers; the CSV has all
    decimals: int = 1
    #: published techniques on our sequences; None: the paper's Table 2, where we have the whole set
    published: tuple[Technique, ...] | None = None

    @classmethod
    def from_row(cls, name: str, row: Row) -> Self:
        """Return the recipe of one table; raise ``InputError`` for a method named twice."""
        rows = tuple(TableRow(**entry) for entry in row["rows"])
        published = row.get("published")
        others = None if published is None else tuple(map(Technique.of, published))
        methods = [entry.method for entry in rows] + [entry.method for entry in others or ()]
        doubled = sorted({method for method in methods if methods.count(method) > 1})
        if doubled:
            raise InputError(
                f"tables.{name}.rows: expected a method of its own in each row, got {doubled} "
                "twice; rename one"
            )
        given = {key: row[key] for key in ("across", "decimals") if key in row}
        measures = tuple(row.get("measures", ("J",)))
        datasets = tuple(row["datasets"])
        return cls(
            name=name, datasets=datasets, rows=rows, measures=measures, published=others, **given
        )


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """Every experiment table, by name."""

    networks: Mapping[str, NetworkRecipe]
    finetunings: Mapping[str, FinetuningRecipe]
    flows: Mapping[str, FlowRecipe]
    trackers: Mapping[str, TrackerRecipe]
    annotations: Mapping[str, AnnotationRecipe]
    variants: Mapping[str, VariantRecipe]
    tables: Mapping[str, TableRecipe]


def annotated_times(length: int, every: int | None) -> range:
    """Return the annotated frames of a video of ``length`` frames: 0, k, 2k, … or 0 alone."""
    return range(0, length, every or length)


def read_recipes(config: Mapping[str, Any]) -> Recipes:
    """Return the experiment tables of a validated configuration.

    Raises ``InputError`` naming the key, the unknown name and the names that exist.
    """
    check_references(config)
    recipes = Recipes(
        networks=_rows(NetworkRecipe, config["networks"]),
        finetunings=_rows(FinetuningRecipe, config["finetunings"]),
        flows=_rows(FlowRecipe, config.get("flows", {})),
        trackers=_rows(TrackerRecipe, config["trackers"]),
        annotations=_rows(AnnotationRecipe, config["annotations"]),
        variants=_rows(VariantRecipe, config["variants"]),
        tables=_rows(TableRecipe, config["tables"]),
    )
    _check_meaning(recipes)
    return recipes


def _rows(recipe: type[R], table: Mapping[str, Row]) -> Mapping[str, R]:
    return MappingProxyType({name: recipe.from_row(name, row) for name, row in table.items()})


def _check_meaning(recipes: Recipes) -> None:
    """Raise where single values are right but do not fit together."""
    for variant in recipes.variants.values():
        sources = [key for key in ("trackers", "oracle", "masks") if getattr(variant, key)]
        if len(sources) != 1:
            raise InputError(
                f"variants.{variant.name}: expected either trackers, oracle or masks, "
                f"got {' and '.join(sources) or 'none'}; keep one of them"
            )
        refinements = [given for given in (variant.crf, variant.crf_search) if given]
        if len(refinements) > (1 if variant.trackers else 0):
            raise InputError(
                f"variants.{variant.name}: expected crf or crf_search, and only beside trackers, "
                f"got {refinements}; keep one of them, or none for an oracle"
            )
    for tracker in recipes.trackers.values():
        if ("flow" in tracker.streams) != (tracker.flow is not None):
            raise InputError(
                f"trackers.{tracker.name}: streams {list(tracker.streams)} with flow "
                f"{tracker.flow!r}; the stream flow needs a row of flows, the others need none"
            )
    for annotation in recipes.annotations.values():
        given = (annotation.network is not None, annotation.propagation is not None)
        if given != ((True, True) if annotation.kind == "box" else (False, False)):
            raise InputError(
                f"annotations.{annotation.name}: kind '{annotation.kind}' with network "
                f"{annotation.network!r} and propagation {annotation.propagation!r}; a box needs "
                "both (what turns it into a segment, paper §3.3), a mask needs neither"
            )
    for network in recipes.networks.values():
        training = (network.schedule, network.crop, network.augmentation)
        if None in training and any(training):
            raise InputError(
                f"networks.{network.name}: augmentation, crop and schedule belong together; give "
                "all to train offline, or none for a network that is only fine-tuned"
            )
