"""One complete run of what a student runs first, and what it must show."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.files.io import read_mask, write_mask
from masktrack_core.networks.weights import load_network
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.segmentation import segment_video

from .conftest import ROOT, Run, Workflow

MARGIN = 15.0


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The default benchmark, unchanged, in a fresh folder."""
    folder = tmp_path_factory.mktemp("benchmark")
    run = Workflow(folder)("--cores", "all", "results/table2.csv")
    assert run.status == 0, run.output[-3000:]
    return folder


@pytest.fixture(scope="module")
def table(finished):
    return pd.read_csv(finished / "results" / "table2.csv", index_col="method")


def test_the_table_has_its_rows_and_columns(table):
    assert list(table.columns) == [
        "source",
        "rendered_davis",
        "rendered_youtube_objects",
        "rendered_segtrack",
    ]
    assert list(table.index) == [
        "Box oracle",
        "Grabcut oracle",
        "Copy of the first mask",
        "MaskTrack without online fine-tuning",
        "MaskTrack",
        "MaskTrack_Box",
        "MaskTrack, released network",
    ]
    assert table.drop(columns="source").map(lambda miou: 0 < miou < 100).all(axis=None)


def test_masktrack_is_well_above_copying_the_first_mask_on_every_set(table):
    numbers = table.drop(columns="source")
    gain = numbers.loc["MaskTrack"] - numbers.loc["Copy of the first mask"]
    assert (gain >= MARGIN).all(), gain


def test_masktrack_is_above_the_box_oracle(table):
    numbers = table.drop(columns="source")
    assert (numbers.loc["MaskTrack"] > numbers.loc["Box oracle"]).all(), numbers


def test_online_finetuning_helps_on_average(table):
    numbers = table.drop(columns="source").mean(axis=1)
    assert numbers["MaskTrack"] > numbers["MaskTrack without online fine-tuning"]


def test_every_object_of_every_sequence_is_in_the_table_of_sequences(finished):
    sequences = pd.read_csv(finished / "results" / "table2_sequences.csv")
    assert len(sequences) == 7 * 14
    assert (sequences.frames > 0).all()


def test_a_second_run_does_no_work(finished):
    run = Workflow(finished)("--cores", "all", "results/table2.csv")
    assert run.status == 0 and "Nothing to be done" in run.output


def test_nothing_was_written_outside_results_and_data(finished):
    ours = {path.name for path in finished.iterdir()}
    assert ours <= {"results", "data", "masks", "overlay.yaml", ".snakemake"}


def test_the_library_gives_the_masks_of_the_workflow(finished):
    network, _ = load_network(finished / "results" / "networks" / "segment.safetensors")
    frames = FrameFolder(finished / "data/rendered_davis/JPEGImages/480p/rally")
    truth = finished / "data/rendered_davis/Annotations/480p/rally/00000.png"
    first, propagation = {0: read_mask(truth)}, PropagationParams(dilation_radius=2)
    found = segment_video(network, frames, first, finetuning=None, propagation=propagation)
    for t, mask in found:
        write_mask(finished / "masks" / f"{frames.names[t]}.png", mask)
    theirs = (
        finished / "results" / "masks" / "no_online" / "first" / "rendered_davis" / "rally" / "1"
    )
    names = sorted(path.name for path in theirs.glob("*.png"))
    assert len(names) > 20
    for name in names:
        ours = read_mask(finished / "masks" / name)
        assert np.array_equal(ours, read_mask(theirs / name)), name


def steps(page):
    """Yield what a reader does: files named in their first line are written, commands run."""
    whole = (ROOT / "docs" / "tutorials" / page).read_text()
    for language, text in re.findall(r"```(sh|yaml)\n(.*?)```", whole, re.DOTALL):
        if language == "yaml":
            yield "write", re.match(r"# (\S+)\n", text).group(1), text
        else:
            for line in text.strip().splitlines():
                yield "run", line, ""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The project's files in a folder of their own, as whoever follows the tutorials has them."""
    folder = tmp_path_factory.mktemp("tutorials") / "masktrack"
    left = (".git", ".venv", "results", "data", ".snakemake", "build", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left))
    return folder


def test_the_commands_of_the_tutorials_run_as_written(clone, finished):
    for name in ("results", "data", ".snakemake"):
        shutil.copytree(finished / name, clone / name)
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {"PYTHONPATH": str(clone), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
    ready = clone / ".venv" / ".installed"  # of make: the environment is there
    (clone / ".venv").symlink_to(bin_folder.parent)
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(clone / name, (0, 0))
    assert ready.exists()
    said = {}
    for page in ("first-table.md", "own-data.md", "own-video.md"):
        for kind, what, text in steps(page):
            if kind == "write":
                (clone / what).write_text(text)
                continue
            done = subprocess.run(
                ["bash", "-c", what], cwd=clone, env=environment, capture_output=True, text=True
            )
            said[what] = done.stdout + done.stderr
            assert done.returncode == 0, f"{page}: {what}\n{said[what][-3000:]}"
    assert "Nothing to be done" in said["make table2"]
    wide = next(text for line, text in said.items() if "--cores all --configfile wide" in line)
    assert Run(0, wide).jobs == {"track": 6, "segment": 6, "score": 6, "table": 1}
    dilation = pd.read_csv(clone / "results" / "dilation.csv", index_col="method")
    table2 = pd.read_csv(clone / "results" / "table2.csv", index_col="method")
    assert dilation.iloc[0, 1] == table2.loc["MaskTrack", "rendered_davis"] != dilation.iloc[1, 1]
    compared = next(text for line, text in said.items() if "--compare ours theirs" in line)
    assert re.search(r"ours less theirs: -\d.*\(95% interval .*worse on 3", compared)
    assert "glyf" not in compared  # what the library of fonts has to say
