"""The workflow on a scheduler, beside the same workflow on this machine."""

import copy
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import ROOT, SHORT, Run

#: Somebody else's tracker, found from any folder.
EXAMPLE = ROOT / "examples" / "external_tracker"
FLOW_TRACKER = yaml.safe_load(
    (EXAMPLE / "external_tracker.yaml")
    .read_text()
    .replace("examples/external_tracker/", f"{EXAMPLE}/")
    .replace(f"python {EXAMPLE}", f"{sys.executable} {EXAMPLE}")
)
#: One data set, and few steps: for the chain.
OVERLAY = copy.deepcopy(SHORT) | {name: FLOW_TRACKER[name] for name in ("trackers", "variants")}
OVERLAY["tables"] = {"table2": {"datasets": ["rendered_segtrack"]}}
OVERLAY["tables"]["external"] = FLOW_TRACKER["tables"]["external"] | {
    "datasets": ["rendered_segtrack"]
}
#: A fine-tuned network that two trackers use.
OVERLAY["tables"]["external"]["rows"] = [
    *FLOW_TRACKER["tables"]["external"]["rows"],
    {"method": "MaskTrack+Flow", "variant": "masktrack_flow"},
]


def absent(plugin):
    """Return why an executor cannot be used here; empty where it can."""
    if importlib.util.find_spec(f"snakemake_executor_plugin_{plugin}"):
        return ""
    return f"snakemake-executor-plugin-{plugin} not installed (requirements-slurm.lock)"


class Cluster:
    """The workflow, started with one of our profiles and left to run."""

    def __init__(self, folder, profile, overlay=OVERLAY):
        self.folder, self.profile, self.overlay = Path(folder), profile, overlay

    def start(self, *arguments):
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(self.overlay))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--configfile", str(ROOT / "config.yaml"), str(self.folder / "overlay.yaml")]
        command += ["--directory", str(self.folder)]
        command += ["--workflow-profile", str(self.profile), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.folder, **pipes)

    def end(self, process):
        with process:
            try:
                output, _ = process.communicate(timeout=1800)
            finally:
                process.kill()
        return Run(process.returncode, output)

    def __call__(self, *arguments):
        return self.end(self.start(*arguments))


@pytest.fixture
def profiles():
    return ROOT / "profiles"
