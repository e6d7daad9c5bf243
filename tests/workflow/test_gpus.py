"""Jobs of a GPU on one machine: one at a time unless told otherwise; on a CPU side by side."""

import copy
import re
import subprocess
import sys

import pytest

from masktrack_core import gpus
from masktrack_core.arrays import Size
from masktrack_core.rendered.layouts import write_stills

from .conftest import SHORT, Workflow

GIVEN = re.compile(r"^Provided resources: gpu=\D*(\d+)\)?$", re.MULTILINE)
CHEAP = "results/stills/mine.csv"
OWN_WORDS = "--printshellcmds"  # Snakemake's, in which resources and starts of jobs are said


@pytest.fixture
def workflow(tmp_path):
    """Two networks to be trained on three stills; no GPU is to be seen."""
    write_stills(tmp_path / "mine", 3, size=Size(40, 60), seed=1)
    overlay = copy.deepcopy(SHORT)
    overlay["stills"] = {"mine": {"layout": "ecssd", "root": str(tmp_path / "mine")}}
    overlay["networks"] = {"segment": {"stills": ["mine"]}, "box": {"stills": ["mine"]}}
    return Workflow(tmp_path, overlay)


def given(workflow, device, *arguments):
    """Return the resources that a run says it may give."""
    workflow.overlay["device"] = device
    run = workflow(OWN_WORDS, "--cores", "3", "--forcerun", "index_stills", *arguments, "--", CHEAP)
    assert run.status == 0, run.output[-3000:]
    return GIVEN.findall(run.output)


def test_a_gpu_is_given_to_one_job_at_a_time_unless_more_are_said_to_be_there(workflow):
    assert given(workflow, "cuda") == ["1"]
    assert given(workflow, "cuda", "--resources", "gpu=2") == ["2"]
    assert given(workflow, "cuda", "--jobs", "3") == []  # as for a cluster, which has its own


def test_jobs_on_a_cpu_are_not_limited(workflow, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert given(workflow, "cpu") == given(workflow, "auto") == []


def starts(output):
    """Return what a run says of its trainings, in order: started, ended."""
    said = re.findall(r"^((?:local)?rule train:|Error in rule train:)$", output, re.MULTILINE)
    return ["ended" if line.startswith("Error") else "started" for line in said]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_trainings_start_together_only_where_there_is_a_gpu_for_each(workflow, monkeypatch, count):
    """Without a GPU each fails at once, but for its start, which is what is looked at."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    workflow.overlay["device"] = "cuda"
    targets = [f"results/networks/{name}.safetensors" for name in ("segment", "box")]
    told = ("--resources", "gpu=2") if count == 2 else ()
    run = workflow(OWN_WORDS, "--cores", "3", "--keep-going", *told, "--", *targets)
    order = starts(run.output)
    assert order == (["started", "ended"] * 2 if count == 1 else ["started"] * 2 + ["ended"] * 2)


def test_a_gpu_is_at_hand_where_the_driver_shows_one_and_it_is_not_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidiactl").touch()
    assert not gpus.gpus_at_hand()
    (tmp_path / "nvidia0").touch()
    assert gpus.gpus_at_hand()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not gpus.gpus_at_hand()


def test_jobs_take_a_gpu_each_and_the_first_is_shared_when_there_are_more_jobs(tmp_path):
    """Each of three processes of two GPUs holds what it took until all have."""
    code = "from masktrack_core.gpus import take_gpu; print(take_gpu(2), take_gpu(2)); input()"
    jobs = []
    for _ in range(3):
        job = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        )
        jobs.append((job, job.stdout.readline().split()))
    assert [took for _, took in jobs] == [["0", "0"], ["1", "1"], ["0", "0"]]
    for job, _ in jobs:
        job.communicate("\n")
