"""The version is that of git's tags: nothing holds it beside them."""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import masktrack_core
from masktrack_core.commands.cli import main

ROOT = Path(__file__).parents[2]


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def built(folder):
    """Return the version of the wheel that pip builds of a folder."""
    wheels = folder.parent / f"{folder.name}-wheels"
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, folder]
    done = subprocess.run(build, capture_output=True, text=True)
    if "No matching distribution" in done.stderr or "connection" in done.stderr.lower():
        pytest.skip("no package registry to build with")
    assert done.returncode == 0, done.stderr
    return next(wheels.glob("*.whl")).name.split("-")[1]


def project(folder):
    (folder / "masktrack_core").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "masktrack_core/__init__.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_a_wheel_has_the_version_of_the_tag_that_it_is_built_at(tmp_path):
    folder = project(tmp_path / "tagged")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "a")
    git(folder, "tag", "-a", "v4.5.6", "-m", "a")
    assert built(folder) == "4.5.6"


def test_files_without_a_repository_have_the_version_that_pyproject_falls_back_on(tmp_path):
    assert built(project(tmp_path / "plain")) == "0.1.0.dev0"


def test_the_package_and_the_command_say_the_installed_version(monkeypatch, capsys):
    true = metadata.version
    said = {"masktrack": "7.8.9", "torch": "1.2.3"}
    monkeypatch.setattr(metadata, "version", lambda name: said.get(name) or true(name))
    assert masktrack_core.__version__ == "7.8.9"
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("masktrack 7.8.9 (commit ") and "torch 1.2.3\n" in printed
