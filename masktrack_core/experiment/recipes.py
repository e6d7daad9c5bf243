"""The experiment tables of ``config.yaml`` as frozen dataclasses.

A row names other rows; every name is looked up here, once, before anything runs. The values of
parameter rows (deformations, schedules, …) stay plain mappings: the function that uses them turns
them into its own parameter dataclass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Self, TypeVar

from masktrack_core.errors import InputError
from masktrack_core.experiment.references import check_references
from masktrack_core.tracking.choice import LOOKING, Choice

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
    """What is trained offline (paper §3.1, Table 1 "Training", "Mask deformation", "Input").

    Or a file of a network that was trained elsewhere, which says itself what it is made of.
    """

    #: included:mask (box, objects), a path or an http(s) address, instead of all that trains one
    file: str | None = None
    #: of that file
    sha256: str | None = None
    architecture: str | None = None
    # Paper: every network from ImageNet's weights. Ours, none by default.
    #: whose weights it begins with
    start: str | None = None
    input: str = "mask"
    stills: tuple[str, ...] = ()
    # Paper: nothing of other objects. Ours, off by default.
    #: whether objects of other stills are pasted beside a still's own; always for one that is told
    composed: bool = False
    deformation: str | None = None
    augmentation: str | None = None
    limit: int | None = None
    crop: str | None = None
    schedule: str | None = None
    #: None: that of the configuration
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class FinetuningRecipe(_Recipe):
    """How a network learns one object online (paper §3.2).

    None, but for the deformation, is for networks from files alone: as the file says.
    """

    schedule: str | None = None
    crop: str | None = None
    augmentation: str | None = None
    #: None: that of the network, so that online training sees what offline training saw
    deformation: str | None = None
    #: of a network trained here 1000
    samples: int | None = None
    #: of a network trained here 0
    offline_share: float | None = None
    #: of a network trained here false
    neighbours: bool | None = None
    #: of a network trained here false
    shared: bool | None = None
    #: None: that of the configuration
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class FlowRecipe(_Recipe):
    """What the flow stream shows (paper §3.3, Figure 2)."""

    method: str
    image: str
    weights: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrackerRecipe(_Recipe):
    """How one network is run over a video (paper §3.1–3.3), or somebody else's tracker."""

    #: somebody else's, one run an object, instead of a network (`tracking.external`)
    command: str | None = None
    #: what decides its masks beside the words of the command: scripts, weights
    files: tuple[str, ...] = ()
    #: seconds after which a run counts as hanging
    timeout_s: float = 3600
    #: whether it may answer empty masks alone: refused (None too) or allowed
    empty: str | None = None
    #: whether a run wants a GPU
    gpu: bool = False
    network: str | None = None
    finetuning: str | None = None
    #: None: as the file of the network says
    propagation: str | None = None
    # Paper: each object alone (§5.1).
    #: of a sequence: alone, or together, side by side (`tracking.together`)
    objects: str = "alone"
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
    #: how ``count`` frames are chosen (`tracking.choice`), instead of ``every``
    choose: Choice | None = None
    #: frames in all, the first with them
    count: int | None = None
    #: whose masks are looked at, by doubt and worst
    variant: str | None = None


