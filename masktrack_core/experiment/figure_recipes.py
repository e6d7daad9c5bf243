"""The table ``figures`` of a configuration: what each figure of the paper is drawn from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from masktrack_core.errors import InputError
from masktrack_core.experiment.recipes import Row, TableRecipe, TableRow, Technique


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of Figure 4: a variant over more and more annotated frames."""

    title: str
    variant: str
    annotations: tuple[str, ...]
    #: Variant drawn for comparison, over the same annotations; None for none.
    baseline: str | None = None
    #: The variant over other annotations, such as frames that are chosen otherwise.
    curves: tuple["Curve", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One more curve of a panel: its name, and annotations from left to right."""

    name: str
    annotations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FigureRecipe:
    """A figure; ``kind`` says which keys it uses."""

    name: str
    #: annotations (Figure 4), attributes (Figure 5), sheet (Figures 3 and 6), losses, curves,
    #: comparison, doubt, film.
    kind: str
    datasets: tuple[str, ...] = ()
    #: attributes, sheet, curves, doubt, film: the methods, in order; comparison: first less second.
    rows: tuple[TableRow, ...] = ()
    #: annotations: from left to right.
    panels: tuple[Panel, ...] = ()
    #: attributes: others' published results, drawn where a data set has them.
    published: tuple[Technique, ...] = ()
    #: losses: rows of networks.
    networks: tuple[str, ...] = ()
    #: sheet, curves, film: the sequences shown; None shows all.
    sequences: tuple[str, ...] | None = None
    #: sheet, curves, film: sequences of each data set at most; None is no limit.
    limit: int | None = None
    #: sheet: frames of a sequence, at equal distances; comparison: frames that differ most.
    columns: int = 6
    #: sheet, film: whether the truth is shown beside the methods.
    truth: bool = False
    #: curves: J or F.
    measure: str = "J"

    @classmethod
    def from_row(cls, name: str, row: Row) -> Self:
        """Return the recipe of one figure."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
        }
        values["rows"] = tuple(TableRow(**entry) for entry in row.get("rows", ()))
        values["published"] = tuple(map(Technique.of, row.get("published", ())))
        values["panels"] = tuple(
            Panel(**{**entry, **_annotations(entry), "curves": _curves(entry)})
            for entry in row.get("panels", ())
        )
        return cls(name=name, **values)

    def runs(self) -> tuple[tuple[str, str], ...]:
        """Return every (variant, annotation) whose results the figure shows."""
        pairs = [row.run for row in self.rows]
        for panel in self.panels:
            for variant in filter(None, (panel.variant, panel.baseline)):
                pairs += [(variant, annotation) for annotation in panel.annotations]
            pairs += [(panel.variant, one) for curve in panel.curves for one in curve.annotations]
        return tuple(dict.fromkeys(pairs))


def _annotations(entry: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {"annotations": tuple(entry["annotations"])}


def _curves(entry: Mapping[str, Any]) -> tuple[Curve, ...]:
    return tuple(Curve(**{**one, **_annotations(one)}) for one in entry.get("curves", ()))


#: kind → the keys it cannot do without.
_NEEDED = {
    "annotations": ("datasets", "panels"),
    "attributes": ("datasets", "rows"),
    "sheet": ("datasets", "rows"),
    "losses": ("networks",),
    "curves": ("datasets", "rows"),
    "film": ("datasets", "rows"),
    "comparison": ("datasets", "rows"),
    "doubt": ("datasets", "rows"),
}


def film_of_table(table: TableRecipe) -> FigureRecipe:
    """Return the film of a table: its methods on all sequences of its data sets."""
    return FigureRecipe(name=table.name, kind="film", datasets=table.datasets, rows=table.shown)


def read_figures(config: Mapping[str, Any]) -> Mapping[str, FigureRecipe]:
    """Return the figures of a validated configuration, by name.

    Raises `InputError` naming the key for an unknown name, a key that the kind needs, and a
    figure with the name of a table.
    """
    figures = {
        name: FigureRecipe.from_row(name, row) for name, row in config.get("figures", {}).items()
    }
    for name, figure in figures.items():
        if name in config["tables"]:
            raise InputError(
                f"figures.{name}: a table has this name too, and both would write {name}.csv; "
                "rename one of them"
            )
        table = config["tables"].get(name.removesuffix("_sweep"))
        if name.endswith("_sweep") and table and table.get("sweep"):
            raise InputError(
                f"figures.{name}: the sweep of tables.{name.removesuffix('_sweep')} has a figure "
                "of this name; rename one of them"
            )
        for key in _NEEDED[figure.kind]:
            if not getattr(figure, key):
                raise InputError(
                    f"figures.{name}.{key}: expected at least one entry for a figure of kind "
                    f"'{figure.kind}', got none; add it"
                )
        if figure.kind == "comparison" and len({row.method for row in figure.rows}) != 2:
            raise InputError(
                f"figures.{name}.rows: expected two methods to compare, got "
                f"{[row.method for row in figure.rows]}; keep two, each with a name of its own"
            )
        for network in figure.networks:
            if "file" in config.get("networks", {}).get(network, {}):
                raise InputError(
                    f"figures.{name}.networks: expected networks that are trained here, got "
                    f"'{network}', which comes from a file and has no losses; leave it out"
                )
        for key, word, target in _references(figure):
            if word not in config[target]:
                raise InputError(
                    f"figures.{name}.{key}: unknown name '{word}'; config.{target} defines "
                    f"{sorted(config[target])}"
                )
    return MappingProxyType(figures)


def _references(figure: FigureRecipe) -> Iterator[tuple[str, str, str]]:
    """Yield (key, name, the table that must have it)."""
    yield from (("datasets", name, "datasets") for name in figure.datasets)
    yield from (("networks", name, "networks") for name in figure.networks)
    for key in ("panels", "rows"):
        for number, entry in enumerate(getattr(figure, key)):
            where = f"{key}[{number}]"
            yield f"{where}.variant", entry.variant, "variants"
            if isinstance(entry, TableRow):
                yield f"{where}.annotation", entry.annotation, "annotations"
                continue
            over = [
                *entry.annotations,
                *(one for curve in entry.curves for one in curve.annotations),
            ]
            yield from ((f"{where}.annotations", name, "annotations") for name in over)
            if entry.baseline is not None:
                yield f"{where}.baseline", entry.baseline, "variants"
