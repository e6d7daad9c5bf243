"""Table 1 from a clean folder in a few steps of training, and what reruns after which change."""

import copy

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from masktrack_core.datasets.index import read_facts
from masktrack_core.files.archives import GreyArchive, MaskArchive
from masktrack_core.files.io import read_mask, read_table
from masktrack_core.tables import STILLS

from .conftest import ROOT, SHORT, Workflow, edited_copy

TARGETS = ["table1.csv", "table1.pdf", "table1.png", "figure2.pdf", "deformed_masks.png"]
TINY = copy.deepcopy(SHORT) | {
    "networks": {"reduced": {"limit": 10}},
    "crf_searches": {"small": {"every": 12}},
    "figure2": {"frames": [{"dataset": "rendered_davis", "sequence": "rally", "t": 12}]},
}
TINY["datasets"]["rendered_davis"]["development"] = ["rally"]
ROWS = yaml.safe_load((ROOT / "config.yaml").read_text())["ablations"]["table1"]["rows"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Table 1 and the pages to look at, run once for this module."""
    folder = tmp_path_factory.mktemp("table1")
    run = Workflow(folder, TINY)("--cores", "2", *(f"results/{name}" for name in TARGETS))
    assert run.status == 0, run.output[-3000:]
    return folder, run


@pytest.fixture
def changed(finished):
    """Return the jobs that a changed configuration makes run."""

    def dry_run(change, *arguments):
        overlay = copy.deepcopy(TINY)
        change(overlay)
        run = Workflow(finished[0], overlay)("-n", *arguments, "results/table1.csv")
        assert run.status == 0, run.output[-3000:]
        return run.jobs

    return dry_run


def test_every_row_of_the_paper_is_computed_beside_the_papers_figures(finished):
    table = pd.read_csv(finished[0] / "results" / "table1.csv")
    columns = ["aspect", "variant", "mIoU", "delta", "paper_mIoU", "paper_delta"]
    assert list(table.columns) == columns
    paper = read_facts("published_table1")
    assert [name for name in table.variant if name in set(paper.variant)] == list(paper.variant)
    assert table.mIoU.between(0, 100).all()
    table = table.set_index("variant")
    flow, crf = (table.loc[name] for name in ("MaskTrack+Flow", "MaskTrack+Flow+CRF"))
    assert crf.delta == pytest.approx(crf.mIoU - flow.mIoU, abs=0.011)
    assert (crf.paper_mIoU, crf.paper_delta) == (80.3, 1.9)


def test_no_network_is_trained_or_finetuned_twice(finished):
    jobs = finished[1].jobs
    assert jobs["train"] == 9 and jobs["finetune"] == 9
    assert jobs["flow"] == 1 and jobs["crf_search"] == 1 and jobs["refine"] == 1


def test_annotated_frames_of_videos_are_stills(finished):
    stills = read_table(finished[0] / "results" / "stills" / "annotated_videos.csv", STILLS)
    assert len(stills) == 20 + 4  # every frame of sidewinder, every tenth of the car
    losses = pd.read_csv(finished[0] / "results" / "networks" / "on_video.csv")
    assert len(losses) == 12


def test_a_network_without_a_schedule_is_the_initial_one(finished):
    assert (finished[0] / "results" / "networks" / "initial.safetensors").exists()
    assert not len(pd.read_csv(finished[0] / "results" / "networks" / "initial.csv"))


def test_masks_without_deformation_are_the_annotations(finished):
    archive = MaskArchive(finished[0] / "results" / "deformed" / "none" / "rendered.zip")
    stills = read_table(finished[0] / "results" / "stills" / "rendered.csv", STILLS)
    mask = read_mask(finished[0] / stills.mask_path[3])
    assert np.array_equal(archive[f"rendered/{stills.name[3]}/1"], mask)


def test_the_search_says_on_what_it_was_measured_and_why(finished):
    folder = finished[0] / "results" / "crf" / "masktrack_flow_crf" / "first"
    report = yaml.safe_load((folder / "rendered_davis.yaml").read_text())
    assert report["measured_on"] == ["rally/1"] and "candidates" in report["why"]
    assert len(pd.read_csv(folder / "rendered_davis.csv")) == 1 + 3 * 3 * 3 * 2


def test_a_renamed_variant_recomputes_only_its_own_masks(changed):
    rows = copy.deepcopy(ROWS)
    rows[-1]["variant"] = "per_frame"

    def rename(config):
        config["variants"] = {"per_frame": {"trackers": ["no_input"]}}
        config["ablations"] = {"table1": {"rows": rows}}

    assert changed(rename) == {"segment": 1, "score": 1, "ablation": 1}


def test_a_published_crf_is_one_more_refinement(changed):
    row = {"method": "OnAVOS's CRF", "variant": "onavos"}

    def add(config):
        config["variants"] = {"onavos": {"trackers": ["fused"], "crf": "onavos_davis"}}
        config["ablations"] = {"table1": {"rows": [*ROWS, row]}}

    assert changed(add) == {"refine": 1, "score": 1, "ablation": 1}


def test_another_grid_searches_again_and_refines_what_was_searched(changed):
    def change(config):
        config["crf_searches"] = {"small": {"grid": {"bilateral_sxy": [4, 8]}}}

    assert changed(change) == {"crf_search": 1, "refine": 1, "score": 1, "ablation": 1}


def test_code_of_the_crf_reruns_the_variants_that_end_with_one(changed, tmp_path):
    snakefile = edited_copy(tmp_path, "tracking.crf", lambda text: text + "\nNEW = 1\n")
    jobs = changed(lambda config: None, "--snakefile", snakefile)
    assert jobs == {"crf_search": 1, "refine": 1, "score": 1, "ablation": 1}


def test_another_flow_tracks_again_and_trains_nothing(changed):
    jobs = changed(lambda config: config.update(flow_images={"magnitude": {"scale": "fixed"}}))
    assert jobs.pop("flow") == 1 and jobs.pop("track") == 1  # the fused tracker
    assert jobs == {"segment": 1, "crf_search": 1, "refine": 1, "score": 2, "ablation": 1}


def test_another_deformation_row_trains_its_own_networks_only(changed):
    jobs = changed(lambda config: config.update(deformations={"no_nonrigid": {"shift": 0.2}}))
    assert jobs["deform"] == jobs["train"] == jobs["finetune"] == jobs["track"] == 1


def test_a_sequence_of_one_frame_has_no_motion_and_says_so(finished, tmp_path):
    frame = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    truth = np.zeros((40, 60), np.uint8)
    truth[10:20, 20:40] = 255
    for folder, name, picture in (
        ("JPEGImages", "00000.jpg", frame),
        ("Annotations", "00000.png", truth),
    ):
        path = tmp_path / folder / "480p" / "alone" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(picture).save(path)
    overlay = copy.deepcopy(TINY)
    overlay["datasets"]["single"] = {"title": "S", "layout": "davis", "root": str(tmp_path)}
    place = "first/single/alone/1"
    masks = [
        f"results/masks/{v}/{place}" for v in ("masktrack_flow", "masktrack_flow_crf_published")
    ]
    run = Workflow(finished[0], overlay)("--cores", "2", *masks)
    assert run.status == 0, run.output[-3000:]
    results = finished[0] / "results"
    assert not GreyArchive(results / "flow" / "dis" / "single" / "alone.zip")["00000"].any()
    log = (results / "logs" / "flow" / "dis" / "single" / "alone.log").read_text()
    assert "alone: one frame has no motion" in log
    assert np.array_equal(read_mask(finished[0] / masks[0] / "00000.png"), truth > 0)
