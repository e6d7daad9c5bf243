"""The workflow on a real SLURM: same bytes, no GPU held twice, retries, a cancelled training."""

import copy
import re
import shutil
import subprocess
import time
from itertools import pairwise

import pandas as pd
import pytest

from masktrack_core.experiment.planning import GPU_RULES
from tests.workflow.conftest import ROOT, Workflow

from .conftest import OVERLAY, Cluster, absent
from .one_node import NodeParams, holds, missing, one_node

REASON = absent("slurm") or absent("cluster_generic") or missing()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(REASON), reason=REASON)]

#: What a user edits: two CPUs a group; no slurmdbd; a test does not wait.
SITE = ["--cores", "2", "--slurm-status-command", "squeue"]
SITE += ["--slurm-init-seconds-before-status-checks", "1"]
TARGETS = "results/table2.csv", "results/external.csv"
TABLES = *TARGETS, "results/table2_sequences.csv", "results/table2.md"
NETWORK = "results/networks/segment.safetensors"
STATE = "results/state/networks/segment"
SAID = "results/logs/slurm/rule_train/segment"
#: Rules whose jobs share one submission.
TOGETHER = "finetune", "track"
#: Of a training that is cancelled: seconds of work, so that it is still at it when scancel comes.
STEPS = 300


@pytest.fixture(scope="module")
def node():
    """The folder of a SLURM with two GPUs and more CPUs than GPU jobs could use."""
    with one_node(NodeParams(cpus=6, gpus=2)) as base:
        yield base


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The folder of a run on this machine."""
    folder = tmp_path_factory.mktemp("local")
    run = Workflow(folder, OVERLAY)("--cores", "2", *TARGETS)
    assert run.status == 0, run.output[-3000:]
    return folder


@pytest.fixture(scope="module")
def finished(node, tmp_path_factory):
    """Folder and output of the same run through SLURM, and what its jobs held."""
    folder = tmp_path_factory.mktemp("slurm")
    before = len(holds(node))
    run = Cluster(folder, ROOT / "profiles" / "slurm")(*SITE, *TARGETS)
    assert run.status == 0, run.output[-5000:]
    return folder, run, holds(node)[before:]


@pytest.fixture(scope="module")
def asked(finished):
    """What the jobs of that run asked for: comment, CPUs, memory."""
    return record("k", "C", "m")


def record(*columns):
    """Return columns of SLURM's own record of every job, oldest first."""
    layout = "|".join(f"%{column}" for column in columns)
    command = ["squeue", "--states=all", "--noheader", f"--format={layout}", "--sort=i"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def lasted(log):
    """Return the first and the last time in a job's log, in seconds."""
    said = re.findall(r"^(\d{4}-\d\d-\d\d [\d:]+),(\d+) ", log.read_text(), re.MULTILINE)
    ends = [time.mktime(time.strptime(day, "%Y-%m-%d %H:%M:%S")) for day, _ in said]
    return ends[0] + int(said[0][1]) / 1000, ends[-1] + int(said[-1][1]) / 1000


def submitted(rule):
    """Return number, state and memory of a rule's jobs."""
    # k: the comment that the plugin gives its jobs.
    rows = record("i", "T", "m", "k")
    return [tuple(row[:3]) for row in rows if row[3].split("_wildcards_")[0] == f"rule_{rule}"]


def test_the_table_is_that_of_a_local_run_byte_for_byte(finished, local):
    folder, _, _ = finished
    for name in TABLES:
        assert (folder / name).read_bytes() == (local / name).read_bytes(), name


def test_somebody_elses_tracker_ran_there_too_and_has_its_row(finished):
    folder, run, _ = finished
    table = pd.read_csv(folder / "results/external.csv", index_col="method").rendered_segtrack
    assert table["Mask carried along by optical flow"] > table["Copy of the first mask"] > 0
    assert run.jobs["track_command"] == len(
        list(folder.glob("results/tracks/flow_tracker/first/rendered_segtrack/*/*.zip"))
    )


def test_jobs_of_networks_hold_one_gpu_and_the_others_none(finished, asked):
    _, run, held = finished
    alone = sum(run.jobs.get(rule, 0) for rule in GPU_RULES if rule not in TOGETHER)
    groups = [row for row in asked if row[0].startswith("rule_follow")]
    assert sorted(len(hold.gpus) for hold in held if hold.gpus) == [1] * (alone + len(groups))
    assert len(held) > alone + len(groups)


def test_a_fine_tuning_and_its_tracks_are_one_submission_with_one_gpu_by_turns(finished, asked):
    folder, run, held = finished
    rows = [row for row in asked if row[0].startswith("rule_follow")]
    assert len(rows) == run.jobs["finetune"] + 1 < run.jobs["track"]  # one track without
    assert not [row for row in asked if row[0].startswith(("rule_finetune_", "rule_track_wild"))]
    logs = folder / "results" / "logs"
    tuned = list(logs.glob("finetune/segment/paper/first/*/*/*.log"))
    assert tuned
    for log in tuned:
        place = log.relative_to(logs / "finetune" / "segment" / "paper")
        tracks = [logs / "track" / name / place for name in ("rgb", "fused")]
        turns = sorted(lasted(one) for one in (log, *tracks))
        assert all(one[1] <= other[0] for one, other in pairwise(turns)), turns
        within = [h for h in held if h.start <= turns[0][0] and turns[-1][1] <= h.end]
        assert 1 in [len(hold.gpus) for hold in within], place


def test_no_gpu_is_held_twice_and_both_are_used(finished):
    _, _, held = finished
    for gpu in (0, 1):
        turns = sorted((hold for hold in held if gpu in hold.gpus), key=lambda hold: hold.start)
        assert turns
        assert all(one.end <= other.start for one, other in pairwise(turns))


def test_short_jobs_go_together_and_fit_a_node(finished, asked):
    _, run, held = finished
    assert len(held) < sum(run.jobs.values()) - run.jobs["score"]
    groups = [row for row in asked if row[0].startswith(("rule_prepare", "rule_score"))]
    assert len(groups) > 1
    assert all(int(cpus) <= 2 and int(memory.rstrip("M")) <= 4000 for _, cpus, memory in groups)


def test_a_job_killed_for_its_memory_is_tried_again_with_twice_as_much(node, tmp_path):
    # SLURM counts the two Snakemakes that wrap a job, 150 MB each, with it.
    overlay = copy.deepcopy(OVERLAY) | {"needs": {"render_stills": {"mem_mb": 120, "runtime": 5}}}
    before = len(submitted("render_stills"))
    run = Cluster(tmp_path, ROOT / "profiles" / "slurm", overlay)(
        *SITE, "results/stills/rendered.csv"
    )
    assert run.status == 0, run.output[-5000:]
    tries = submitted("render_stills")[before:]
    assert [memory for _, _, memory in tries] == ["120M", "240M", "480M"][: len(tries)]
    assert len(tries) > 1
    assert tries[-1][1] == "COMPLETED"
    assert not {state for _, state, _ in tries[:-1]} & {"COMPLETED"}


def test_a_cancelled_training_goes_on_from_its_state_to_the_same_weights(node, local, tmp_path):
    overlay = copy.deepcopy(OVERLAY) | {"state_every_s": 0}
    overlay["schedules"]["offline"]["iterations"] = STEPS
    for name in ("alone", "cancelled"):
        shutil.copytree(local, tmp_path / name)
        shutil.rmtree(tmp_path / name / "results" / "networks")
    alone = Workflow(tmp_path / "alone", overlay)("--cores", "1", NETWORK)
    assert alone.status == 0, alone.output[-3000:]
    folder, before = tmp_path / "cancelled", len(submitted("train"))
    cluster = Cluster(folder, ROOT / "profiles" / "slurm", overlay)
    process = cluster.start(*SITE, "--slurm-keep-successful-logs", NETWORK)
    while process.poll() is None and not (folder / STATE).exists():
        time.sleep(0.1)
    assert (folder / STATE).exists(), cluster.end(process).output[-5000:]
    subprocess.run(["scancel", submitted("train")[before][0]], check=True)
    run = cluster.end(process)
    assert run.status == 0, run.output[-5000:]
    assert "stopped by SIGTERM after" in run.output
    assert [state for _, state, _ in submitted("train")[before:]] == ["CANCELLED", "COMPLETED"]
    said = (folder / "results" / "logs" / "train" / "segment.log").read_text()
    assert int(re.search(rf"goes on after step (\d+) of {STEPS}", said)[1]) > 0
    assert (folder / NETWORK).read_bytes() == (tmp_path / "alone" / NETWORK).read_bytes()


def test_the_message_of_a_failure_shows_the_log_and_names_that_of_slurm(node, local, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(local, folder)
    shutil.rmtree(folder / "results" / "networks")
    cluster = Cluster(folder, ROOT / "profiles" / "slurm", OVERLAY | {"device": "cuda:99"})
    run = cluster(*SITE, "--retries", "0", NETWORK)
    assert run.status != 0
    log = "results/logs/train/segment.log"
    assert f"see {log}" in run.output
    assert "device: expected" in (folder / log).read_text() and "device: expected" in run.output
    assert f"{SAID}/" in run.output


def test_the_generic_profile_gives_the_same_files_through_sbatch(node, local, tmp_path):
    target = "results/deformed/paper/rendered.zip"
    site = ["--cores", "2", "--seconds-between-status-checks", "2"]
    run = Cluster(tmp_path, ROOT / "profiles" / "cluster-generic")(*site, target)
    assert run.status == 0, run.output[-5000:]
    assert (tmp_path / target).read_bytes() == (local / target).read_bytes()
