"""A training killed or stopped in the workflow goes on, and ends with the same bytes."""

import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
import yaml

from .conftest import ROOT, SHORT, Workflow

NETWORK = "results/networks/segment.safetensors"
LOSSES = "results/networks/segment.csv"
STATE = "results/state/networks/segment"

#: Long enough to be met at work, with a state after each step.
OVERLAY = copy.deepcopy(SHORT) | {"state_every_s": 0}
OVERLAY["schedules"]["offline"]["iterations"] = 60


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run = Workflow(folder, OVERLAY)("--cores", "1", NETWORK)
    assert run.status == 0, run.output[-3000:]
    assert not (folder / "results" / "state" / "networks" / "segment").exists()
    return folder


@pytest.fixture
def prepared(undisturbed, tmp_path):
    """A copy of that folder in which the training is still to be done."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    shutil.rmtree(folder / "results" / "networks")
    return folder


def products(folder):
    """Return the bytes of a network and of its losses."""
    return [(folder / name).read_bytes() for name in (NETWORK, LOSSES)]


class Started:
    """A run of Snakemake that is not waited for."""

    def __init__(self, folder, overlay=OVERLAY, target=NETWORK):
        (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--configfile", str(ROOT / "config.yaml"), str(folder / "overlay.yaml")]
        command += ["--directory", str(folder), "--cores", "1", target]
        self.folder = folder
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, as in a terminal
        )

    def ctrl_c(self):
        """Do what a terminal does: the signal goes to Snakemake, its jobs and their workers."""
        os.killpg(self.process.pid, signal.SIGINT)

    def training(self, state=STATE, script="train"):
        """Return the process of the training, once it has saved a state."""
        for _ in range(1200):
            if (self.folder / state).exists():
                for process in psutil.Process(self.process.pid).children(recursive=True):
                    with suppress(psutil.Error):  # ended since it was listed
                        if process.name() == script:
                            return process
            assert self.process.poll() is None, self.output()
            time.sleep(0.05)
        raise AssertionError("no state after a minute")

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        """Return how Snakemake ended."""
        try:
            return self.process.wait(timeout=600)
        finally:
            self.log.close()


def finish(folder):
    """Run to the end; return what came out."""
    run = Workflow(folder, OVERLAY)("--cores", "1", NETWORK)
    assert run.status == 0, run.output[-3000:]
    assert not (folder / STATE).exists()
    return products(folder)


def with_another_rate(folder):
    """Return what a run with another learning rate says, which fails."""
    overlay = copy.deepcopy(OVERLAY)
    overlay["schedules"]["offline"]["learning_rate"] = 0.001
    run = Workflow(folder, overlay)("--cores", "1", NETWORK)
    assert run.status != 0
    return run.output


def test_killed_alone_and_with_all_of_snakemake_it_ends_with_the_same_bytes(prepared, undisturbed):
    run = Started(prepared)
    run.training().kill()
    assert run.end() != 0
    assert not (prepared / NETWORK).exists()
    run = Started(prepared)
    training = run.training()
    time.sleep(0.3)
    family = [*psutil.Process(run.process.pid).children(recursive=True), run.process]
    for process in family:  # parents first: none is left to tidy up, as after a power cut
        process.kill()
    run.end()
    training.wait(timeout=20)
    assert not (prepared / NETWORK).exists()
    assert finish(prepared) == products(undisturbed)


def test_sigterm_saves_and_fails_at_once_and_only_the_same_training_goes_on(prepared, undisturbed):
    run = Started(prepared)
    run.training().send_signal(signal.SIGTERM)
    assert run.end() != 0
    said = (prepared / "results" / "logs" / "train" / "segment.log").read_text()
    assert "stopped by SIGTERM after" in said and f"go on from {STATE}" in said
    refused = with_another_rate(prepared)
    assert f"{STATE}: expected the state of this training" in refused
    assert "delete the file" in refused
    assert finish(prepared) == products(undisturbed)


def test_ctrl_c_saves_the_training_and_the_same_command_goes_on(prepared, undisturbed):
    run = Started(prepared)
    run.training()
    run.ctrl_c()
    assert run.end() != 0
    said = (prepared / "results" / "logs" / "train" / "segment.log").read_text()
    assert "stopped by SIGINT after" in said and f"go on from {STATE}" in said
    assert finish(prepared) == products(undisturbed)


FINETUNED = "results/finetuned/segment/paper/first/rendered_davis/rally/1"
ONLINE = copy.deepcopy(OVERLAY)
ONLINE["schedules"] |= {"online": {"iterations": 40, "batch_size": 2}}
ONLINE["schedules"]["offline"]["iterations"] = 2


def finetune(folder):
    """Return a run of one fine-tuning, not waited for."""
    return Started(folder, ONLINE, f"{FINETUNED}.safetensors")


def finetuned_bytes(folder):
    return [(folder / f"{FINETUNED}.{suffix}").read_bytes() for suffix in ("safetensors", "csv")]


def test_a_finetuning_killed_or_stopped_with_its_snakemake_goes_on_with_the_same_command(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    assert finetune(folder).end() == 0
    whole = finetuned_bytes(folder)
    for suffix in ("safetensors", "csv"):
        (folder / f"{FINETUNED}.{suffix}").unlink()
    run = finetune(folder)
    job = run.training(FINETUNED.replace("results/", "results/state/"), "finetune")
    for process in (run.process, job):
        process.kill()
    run.end()
    job.wait(timeout=20)
    assert not (folder / f"{FINETUNED}.safetensors").exists()
    state = folder / FINETUNED.replace("results/", "results/state/")
    saved = state.stat().st_mtime_ns
    run = finetune(folder)
    run.training(state, "finetune")
    for _ in range(6000):  # until it goes on from there
        with suppress(FileNotFoundError):  # between two renames
            if state.stat().st_mtime_ns != saved:
                break
        time.sleep(0.01)
    run.ctrl_c()
    assert run.end() != 0
    log = folder / FINETUNED.replace("results/finetuned", "results/logs/finetune")
    assert "stopped by SIGINT after" in log.with_name(f"{log.name}.log").read_text()
    assert finetune(folder).end() == 0  # no --unlock: the run that held the lock is gone
    assert finetuned_bytes(folder) == whole
