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


@dataclass(frozen=True, kw_only=True)
class FinetuningRecipe(_Recipe):
    """How a network learns one object online (paper §3.2)."""

    schedule: str
    crop: str
    augmentation: str
    deformation: str
    samples: int = 1000


@dataclass(frozen=True, kw_only=True)
class TrackerRecipe(_Recipe):
    """How one network is run over a video (paper §3.1–3.3)."""

    network: str
    finetuning: str | None = None
    propagation: str


@dataclass(frozen=True, kw_only=True)
class AnnotationRecipe(_Recipe):
    """Which frames the user gives, and as what (paper §3.3, §5.4)."""

    every: int | None = None
    kind: str = "mask"
    network: str | None = None
    propagation: str | None = None

    def times(self, length: int) -> range:
        """Return the annotated frames of a video of ``length`` frames: 0, k, 2k, … or 0 alone."""
        return range(0, length, self.every or length)


@dataclass(frozen=True, kw_only=True)
class VariantRecipe(_Recipe):
    """What is scored: the average of trackers, or an oracle that sees the truth."""

    trackers: tuple[str, ...] = ()
    oracle: str | None = None
    threshold: float = 0.5


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row of a results table."""

    method: str
    variant: str
    annotation: str = "first"


@dataclass(frozen=True, kw_only=True)
class TableRecipe(_Recipe):
    """A table: rows are methods, columns are data sets."""

    datasets: tuple[str, ...]
    rows: tuple[TableRow, ...]

    @classmethod
    def from_row(cls, name: str, row: Row) -> Self:
        """Return the recipe of one table."""
        rows = tuple(TableRow(**entry) for entry in row["rows"])
        return cls(name=name, datasets=tuple(row["datasets"]), rows=rows)


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """Every experiment table, by name."""

    networks: Mapping[str, NetworkRecipe]
    finetunings: Mapping[str, FinetuningRecipe]
    trackers: Mapping[str, TrackerRecipe]
    annotations: Mapping[str, AnnotationRecipe]
    variants: Mapping[str, VariantRecipe]
    tables: Mapping[str, TableRecipe]


#: (table, key) → the table in which the key's value, or each of its values, must be a name.
REFERENCES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("networks", "architecture"): "architectures",
        ("networks", "stills"): "stills",
        ("networks", "deformation"): "deformations",
        ("networks", "augmentation"): "augmentations",
        ("networks", "crop"): "crops",
        ("networks", "schedule"): "schedules",
        ("finetunings", "schedule"): "schedules",
        ("finetunings", "crop"): "crops",
        ("finetunings", "augmentation"): "augmentations",
        ("finetunings", "deformation"): "deformations",
        ("trackers", "network"): "networks",
        ("trackers", "finetuning"): "finetunings",
        ("trackers", "propagation"): "propagations",
        ("annotations", "network"): "networks",
        ("annotations", "propagation"): "propagations",
        ("variants", "trackers"): "trackers",
        ("tables", "datasets"): "datasets",
        ("datasets", "archives"): "archives",
        ("stills", "archives"): "archives",
    }
)


def read_recipes(config: Mapping[str, Any]) -> Recipes:
    """Return the experiment tables of a validated configuration.

    Raises ``InputError`` naming the key, the unknown name and the names that exist.
    """
    for (table, key), target in REFERENCES.items():
        for row_name, row in config.get(table, {}).items():
            _look_up(config, f"{table}.{row_name}.{key}", row.get(key), target)
    for table_name, table in config["tables"].items():
        for number, row in enumerate(table["rows"]):
            where = f"tables.{table_name}.rows[{number}]"
            _look_up(config, f"{where}.variant", row["variant"], "variants")
            _look_up(config, f"{where}.annotation", row.get("annotation", "first"), "annotations")
    recipes = Recipes(
        networks=_rows(NetworkRecipe, config["networks"]),
        finetunings=_rows(FinetuningRecipe, config["finetunings"]),
        trackers=_rows(TrackerRecipe, config["trackers"]),
        annotations=_rows(AnnotationRecipe, config["annotations"]),
        variants=_rows(VariantRecipe, config["variants"]),
        tables=_rows(TableRecipe, config["tables"]),
    )
    _check_meaning(recipes)
    return recipes


def _rows(recipe: type[R], table: Mapping[str, Row]) -> Mapping[str, R]:
    return MappingProxyType({name: recipe.from_row(name, row) for name, row in table.items()})


def _look_up(config: Mapping[str, Any], where: str, value: Any, target: str) -> None:
    names = value if isinstance(value, list) else [] if value is None else [value]
    for name in names:
        if name not in config.get(target, {}):
            known = sorted(config.get(target, {}))
            raise InputError(f"{where}: unknown name '{name}'; config.{target} defines {known}")


def _check_meaning(recipes: Recipes) -> None:
    """Raise where single values are right but do not fit together."""
    for variant in recipes.variants.values():
        if bool(variant.trackers) == bool(variant.oracle):
            raise InputError(
                f"variants.{variant.name}: expected either trackers or oracle, "
                f"got {'both' if variant.oracle else 'neither'}; keep one of them"
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
