"""Frames chosen round by round: what the rules ask for, and what they make of the answer."""

import numpy as np
import pandas as pd
import pytest

from masktrack_core.files.archives import MaskArchive
from masktrack_core.files.io import read_table
from masktrack_core.tables import DOUBT, SCORES
from masktrack_core.tracking.choice import next_frame

from .conftest import Workflow

OVERLAY = {
    "trackers": {"quick": {"network": "released", "propagation": "released"}},
    "variants": {"quick": {"trackers": ["quick"]}},
    "annotations": {
        "doubt_3": {"choose": "doubt", "variant": "quick", "count": 3},
        "worst_2": {"choose": "worst", "variant": "quick", "count": 2},
        "even_3": {"choose": "even", "count": 3},
        "random_3": {"choose": "random", "count": 3},
    },
    "datasets": {"rendered_davis": {"only": ["gallop"]}},
    "figures": {
        "chosen": {
            "kind": "annotations",
            "datasets": ["rendered_davis"],
            "panels": [
                {
                    "title": "Segments",
                    "variant": "quick",
                    "annotations": ["first", "every_10"],
                    "curves": [
                        {"name": "doubt", "annotations": ["first", "doubt_3__2", "doubt_3"]},
                        {"name": "worst", "annotations": ["first", "worst_2"]},
                        {"name": "even", "annotations": ["first", "even_3"]},
                        {"name": "random", "annotations": ["first", "random_3"]},
                    ],
                }
            ],
        },
        "doubted": {
            "kind": "doubt",
            "datasets": ["rendered_davis"],
            "rows": [{"method": "Quick", "variant": "quick"}],
        },
    },
}
PLACE = "rendered_davis/gallop/1"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("chosen"), OVERLAY)
    done = workflow("--cores", "1", "--", "results/chosen.png", "results/doubted.png")
    assert done.status == 0, done.output
    return workflow


def given(flow, annotation):
    path = flow.folder / f"results/annotations/{annotation}/{PLACE}.zip"
    return sorted(int(name) for name in MaskArchive(path))


def table(flow, kind, annotation, schema):
    return read_table(flow.folder / f"results/{kind}/quick/{annotation}/{PLACE}.csv", schema)


def test_each_round_asks_for_the_frame_that_the_round_before_says(run):
    for annotation, before, column in (
        ("doubt_3__2", "first", "doubt"),
        ("doubt_3", "doubt_3__2", "doubt"),
        ("worst_2", "first", "J"),
    ):
        looked = table(run, "doubt", before, DOUBT)
        badness = looked.doubt if column == "doubt" else 1 - looked.J
        asked = next_frame(badness.to_numpy(np.float64), given(run, before), range(1, 26))
        assert given(run, annotation) == sorted([*given(run, before), asked])


def test_doubt_stands_beside_the_j_of_the_scores_which_stay_as_they_are(run):
    doubts, scores = (table(run, k, "first", s) for k, s in (("doubt", DOUBT), ("scores", SCORES)))
    pd.testing.assert_frame_equal(doubts.drop(columns="doubt"), scores.drop(columns="F"))
    assert doubts.doubt[0] == 0 and doubts.doubt[1:].between(0.001, 1).all()


def test_even_and_random_frames_look_at_nothing(run):
    assert given(run, "even_3") == [0, 9, 18]
    assert len(given(run, "random_3")) == 3 and given(run, "random_3")[0] == 0


def test_the_figures_have_the_curves_and_the_agreement(run):
    chosen = pd.read_csv(run.folder / "results/chosen.csv")
    assert dict(chosen.groupby("method").size()) == {
        "doubt": 3, "even": 2, "method": 2, "random": 2, "worst": 2
    }  # fmt: skip
    agreement = pd.read_csv(run.folder / "results/doubted_sequences.csv")
    assert agreement.sequence.tolist() == ["all", "gallop"]
    assert agreement.correlation[1] > 0.5
