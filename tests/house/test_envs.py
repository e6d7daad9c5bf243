"""The conda environment of the jobs is in step with the lock file and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def locked():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def jobs():
    environment = yaml.safe_load((ROOT / "envs" / "masktrack.yaml").read_text())
    return dict(line.split("==") for line in environment["dependencies"][-1]["pip"])


def test_jobs_have_the_locked_versions():
    lock = locked()
    assert {name: lock.get(name) for name in jobs()} == jobs()


def test_jobs_have_every_package_that_the_project_depends_on():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.match(r"[A-Za-z0-9_.-]+", line)[0].lower() for line in project["dependencies"]}
    assert needed <= {name.lower() for name in jobs()}


def test_developers_tools_are_locked_too():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = project["optional-dependencies"]["dev"]
    needed = {re.match(r"[A-Za-z0-9_.-]+", line)[0].lower() for line in tools}
    assert needed <= {name.lower() for name in locked()}
