"""Figures, films, the page and others' masks, through the workflow."""

import copy
import json
import re
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from .conftest import ROOT, SHORT, Workflow

RUNS = ("results/figure4.pdf", "results/figure5.pdf", "results/figure6.pdf")


def with_fewer_annotations():
    overlay = copy.deepcopy(SHORT)
    panels = [
        {
            "title": "Segments",
            "variant": "no_online",
            "baseline": "copy_first",
            "annotations": ["first", "every_10"],
        },
        {
            "title": "Boxes",
            "variant": "no_online",
            "baseline": "copy_box",
            "annotations": ["first_box", "every_10_box"],
        },
    ]
    rows = [{"method": "Ours", "variant": "no_online"}]
    overlay["figures"] = {
        "figure4": {"panels": panels},
        "figure5": {"rows": rows},
        "figure6": {"rows": rows},
    }
    table = {"rows": [{"method": "Ours", "variant": "no_online"}]}
    overlay["tables"] = {"table2": table}
    overlay["page"] = {"figures": ["figure4", "figure5", "figure6"]}
    return overlay


def test_figure_4_needs_one_network_run_for_each_annotation(short):
    jobs = short("-n", "results/figure4.pdf").jobs
    # 6 annotations of segments, 6 of boxes, one sequence of one object; each with its baseline.
    assert jobs["finetune"] == jobs["track"] == 12
    assert jobs["annotate"] == jobs["annotate_boxes"] == 6
    assert jobs["score"] == 24 and jobs["oracle"] == 12
    assert jobs["draw"] == jobs["effort"] == 1


def test_figures_and_page_are_made(tmp_path):
    workflow = Workflow(tmp_path, with_fewer_annotations())
    film = "results/films/table2/rendered_segtrack/sidewinder.mp4"
    run = workflow("--cores", "2", *RUNS, "results/index.html", film)
    assert run.status == 0, run.output[-3000:]
    results = tmp_path / "results"
    figure4 = pd.read_csv(results / "figure4.csv")
    assert len(figure4) == 8
    segments = figure4[(figure4.panel == "Segments") & (figure4.method == "baseline")]
    assert segments.J.is_monotonic_increasing and segments.annotated.is_monotonic_increasing
    figure5 = pd.read_csv(results / "figure5.csv")
    assert len(figure5) == 16 and figure5.n.max() <= 3
    assert pd.read_csv(results / "figure6.csv").sequence.nunique() == 3
    for name in ("figure4", "figure5", "figure6"):
        with Image.open(results / f"{name}.png") as picture:
            assert min(picture.size) > 300
        assert (results / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / film).stat().st_size > 1000
    page = (results / "index.html").read_text()
    assert len(json.loads(page.partition('id="results">')[2].partition("<")[0])["sequences"]) == 3
    for path in re.findall('src="([^"]*)"', page):
        assert (results / path).stat().st_size > 1000
    shown = results / "page/sequences/rendered_segtrack/sidewinder"
    names = {path.name: len(list(path.iterdir())) for path in shown.iterdir() if path.is_dir()}
    assert names.keys() == {"frame", "truth", "no_online.first"} and len({*names.values()}) == 1
    drawn_again = workflow("-n", *RUNS)
    assert drawn_again.jobs == {}
    check_figures_come_from_tables_alone(workflow)
    check_report(workflow)


def check_figures_come_from_tables_alone(workflow):
    for name in ("figure4", "figure5"):
        (workflow.folder / "results" / f"{name}.pdf").unlink()
    assert workflow("-n", *RUNS[:2]).jobs == {"draw": 2}


def check_report(workflow):
    """Tables, figures and the record are in the report, with captions of what the jobs ran."""
    wanted = *RUNS, "results/table2.csv", "results/record.yaml"
    assert workflow("--cores", "2", *wanted).status == 0
    run = workflow("--report", "report.zip", "--", *wanted)
    assert run.status == 0, run.output[-3000:]
    with zipfile.ZipFile(workflow.folder / "report.zip") as report:
        names = {name.rsplit("/", 1)[-1] for name in report.namelist()}
        page = report.read("report/report.html").decode()
        record = next(name for name in report.namelist() if name.endswith("/record.yaml"))
        content = yaml.safe_load(report.read(record))
    pictures = {"figure4.png", "figure5.png", "figure6.png"}
    assert pictures | {"table2.csv", "table2_sequences.csv", "record.yaml"} <= names
    assert "Ours: variant" in page and "no_online" in page
    assert "Quality over the share of annotated frames" in page
    assert content["config"]["page"]["figures"] == ["figure4", "figure5", "figure6"]
    assert content["config"]["stills"]["rendered"]["rendered"] == 24  # as the overlay says
    assert {"python", "torch", "commit", "machine"} <= content["record"].keys()