@dataclass(frozen=True, kw_only=True)
class VariantRecipe(_Recipe):
    """What is scored: the average of trackers, an oracle that sees the truth, or others' masks."""

    trackers: tuple[str, ...] = ()
    oracle: str | None = None
    #: None: GrabCut of the whole frame
    grabcut: str | None = None
    #: folder, zip, addresses of one, or a row of archives
    masks: str | tuple[str, ...] | None = None
    #: what the values of those masks are, where a file could mean several things
    mask_values: str | None = None
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
    #: of several rows of one method, whose numbers are averaged
    seed: int | None = None
    #: of rows that a sweep made: the ``method`` before it, and ``values``, parameter → value
    swept: Mapping[str, Any] | None = None

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
    #: what else is across: datasets, or sequences or groups before the mean of each set
    across: str = "datasets"
    #: with which each row was run (`derived_rows`)
    seeds: tuple[int, ...] = ()
    #: parameter → the values with which each row that uses it was run
    sweep: Mapping[str, Any] = field(default_factory=dict)
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
        methods = [(entry.method, entry.seed) for entry in rows]
        methods += [(entry.method, None) for entry in others or ()]
        doubled = sorted({entry[0] for entry in methods if methods.count(entry) > 1})
        if doubled:
            raise InputError(
                f"tables.{name}.rows: expected a method of its own in each row, got {doubled} "
                "twice; rename one"
            )
        given = {key: row[key] for key in ("across", "decimals", "sweep") if key in row}
        given["seeds"] = tuple(row.get("seeds", ()))
        measures = tuple(row.get("measures", ("J",)))
        datasets = tuple(row["datasets"])
        return cls(
            name=name, datasets=datasets, rows=rows, measures=measures, published=others, **given
        )

    @property
    def shown(self) -> tuple[TableRow, ...]:
        """Return a row of each method: what pictures show of several seeds."""
        return tuple({row.method: row for row in reversed(self.rows)}.values())[::-1]


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
    for network in recipes.networks.values():
        if network.file is not None or network.sha256 is not None:
            _check_file(network)
            continue
        missing = [key for key in _TRAINED if not getattr(network, key)]
        if missing:
            raise InputError(
                f"networks.{network.name}: expected {', '.join(_TRAINED)} of a network that is "
                f"trained here, or a file, got no {', '.join(missing)}; complete the row"
            )
        training = (network.schedule, network.crop, network.augmentation)
        if None in training and any(training):
            raise InputError(
                f"networks.{network.name}: augmentation, crop and schedule belong together; give "
                "all to train offline, or none for a network that is only fine-tuned"
            )
        _check_start(network, recipes)
    for variant in recipes.variants.values():
        sources = [key for key in ("trackers", "oracle", "masks") if getattr(variant, key)]
        if len(sources) != 1:
            raise InputError(
                f"variants.{variant.name}: expected either trackers, oracle or masks, "
                f"got {' and '.join(sources) or 'none'}; keep one of them"
            )
        if variant.grabcut and variant.oracle != "grabcut":
            raise InputError(
                f"variants.{variant.name}.grabcut: expected only beside `oracle: grabcut`, got "
                f"'{variant.grabcut}'; remove it"
            )
        if variant.mask_values and not variant.masks:
            raise InputError(
                f"variants.{variant.name}.mask_values: expected beside masks, which it explains, "
                "got it alone; remove it"
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
        if _is_external(tracker):
            continue
        assert tracker.network is not None
        network = recipes.networks[tracker.network]
        if tracker.propagation is None and network.file is None:
            raise InputError(
                f"trackers.{tracker.name}.propagation: expected a row of propagations, got none; "
                f"only a network from a file says how it is propagated, and '{network.name}' is "
                "trained here"
            )
        if tracker.finetuning is not None and network.file is None:
            _check_finetuning(tracker.name, recipes.finetunings[tracker.finetuning])
    for annotation in recipes.annotations.values():
        _check_annotation(annotation, recipes)


def _is_external(tracker: TrackerRecipe) -> bool:
    """Return whether a tracker is a command; raise for one that is nothing, or is two things."""
    ours = ("network", "finetuning", "propagation", "flow")
    theirs = ("command", "files", "gpu", "empty")
    keys = (*ours, *theirs) if tracker.command is None else ours
    given = [key for key in (theirs if tracker.network else keys) if getattr(tracker, key)]
    if (tracker.command is None) == (tracker.network is None) or given:
        given = [key for key in given if key != "command"]
        raise InputError(
            f"trackers.{tracker.name}: expected a network and how it is run, or a command with "
            f"files, timeout_s, empty and gpu at most beside it, got network {tracker.network!r}, "
            f"command {tracker.command!r}{', beside it ' if given else ''}{', '.join(given)}; keep "
            "one"
        )
    if tracker.command is not None and tracker.objects != "alone":
        raise InputError(
            f"trackers.{tracker.name}.objects: expected alone beside a command, which has one run "
            f"an object, got {tracker.objects!r}; remove it"
        )
    return tracker.command is not None


def _check_start(network: NetworkRecipe, recipes: Recipes) -> None:
    """Raise where a network begins with weights that begin with its own."""
    behind = [network.name]
    while (start := recipes.networks[behind[-1]].start) is not None:
        behind.append(start)
        if start in behind[:-1]:
            raise InputError(
                f"networks.{network.name}.start: expected a network that begins without it, got "
                f"{' from '.join(behind)}; remove one `start`"
            )


#: What a row of ``networks`` cannot do without, unless it is a file.
_TRAINED = "architecture", "stills", "deformation"


def _check_file(network: NetworkRecipe) -> None:
    """Raise where the row of a file also says how a network is trained."""
    training = (*_TRAINED, "start", "composed", "augmentation", "crop", "schedule", "limit", "seed")
    given = [key for key in training if getattr(network, key) not in (None, (), False)]
    if network.file is None or given:
        came = "sha256 without a file" if network.file is None else f"{', '.join(given)} beside it"
        raise InputError(
            f"networks.{network.name}: expected a file, with input and sha256 at most beside it, "
            f"or what trains a network, got {came}; keep one of them, or give the row another name"
        )


def _check_finetuning(tracker: str, finetuning: FinetuningRecipe) -> None:
    """Raise where a row leaves open what only the file of a network says."""
    missing = [
        key for key in ("schedule", "crop", "augmentation") if getattr(finetuning, key) is None
    ]
    if missing:
        raise InputError(
            f"finetunings.{finetuning.name}: expected {', '.join(missing)}, got none; only for a "
            f"network from a file may a row leave them out, and that of trackers.{tracker} is "
            "trained here"
        )


def _check_annotation(annotation: AnnotationRecipe, recipes: Recipes) -> None:
    """Raise where a box has nothing that turns it into a segment, or a mask has."""
    _check_choice(annotation, recipes)
    name = annotation.network
    network = None if name is None else recipes.networks[name]
    said = annotation.propagation is not None or (network is not None and network.file is not None)
    given = (network is not None, said)
    if given != ((True, True) if annotation.kind == "box" else (False, False)):
        raise InputError(
            f"annotations.{annotation.name}: kind '{annotation.kind}' with network "
            f"{name!r} and propagation {annotation.propagation!r}; a box needs "
            "both (what turns it into a segment, paper §3.3; a network from a file says itself how "
            "it is propagated), a mask needs neither"
        )
    if network is not None and network.input != "box":
        raise InputError(
            f"annotations.{annotation.name}.network: expected a network that is shown boxes "
            f"(input: box), got '{name}', which has input: {network.input}; name another one"
        )


def _check_choice(annotation: AnnotationRecipe, recipes: Recipes) -> None:
    """Raise where frames are chosen by what is not there, or in two ways."""
    keys = ("choose", "count", "variant")
    wanted = {"choose", "count"} | ({"variant"} if annotation.choose in LOOKING else set())
    given = {key for key in keys if getattr(annotation, key) is not None}
    alone = annotation.every is None and annotation.kind == "mask"
    if given and (given != wanted or not alone):
        raise InputError(
            f"annotations.{annotation.name}: expected choose and count of masks, variant beside "
            f"{' and '.join(LOOKING)} alone and no `every`, got {', '.join(sorted(given))} with "
            f"kind '{annotation.kind}' and every {annotation.every}; complete the row"
        )
    if annotation.variant is None:
        return
    trackers = recipes.variants[annotation.variant].trackers
    if not trackers or any(recipes.trackers[name].command for name in trackers):
        raise InputError(
            f"annotations.{annotation.name}.variant: expected a variant of our own trackers, whose "
            f"probabilities can be doubted, got '{annotation.variant}'; name another one"
        )
