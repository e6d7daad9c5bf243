"""The schema, the parameter dataclasses and config.yaml say the same."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from masktrack_core.datasets.sources import PATH_KEYS, expand_paths
from masktrack_core.errors import InputError
from masktrack_core.experiment.ablations import AblationRow
from masktrack_core.experiment.figure_recipes import FigureRecipe
from masktrack_core.experiment.recipes import (
    AnnotationRecipe,
    FinetuningRecipe,
    FlowRecipe,
    NetworkRecipe,
    TableRecipe,
    TrackerRecipe,
    VariantRecipe,
)
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.motion.flow import FlowImageParams, FlowParams
from masktrack_core.networks.network import NetworkSpec
from masktrack_core.tracking.crf import PUBLISHED, CrfParams
from masktrack_core.tracking.crf_search import SearchParams
from masktrack_core.tracking.oracles import GrabcutParams
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.segmentation import FinetuningParams
from masktrack_core.training.examples import FirstFrameParams
from masktrack_core.training.loop import TrainParams

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "rules" / "schemas" / "config.schema.yaml").read_text())
TABLES = {
    "deformations": DeformationParams,
    "augmentations": AugmentationParams,
    "architectures": NetworkSpec,
    "crops": CropParams,
    "schedules": TrainParams,
    "propagations": PropagationParams,
    "flow_methods": FlowParams,
    "flow_images": FlowImageParams,
    "flows": FlowRecipe,
    "crfs": CrfParams,
    "grabcuts": GrabcutParams,
    "crf_searches": SearchParams,
    "networks": NetworkRecipe,
    "finetunings": FinetuningRecipe,
    "trackers": TrackerRecipe,
    "annotations": AnnotationRecipe,
    "variants": VariantRecipe,
    "tables": TableRecipe,
    "figures": FigureRecipe,
}
#: (table, field) that is not a key of its row: the row's own name, or set by another table.
ELSEWHERE = {("architectures", "prior"), ("crf_searches", "threshold")}


#: Parameters whose rows may have a seed beside them, which is the rule's.
SEEDED = "deformations"


def row_schema(table):
    return SCHEMA["properties"][table]["additionalProperties"]


@pytest.mark.parametrize("table", TABLES)
def test_rows_have_the_fields_of_their_dataclass(table):
    expected = {
        field.name
        for field in fields(TABLES[table])
        if field.name != "name" and (table, field.name) not in ELSEWHERE
    }
    assert set(row_schema(table)["properties"]) == expected | (
        {"seed"} if table == SEEDED else set()
    )


def numbers(table):
    """Yield key and schema of each number of a row, references followed."""
    for key, entry in row_schema(table)["properties"].items():
        if key == "seed":
            continue
        if "$ref" in entry:
            entry = SCHEMA["$defs"][entry["$ref"].rpartition("/")[2]]
        kinds = entry.get("type", ())
        if {"number", "integer"} & set([kinds] if isinstance(kinds, str) else kinds):
            yield key, entry


def beside(entry):
    """Return numbers at and around the ends of what a schema allows, and None."""
    step = 1 if "integer" in entry["type"] else 1e-6
    words = "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"
    ends = [entry[word] for word in words if word in entry]
    return [None, *(end + by * step for end in ends for by in (-1, 0, 1))]


def accepts(make):
    try:
        make()
    except InputError as error:
        assert "expected" in str(error)
        return False
    return True


PARAMETERS = {table: params for table, params in TABLES.items() if "Recipe" not in params.__name__}
PARAMETERS["finetunings"] = FinetuningParams
NUMBERS = [(table, *number) for table in PARAMETERS for number in numbers(table)]
REQUIRED = {"crf_searches": {"start": CrfParams(), "grid": {}}}
OF_EXAMPLES = {("finetunings", "samples"): FirstFrameParams}


@pytest.mark.parametrize(("table", "key", "entry"), NUMBERS)
def test_schema_and_dataclass_accept_the_same_numbers(table, key, entry):
    params = OF_EXAMPLES.get((table, key), PARAMETERS[table])
    for value in beside(entry):
        valid = Draft202012Validator(entry).is_valid(value)
        made = accepts(lambda value=value: params(**REQUIRED.get(table, {}), **{key: value}))
        assert made == valid, (value, entry)
    for value in (float("nan"), float("inf"), -float("inf"), True, "1"):
        assert not accepts(lambda value=value: params(**REQUIRED.get(table, {}), **{key: value}))


def test_the_numbers_of_every_parameter_table_are_compared():
    assert {table for table, *_ in NUMBERS} == set(PARAMETERS)
    assert len(NUMBERS) == 52


def walk(schema, path=()):
    for name, entry in schema.get("properties", {}).items():
        yield (*path, name), entry
        yield from walk(entry, (*path, name))
    for word in ("additionalProperties", "items"):
        if isinstance(schema.get(word), dict):
            yield from walk(schema[word], (*path, "*"))


@pytest.mark.parametrize(("path", "entry"), [(".".join(p), e) for p, e in walk(SCHEMA)])
def test_every_key_is_described(path, entry):
    assert entry.get("description", "").endswith("."), path


@pytest.mark.parametrize("table", TABLES)
def test_unknown_keys_are_errors(table):
    assert row_schema(table)["additionalProperties"] is False


def test_rows_of_an_ablation_have_the_fields_of_their_dataclass():
    rows = row_schema("ablations")["properties"]["rows"]["items"]
    # Seeds and sweeps are of tables.
    names = {field.name for field in fields(AblationRow)}
    assert set(rows["properties"]) == names - {"seed", "swept"}


def test_the_published_crfs_are_rows_of_the_configuration():
    rows = yaml.safe_load((ROOT / "config.yaml").read_text())["crfs"]
    assert {name: CrfParams(**rows[name]) for name in PUBLISHED} == dict(PUBLISHED)


def paths(entry, key=()):
    """Yield the keys below a schema entry that are places on disk, with * for any row."""
    if entry.get("x-path"):
        yield ".".join(key)
    for name, below in entry.get("properties", {}).items():
        yield from paths(below, (*key, name))
    if isinstance(rows := entry.get("additionalProperties"), dict):
        yield from paths(rows, (*key, "*"))


def test_every_key_that_speaks_of_a_file_or_folder_is_a_path():
    """Those that do and are none: patterns, names of rows and of facts, addresses, wholes."""
    others = {"layout", "urls", "rendered", "published", "keep_finetuned"}
    words = ("folder that", "folder of", "csv file", "on disk", "a file of them", "a folder, a zip")
    words += ("a path, or", "beside its words, scripts and weights")
    for table in SCHEMA["properties"]:
        entry = SCHEMA["properties"][table]
        rows = entry.get("additionalProperties")
        row = rows.get("properties", {}) if isinstance(rows, dict) else {table: entry}
        for name, below in row.items():
            speaks = any(word in below.get("description", "").lower() for word in words)
            assert bool(below.get("x-path")) == (speaks and name not in others), (table, name)


@pytest.mark.parametrize("key", [*paths(SCHEMA)])
def test_home_is_filled_in_in_every_path(key, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    for given in ("~/my set", "$HOME/my set", "${HOME}/my set"):
        config = value = {}
        *tables, last = key.replace("*", "row").split(".")
        for table in tables:
            value = value.setdefault(table, {})
        for one, filled in ((given, "/home/me/my set"), ([given, "x"], ["/home/me/my set", "x"])):
            value |= {last: one}
            expand_paths(config)
            assert value == {last: filled}
    for kept in ("https://x.org/~me/a.zip", ["https://x.org/~me/$a.zip"], "plain/./path", None):
        value[last] = kept
        expand_paths(config)
        assert value == {last: kept}


def test_the_paths_that_are_filled_in_are_those_of_the_schema():
    assert sorted(PATH_KEYS) == sorted(paths(SCHEMA))
