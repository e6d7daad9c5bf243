"""Somebody else's tracker, a command, as a row of the configuration."""

import copy
import importlib
import os
import shlex
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from plans import Plans, default_config

from masktrack_core import evaluate
from masktrack_core.experiment.flat_config import laid_over
from masktrack_core.files.io import write_mask

from .conftest import ROOT, Workflow

EXAMPLE = ROOT / "examples" / "external_tracker"
TARGET = "results/external.csv"
SCORES = "results/scores/flow_tracker/first/rendered_davis/walk/1.csv"
LENGTH = 6


def moving(folder):
    """Write a set of one sequence: a textured object that moves 2 px a frame on still ground."""
    rng = np.random.default_rng(5)
    ground, texture = (
        np.asarray(Image.fromarray(rng.integers(0, 256, (*few, 3), np.uint8)).resize(size))
        for few, size in (((24, 32), (96, 72)), ((8, 8), (32, 32)))
    )
    for t in range(LENGTH):
        frame, truth = ground.copy(), np.zeros((72, 96), bool)
        place = slice(20, 52), slice(12 + 2 * t, 44 + 2 * t)
        frame[place], truth[place] = texture, True
        path = folder / f"set/JPEGImages/480p/walk/{t:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(frame).save(path, quality=95)
        write_mask(folder / f"set/Annotations/480p/walk/{t:05d}.png", truth)


@pytest.fixture
def example(tmp_path):
    """The example on such a set, its tracker copied beside it."""
    moving(tmp_path)
    overlay = yaml.safe_load((EXAMPLE / "external_tracker.yaml").read_text())
    row = overlay["trackers"]["flow_tracker"]
    script = tmp_path / "flow_tracker.py"
    script.write_bytes((EXAMPLE / "flow_tracker.py").read_bytes())
    words = row["command"].replace("examples/external_tracker/flow_tracker.py", str(script))
    row["command"] = words.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
    row["files"] = [str(script)]
    root = {"root": str(tmp_path / "set"), "rendered": None, "development": []}
    overlay["datasets"] = {"rendered_davis": root}
    return Workflow(tmp_path, overlay)


def test_its_row_stands_in_a_table_and_its_files_decide_what_reruns(example, monkeypatch):
    run = example("--cores", "1", TARGET)
    assert run.status == 0, run.output[-3000:]
    assert run.jobs["track_command"] == 1 and "train" not in run.jobs
    table = pd.read_csv(example.folder / TARGET, index_col="method").rendered_davis
    assert table["Mask carried along by optical flow"] > 85
    assert table["Copy of the first mask"] < 75
    scores = pd.read_csv(example.folder / SCORES, dtype={"frame": str})
    assert len(scores) == LENGTH
    # From Python the same row, digit for digit.
    monkeypatch.syspath_prepend(EXAMPLE)
    tracker = importlib.import_module("evaluate_flow").tracker
    found = evaluate(tracker, example.folder / "set", protocol="davis2016")
    same = ["frame", "J", "F"]
    assert found.frames[same].to_numpy().tolist() == scores[scores.scored][same].to_numpy().tolist()
    assert 100 * found.means.J_mean.iloc[-1] == table["Mask carried along by optical flow"]
    script = example.folder / "flow_tracker.py"
    os.utime(script, (2_000_000_000, 2_000_000_000))
    assert example("-n", TARGET).jobs == {}
    script.write_text(script.read_text() + "\n# Another one.\n")
    again = {"track_command": 1, "segment": 1, "score": 1, "table": 1}
    assert example("-n", TARGET).jobs == again


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit('out of luck')", "expected exit status 0, got 1; it said last: out of"),
        ("import time; time.sleep(60)", "expected an end within timeout_s: 2"),
        ("pass", "out: expected 6 masks, 00000.png to 00005.png, got 0: missing"),
    ],
)
def test_a_tracker_that_fails_is_named_and_nothing_is_scored(example, body, words):
    (example.folder / "flow_tracker.py").write_text(body)
    example.overlay["trackers"]["flow_tracker"]["timeout_s"] = 2
    run = example("--cores", "1", SCORES)
    assert run.status != 0
    where = "trackers.flow_tracker on rendered_davis/walk/1: "
    assert where in run.output and words in run.output
    assert not list(example.folder.glob("results/tracks/flow_tracker/**/*.*"))
    assert not (example.folder / SCORES).exists()


def test_the_row_says_whether_masks_may_be_empty_in_every_frame(example):
    """Without a run: the word of the row is what its job is told, and it reruns it."""
    place = {"tracker": "flow_tracker", "annotation": "first", "object": "1"}
    place |= {"dataset": "rendered_davis", "sequence": "walk"}
    told = {}
    for word in (None, "refused", "allowed"):
        config = laid_over(default_config(), copy.deepcopy(example.overlay))
        if word:
            config["trackers"]["flow_tracker"]["empty"] = word
        told[word] = Plans(config).job("track_command", **place)["params"][1]["may_be_empty"]
    assert told == {None: False, "refused": False, "allowed": True}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"command": "run {frames}"}, "trackers.flow_tracker.command: expected {frames}, {annot"),
        ({"files": ["gone.pth"]}, "trackers.flow_tracker.files: expected files that decide"),
        ({"propagation": "paper"}, "trackers.flow_tracker: expected a network and how it is run"),
    ],
)
def test_a_wrong_row_stops_at_the_start(example, row, words):
    example.overlay["trackers"]["flow_tracker"] |= row
    run = example("-n", TARGET)
    assert run.status != 0 and words in run.output, run.output[-2000:]
