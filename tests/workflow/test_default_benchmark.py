"""One complete run of what a student runs first, and what it must show."""

import numpy as np
import pandas as pd
import pytest

from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.files.io import read_mask, write_mask
from masktrack_core.networks.weights import load_network
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.tracking.segmentation import segment_video

from .conftest import Workflow

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
