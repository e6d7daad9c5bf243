"""Running the workflow as a user does, in a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import snakemake_server
import yaml

ROOT = Path(__file__).parents[2]


@dataclass
class Run:
    """How one run of Snakemake ended."""

    status: int
    output: str

    @property
    def jobs(self):
        """Return the number of jobs by rule: a dry run prints a table, a run a line."""
        table = self.output.partition("Job stats:")[2].partition("total")[0]
        line = re.search(r"^\d+ jobs, .*?: (.*)$", self.output, re.M)
        counts = re.findall(r"^(\w+) +(\d+)$", table, re.M)
        counts += [pair[::-1] for pair in re.findall(r"(\d+) (\w+)", line[1] if line else "")]
        return {name: int(count) for name, count in counts}


class Workflow:
    """The workflow with a configuration laid over the default one, working in ``folder``."""

    def __init__(self, folder, overlay=None):
        # Results are the same bytes on a CPU.
        self.folder, self.overlay = Path(folder), {"device": "cpu"} | (overlay or {})

    def __call__(self, *arguments, python=sys.executable, project=ROOT):
        path = self.folder / "overlay.yaml"
        path.write_text(yaml.safe_dump(self.overlay))
        words = ["--snakefile", str(project / "Snakefile")]
        words += ["--configfile", str(project / "config.yaml"), str(path)]
        words += ["--directory", str(self.folder), *arguments]
        with tempfile.TemporaryFile("w+") as said:
            status = None
            if python == sys.executable:
                status = snakemake_server.run(words, self.folder, said)
            if status is None:
                command = [str(python), "-m", "snakemake", *words]
                pipes = {"stdout": said, "stderr": subprocess.STDOUT}
                status = subprocess.run(command, cwd=self.folder, **pipes).returncode
            said.seek(0)
            return Run(status, said.read())


@pytest.fixture
def workflow(tmp_path):
    return Workflow(tmp_path)


#: Laid over config.yaml: one clip of each set and a few steps of training, for tests of the chain.
SHORT = yaml.safe_load((ROOT / "examples" / "short.yaml").read_text())


@pytest.fixture
def short(tmp_path):
    return Workflow(tmp_path, SHORT)


def edited_copy(folder, module, edit):
    """Return the Snakefile of a copy of the project in which one core module was edited."""
    project = folder / "project"
    ignore = shutil.ignore_patterns(".git", ".venv", "results", "data", ".snakemake", "tests")
    shutil.copytree(ROOT, project, ignore=ignore)
    path = project.joinpath("masktrack_core", *module.split(".")).with_suffix(".py")
    times = path.stat()
    path.write_text(edit(path.read_text()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return str(project / "Snakefile")