@pytest.fixture
def others(tmp_path):
    """A sequence of four frames, others' masks of it, and the workflow that scores them."""
    truths, frames = tmp_path / "set/Annotations/480p/walk", tmp_path / "set/JPEGImages/480p/walk"
    masks = tmp_path / "others" / "walk"
    for folder in (truths, frames, masks):
        folder.mkdir(parents=True)
    for t in range(5):
        picture = np.random.default_rng(t).integers(0, 255, (40, 60, 3), np.uint8)
        Image.fromarray(picture).save(frames / f"{t:05d}.jpg")
        mask = np.zeros((40, 60), np.uint8)
        mask[10:30, 10 + t : 30 + t] = 1
        Image.fromarray(mask * 255).save(truths / f"{t:05d}.png")
        if t in (1, 2, 3):  # the protocol scores no others
            Image.fromarray(mask).save(masks / f"{t:05d}.png")
    row = {
        "title": "M",
        "layout": "davis",
        "root": str(tmp_path / "set"),
        "skip": ["first", "last"],
    }
    overlay = {
        "datasets": {"mine": row},
        "variants": {"theirs": {"masks": str(tmp_path / "others")}},
        "tables": {
            "mine": {"datasets": ["mine"], "rows": [{"method": "Theirs", "variant": "theirs"}]}
        },
    }
    return Workflow(tmp_path, overlay), masks


def mean_of(workflow):
    table = pd.read_csv(workflow.folder / "results" / "mine.csv", index_col="method")
    return table.loc["Theirs", "mine"]


def test_nothing_runs_that_ones_own_file_does_not_name(others, tmp_path):
    workflow, _ = others
    overlay = workflow.overlay
    jobs = workflow("-n", "figures").jobs
    assert jobs["score"] == jobs["table"] == jobs["page"] == jobs["external"] == 1
    assert jobs["player"] == 1
    unasked = {"train", "track", "sheet", "oracle", "render_videos", "take_network"}
    assert not unasked & set(jobs) and jobs["record"] == 1
    assert workflow("-n", "films").jobs["film"] == 1
    sheet = {"kind": "sheet", "datasets": ["mine"], "rows": overlay["tables"]["mine"]["rows"]}
    overlay["figures"] = {"mine_sheet": sheet}
    jobs = workflow("-n", "figures").jobs
    assert jobs["sheet"] == 1 and "train" not in jobs
    assert workflow("--cores", "1", "results/index.html").status == 0
    page = (workflow.folder / "results" / "index.html").read_text()
    assert "<h3>mine</h3>" in page and "table2" not in page and 'alt="mine_sheet"' in page
    assert workflow("-n", "results/timings.csv").jobs == {"timings": 1}
    assert workflow("--cores", "1", "results/timings.csv").status == 0
    stages = pd.read_csv(workflow.folder / "results" / "timings.csv").stage.tolist()
    assert {"external", "score", "table", "page"} <= set(stages)
    assert workflow("-n", "results/timings.csv").jobs == {}
    film = "results/films/mine/mine/walk.mp4"
    assert workflow("--cores", "1", film).status == 0
    assert workflow("-n", "results/timings.csv").jobs == {"timings": 1}


