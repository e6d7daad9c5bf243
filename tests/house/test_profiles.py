"""The profiles of clusters fit the rules, and the rules ask for what `needs` says."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from masktrack_core.experiment.planning import GPU_RULES

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
BODIES = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", RULES, re.MULTILINE | re.DOTALL))
CLUSTERS = "slurm", "cluster-generic"


def profile(name):
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())


def test_rules_ask_for_their_own_row_and_every_row_is_asked_for():
    asked = {name: re.findall(r'\*\*needs\("(\w+)"\)', body) for name, body in BODIES.items()}
    asked = {name: rows for name, rows in asked.items() if rows}
    assert all(rows == [name] for name, rows in asked.items())
    assert set(asked) == set(yaml.safe_load((ROOT / "config.yaml").read_text())["needs"])


def test_the_default_profile_says_nothing_of_a_site():
    # It overrides --profile key by key.
    site = {"executor", "cores", "jobs", "default-resources", "set-resources", "resources"}
    assert not site & set(profile("default"))


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_profile_repeats_the_default_one_which_it_replaces(name):
    assert profile("default").items() <= profile(name).items()


@pytest.mark.parametrize("name", CLUSTERS)
def test_exactly_the_rules_that_want_a_gpu_go_where_gpus_are(name):
    wanting = {rule for rule, body in BODIES.items() if "gpu=GPU" in body}
    assert set(profile(name)["set-resources"]) == wanting == set(GPU_RULES)


@pytest.mark.parametrize("name", CLUSTERS)
def test_only_short_jobs_without_a_gpu_are_grouped_and_a_fine_tuning_with_its_tracks(name):
    groups = profile(name)["groups"]
    assert set(groups) <= set(BODIES)
    wanting = {rule for rule in groups if "gpu=GPU" in BODIES[rule] or "needs(" in BODIES[rule]}
    assert wanting == {"finetune", "track"} == {r for r in groups if groups[r] == "follow"}
    assert set(profile(name)["group-components"]) == set(groups.values())


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_follows_a_fine_tuning_shares_its_gpu_and_each_object_is_a_submission(name):
    assert profile(name)["group-components"]["follow"] == 1
    assert profile(name)["resources"]["gpu"] == 1
    assert profile(name)["set-resource-scopes"] == {"gpu": "local"}


def test_both_cluster_profiles_ask_for_the_same():
    shared = "jobs", "retries", "cores", "resources", "groups", "group-components"
    shared += ("set-resource-scopes",)
    first, second = (profile(name) for name in CLUSTERS)
    assert {key: first[key] for key in shared} == {key: second[key] for key in shared}


def test_the_executors_are_locked_in_the_versions_of_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = (ROOT / "requirements-slurm.lock").read_text().splitlines()
    assert set(project["optional-dependencies"]["slurm"]) <= set(locked)
