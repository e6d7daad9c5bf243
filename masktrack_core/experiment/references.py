"""Names in the configuration that must exist: each is looked up once, before anything runs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from masktrack_core.errors import InputError

#: (table, key) → the table in which the key's value, or each of its values, must be a name.
REFERENCES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("stills", "datasets"): "datasets",
        ("networks", "architecture"): "architectures",
        ("networks", "start"): "networks",
        ("networks", "stills"): "stills",
        ("datasets", "archives"): "archives",
        ("stills", "archives"): "archives",
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
        ("trackers", "flow"): "flows",
        ("flows", "method"): "flow_methods",
        ("flows", "image"): "flow_images",
        ("crf_searches", "start"): "crfs",
        ("annotations", "network"): "networks",
        ("annotations", "propagation"): "propagations",
        ("annotations", "variant"): "variants",
        ("variants", "trackers"): "trackers",
        ("variants", "grabcut"): "grabcuts",
        ("variants", "crf"): "crfs",
        ("variants", "crf_search"): "crf_searches",
        ("tables", "datasets"): "datasets",
    }
)


def check_references(config: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where a row names what does not exist, with the names that do."""
    for (table, key), target in REFERENCES.items():
        for row_name, row in config.get(table, {}).items():
            look_up(config, f"{table}.{row_name}.{key}", row.get(key), target)
    look_up_rows(config, "tables")


def look_up_rows(config: Mapping[str, Any], tables: str) -> None:
    """Raise ``InputError`` where a row of a results table names what does not exist."""
    for name, table in config.get(tables, {}).items():
        for number, row in enumerate(table["rows"]):
            where = f"{tables}.{name}.rows[{number}]"
            look_up(config, f"{where}.variant", row["variant"], "variants")
            look_up(config, f"{where}.annotation", row.get("annotation", "first"), "annotations")


def look_up(config: Mapping[str, Any], where: str, value: Any, target: str) -> None:
    """Raise ``InputError`` unless the value, or each of its values, names a row of ``target``."""
    names = value if isinstance(value, list) else [] if value is None else [value]
    for name in names:
        if name not in config.get(target, {}):
            known = sorted(config.get(target, {}))
            raise InputError(f"{where}: unknown name '{name}'; config.{target} defines {known}")
