"""A scheduler of three small scripts, plugged into the profile for any scheduler."""

import copy

import pytest

from tests.workflow.conftest import ROOT, Workflow

from .conftest import OVERLAY, Cluster, absent

REASON = absent("cluster_generic")
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(REASON), reason=REASON)]

BACKGROUND = ROOT / "tests" / "cluster" / "background"
INDEX = "results/index/rendered_segtrack/sidewinder.csv"
STILLS = "results/stills/rendered.csv"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The folder in which that scheduler keeps its books."""
    folder = tmp_path / "queue"
    folder.mkdir()
    monkeypatch.setenv("QUEUE", str(folder))
    # A library of linear algebra reserves memory for every core of the machine.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    return folder


def site(queue):
    """Return what a user edits in the profile."""
    asked = "{resources.cpus_per_task} {resources.mem_mb} {resources.runtime} {resources.gpu}"
    commands = {
        "submit": f"{BACKGROUND / 'submit'} {queue} {asked}",
        "status": str(BACKGROUND / "status"),
        "cancel": str(BACKGROUND / "cancel"),
    }
    words = [f"--cluster-generic-{name}-cmd={value}" for name, value in commands.items()]
    return [*words, "--cores", "2", "--seconds-between-status-checks", "1"]


def asked(queue):
    """Return what the jobs asked for, in the order of their submission."""
    lines = (queue / "asked").read_text().splitlines()
    return [{k: int(v) for k, v in (word.split("=") for word in line.split())} for line in lines]


def test_another_scheduler_gives_the_same_files_and_hears_what_jobs_need(queue, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    targets = [STILLS, INDEX]
    alone = Workflow(here, OVERLAY)("--cores", "2", *targets)
    assert alone.status == 0, alone.output[-3000:]
    run = Cluster(there, ROOT / "profiles" / "cluster-generic")(*site(queue), *targets)
    assert run.status == 0, run.output[-3000:]
    for name in targets:
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert asked(queue)[0] == {"cpus": 1, "mem_mb": 2000, "runtime": 30, "gpu": 0}


def test_every_retry_asks_for_twice_the_memory_and_the_time(queue, tmp_path):
    overlay = copy.deepcopy(OVERLAY) | {"needs": {"render_stills": {"mem_mb": 300, "runtime": 3}}}
    run = Cluster(tmp_path, ROOT / "profiles" / "cluster-generic", overlay)(*site(queue), STILLS)
    assert run.status == 0, run.output[-3000:]
    tries = [(job["mem_mb"], job["runtime"]) for job in asked(queue) if job["mem_mb"] != 2000]
    assert tries == [(300, 3), (600, 6), (1200, 12)][: len(tries)]
    assert len(tries) > 1
