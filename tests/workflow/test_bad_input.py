"""Wrong configurations and wrong files stop the run with the file or key that is wrong."""

import copy
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from snakemake.utils import update_config

from .conftest import ROOT, SHORT, Workflow, edited_copy


def stop(workflow, *arguments):
    """Return what a run that fails says."""
    run = workflow(*(arguments or ("-n", "results/table2.csv")))
    assert run.status != 0, run.output[-3000:]
    return run.output


def test_an_unknown_key(workflow):
    workflow.overlay = {"schedules": {"offline": {"iteratons": 5}}}
    message = stop(workflow)
    assert "iteratons" in message and "schedules" in message


def test_a_value_of_the_wrong_kind(workflow):
    workflow.overlay = {"schedules": {"offline": {"iterations": "many"}}}
    message = stop(workflow)
    assert "'many' is not of type 'integer'" in message


def test_a_misspelt_variant(workflow):
    rows = [{"method": "MaskTrack", "variant": "masktrak"}]
    workflow.overlay = {"tables": {"table2": {"rows": rows}}}
    message = stop(workflow)
    assert "tables.table2.rows[0].variant: unknown name 'masktrak'; config.variants" in message


def test_a_missing_root(workflow):
    workflow.overlay = {"datasets": {"mine": {"title": "M", "layout": "davis", "root": "nowhere"}}}
    message = stop(workflow)
    assert "datasets.mine.root: expected the folder that holds the data, got 'nowhere'" in message


def test_missing_weights(workflow):
    workflow.overlay = {"architectures": {"slim": {"pretrained": "gone.safetensors"}}}
    assert "architectures.slim.pretrained: expected a weights file" in stop(workflow)


def test_a_sequence_that_is_not_there(workflow):
    workflow.overlay = {"datasets": {"rendered_davis": {"only": ["ralley"]}}}
    assert "datasets.rendered_davis.only: unknown sequence 'ralley'; there are" in stop(workflow)


SIZE = (40, 60)


@pytest.fixture
def on_disk(tmp_path):
    """A data set of one sequence on disk, and a workflow that asks for its box oracle."""
    frames = tmp_path / "set" / "JPEGImages" / "480p" / "walk"
    truths = tmp_path / "set" / "Annotations" / "480p" / "walk"
    frames.mkdir(parents=True)
    truths.mkdir(parents=True)
    for t in range(4):
        picture = np.random.default_rng(t).integers(0, 255, (*SIZE, 3), np.uint8)
        Image.fromarray(picture).save(frames / f"{t:05d}.jpg")
        save_truth(truths / f"{t:05d}.png", SIZE, 10 + t)
    overlay = copy.deepcopy(SHORT) | {
        "datasets": {"mine": {"title": "M", "layout": "davis", "root": str(tmp_path / "set")}},
        "tables": {
            "mine": {
                "datasets": ["mine"],
                "rows": [
                    {"method": "Box", "variant": "box_oracle"},
                    {"method": "MaskTrack", "variant": "masktrack"},
                ],
            }
        },
    }
    return Workflow(tmp_path, overlay), frames, truths


def save_truth(path, size, left):
    mask = np.zeros(size, np.uint8)
    mask[10:20, left : left + 10] = 255
    Image.fromarray(mask).save(path)


def test_a_frame_without_truth(on_disk):
    workflow, _, truths = on_disk
    (truths / "00002.png").unlink()
    message = stop(workflow, "-n", "results/mine.csv")
    assert "walk, object 1: expected a truth for each of 4 frames" in message
    assert "00002" in message


def damaged(on_disk):
    """Return what the run says; nothing was trained before it stopped."""
    workflow = on_disk[0]
    message = stop(workflow, "--cores", "2", "results/mine.csv")
    assert not (workflow.folder / "results" / "networks").exists()
    return message


def test_a_mask_of_another_size(on_disk):
    save_truth(on_disk[2] / "00002.png", (20, 30), 4)
    message = damaged(on_disk)
    assert "00002.png: expected the size of its frame, (40, 60), got (20, 30)" in message


def test_masks_that_are_all_empty(on_disk):
    for path in on_disk[2].iterdir():
        Image.fromarray(np.zeros(SIZE, np.uint8)).save(path)
    message = damaged(on_disk)
    assert "object 1: expected its truth in some frame, got none in 4 frames" in message


def test_a_corrupt_frame(on_disk):
    path = on_disk[1] / "00001.jpg"
    path.write_bytes(path.read_bytes()[:300])
    message = damaged(on_disk)
    assert "00001.jpg" in message and "truncated" in message.lower()


def test_every_problem_of_a_sequence_is_reported_at_once(on_disk):
    _, frames, truths = on_disk
    (frames / "00001.jpg").write_bytes(b"no picture")
    save_truth(truths / "00003.png", (20, 30), 4)
    message = damaged(on_disk)
    assert "00001.jpg" in message and "00003.png" in message


def test_a_sequence_that_changed_on_disk_is_indexed_again(on_disk):
    """Its truth alone, drawn anew in its place; a frame alone: tests/unit/experiment."""
    workflow, _, truths = on_disk
    target = "results/scores/box_oracle/first/mine/walk/1.csv"
    assert workflow("--cores", "1", target).status == 0
    assert workflow("-n", target).jobs == {}
    save_truth(truths / "00003.png", SIZE, 24)
    assert workflow("-n", target).jobs == {"index_video": 1, "annotate": 1, "oracle": 1, "score": 1}


@pytest.mark.parametrize("target", ["table2.csv", "table1.csv", "seeds.csv", "figure4.pdf"])
def test_the_example_configurations_ask_for_folders_and_nothing_else(tmp_path, target):
    overlay = yaml.safe_load((ROOT / "examples" / "davis_on_disk.yaml").read_text())
    if target != "table2.csv":
        more = yaml.safe_load((ROOT / "examples" / "davis_experiments.yaml").read_text())
        update_config(overlay, more)
    message = stop(Workflow(tmp_path, overlay), "-n", f"results/davis/{target}")
    assert "expected the folder that holds the data, got '/path/to/" in message


def test_a_checkout_and_its_environment_in_a_folder_with_a_space_run_jobs(
    on_disk, tmp_path, monkeypatch
):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    project = Path(edited_copy(tmp_path / "one two's", "errors", lambda text: text)).parent
    environment = project / ".venv"
    venv.create(environment, symlinks=True)
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "all.pth").write_text("\n".join(path for path in sys.path if "packages" in path))
    workflow, target = on_disk[0], "results/scores/box_oracle/first/mine/walk/1.csv"
    workflow.folder = project
    run = workflow("--cores", "1", target, python=environment / "bin" / "python", project=project)
    assert run.status == 0, run.output[-3000:]
    assert (project / target).exists()


def test_a_sequence_whose_name_yaml_takes_for_a_number(workflow):
    workflow.overlay = {"datasets": {"rendered_davis": {"only": [8]}}}
    message = stop(workflow)
    assert "8 is not of type 'string'" in message and "quote it where YAML" in message
