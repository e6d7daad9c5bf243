from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from masktrack_core.experiment.schema_errors import schema_problem

SCHEMA = Path(__file__).parents[3] / "rules" / "schemas" / "config.schema.yaml"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("networks: {x: {fil: a}}", "networks.x: Additional properties are not allowed ('fil' was"),
        ("networks: {x: {fil: a}}", "; expected file, sha256, architecture, start,"),
        ("networks: {x: {sha256: 1}}", "networks.x.sha256: 1 is not of type 'string'; SHA-256 of"),
        ("datasets: {a: {title: A, layout: davis, only: [8]}}", "datasets.a.only[0]: 8 is not of"),
        ("seed: many", "seed: 'many' is not of type 'integer'; Root of every random draw."),
    ],
)
def test_a_wrong_key_is_one_line_that_begins_with_it(part, words):
    schema = yaml.safe_load(SCHEMA.read_text())
    del schema["required"]
    line = schema_problem(
        best_match(Draft202012Validator(schema).iter_errors(yaml.safe_load(part)))
    )
    assert words in line and "\n" not in line and len(line) < 300