def test_a_row_is_dropped_and_the_workflow_runs_from_any_folder(others, tmp_path):
    workflow, _ = others
    (tmp_path / "my.yaml").write_text(
        yaml.safe_dump(workflow.overlay | {"ablations": {"table1": None}})
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-n"]
    command += ["--configfile", "../my.yaml", "--"]
    runs = {
        target: subprocess.run(
            [*command, target], cwd=elsewhere, capture_output=True, text=True, check=False
        )
        for target in ("results/mine.csv", "results/table1.csv", "films")
    }
    output = runs["results/mine.csv"].stdout + runs["results/mine.csv"].stderr
    assert runs["results/mine.csv"].returncode == 0, output[-2000:]
    assert re.search(r"^score +1$", output, re.M)
    assert runs["results/table1.csv"].returncode != 0
    films = runs["films"].stdout + runs["films"].stderr
    assert re.search(r"^film +1$", films, re.M)


def test_masks_of_others_are_scored_from_a_folder_and_from_a_zip(others):
    workflow, masks = others
    assert workflow("--cores", "1", "results/mine.csv").status == 0
    assert mean_of(workflow) == 100
    archive = workflow.folder / "others.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in masks.glob("*.png"):
            stream.write(path, f"theirs/walk/{path.name}")
    shutil.rmtree(workflow.folder / "results")
    workflow.overlay["variants"]["theirs"]["masks"] = str(archive)
    run = workflow("--cores", "1", "results/mine.csv")
    assert run.status == 0, run.output[-3000:]
    assert mean_of(workflow) == 100


def test_a_table_has_its_measures_in_every_rendering(others):
    workflow, masks = others
    Image.new("L", (60, 40)).save(masks / "00003.png")  # the object is lost
    table = workflow.overlay["tables"]["mine"]
    table |= {"measures": ["J", "J_recall", "J&F", "T", "n"], "decimals": 2}
    run = workflow("--cores", "1", "results/mine.csv")
    assert run.status == 0, run.output[-3000:]
    assert run.jobs["temporal"] == 1
    results = workflow.folder / "results"
    row = pd.read_csv(results / "mine.csv").iloc[0]
    assert row["source"] == "given" and row["mine n"] == 1
    expected = [200 / 3, 200 / 3, 200 / 3, 0.0]
    names = ["mine J", "mine J_recall", "mine J&F", "mine T"]
    assert row[names].tolist() == pytest.approx(expected, abs=1e-12)
    for suffix in ("md", "tex", "html"):
        assert (results / f"mine.{suffix}").read_text().count("66.67") == 3
    del table["measures"]
    assert "temporal" not in workflow("-n", "results/mine.csv").jobs


def test_a_sweep_makes_rows_and_a_figure_of_their_numbers(others):
    workflow, _ = others
    table = workflow.overlay["tables"]["mine"]
    table["rows"].append({"method": "Cut", "variant": "grabcut_oracle"})
    table["sweep"] = {"grabcuts.local.window": [0.25, 1]}
    jobs = workflow("-n", "figures").jobs
    assert jobs["sweep"] == 1 and jobs["oracle"] == 2
    run = workflow("--cores", "1", "figures")
    assert run.status == 0, run.output[-3000:]
    results = workflow.folder / "results"
    means = pd.read_csv(results / "mine.csv", index_col="method").mine
    points = pd.read_csv(results / "mine_sweep.csv")
    assert points.value.tolist() == [0.25, 1.0] and set(points.method) == {"Cut"}
    assert points.J.tolist() == [means["Cut, window 0.25"], means["Cut, window 1"]]
    with Image.open(results / "mine_sweep.png") as picture:
        assert min(picture.size) > 300
    assert (results / "mine_sweep.pdf").read_bytes().startswith(b"%PDF")
    page = (results / "index.html").read_text()
    assert 'alt="mine_sweep"' in page and "over the values of a parameter" in page
    assert workflow("-n", "figures").jobs == {}


def test_the_frames_in_which_two_methods_differ_most_are_shown(others):
    workflow, masks = others
    Image.new("L", (60, 40)).save(masks / "00002.png")  # the object is lost
    rows = [{"method": "Theirs", "variant": "theirs"}, {"method": "Box", "variant": "box_oracle"}]
    compared = {"kind": "comparison", "datasets": ["mine"], "rows": rows, "columns": 3}
    workflow.overlay["figures"] = {"compared": compared}
    jobs = workflow("-n", "figures").jobs
    assert jobs["comparison"] == jobs["compared_frames"] == 1
    run = workflow("--cores", "1", "figures")
    assert run.status == 0, run.output[-3000:]
    results = workflow.folder / "results"
    shown = pd.read_csv(results / "compared_frames.csv", dtype={"frame": "str"})
    assert shown.frame.tolist() == ["00002"]  # in the others both are right
    assert shown[["J Theirs", "J Box", "difference"]].iloc[0].tolist() == [0, 100, -100]
    with Image.open(results / "compared_frames.png") as picture:
        assert min(picture.size) > 200
    page = (results / "index.html").read_text()
    assert 'alt="compared_frames"' in page and 'href="compared_frames.csv"' in page


def test_every_missing_mask_of_others_is_named(others):
    workflow, masks = others
    (masks / "00002.png").unlink()
    (masks / "00003.png").unlink()
    run = workflow("--cores", "1", "results/mine.csv")
    assert run.status != 0
    assert "walk/00002.png" in run.output and "walk/00003.png" in run.output


def test_a_source_of_masks_that_is_not_there_stops_the_plan(others):
    workflow, _ = others
    workflow.overlay["variants"]["theirs"]["masks"] = "nowhere"
    run = workflow("-n", "results/mine.csv")
    assert run.status != 0
    assert "variants.theirs.masks: expected a folder or a zip archive" in run.output
