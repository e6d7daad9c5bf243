import logging
import os
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from masktrack_core.commands.cli import main
from masktrack_core.datasets.index import read_facts
from masktrack_core.errors import InputError
from masktrack_core.experiment.planning import (
    GPU_RULES,
    costs_with,
    plan_table,
    plan_text,
    planned_jobs,
)
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.timings import STAGES, read_stages, read_timings, stage_table
from masktrack_core.pictures.plots import stages_figure

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(folder, place, wall, cpu, memory):
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{wall}\t0:00:01\t{memory}\t1\t1\t1\t1\t1\t1\t{cpu}\n")


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "benchmarks", "track/rgb/a/1.tsv", 4.0, 3.0, 100)
    write(tmp_path / "benchmarks", "track/rgb/b/1.tsv", 8.0, 5.0, 300)
    write(tmp_path / "benchmarks", "train/segment.tsv", 50.0, 40.0, 700)
    write(tmp_path / "benchmarks", "table/table2.tsv", 0.2, "-", "-")
    (tmp_path / "benchmarks" / "track" / "cut.tsv").write_text("")
    return tmp_path


def test_stages_are_sums_medians_and_largest_memory_dearest_first(folder):
    table = stage_table(read_timings(folder / "benchmarks"))
    assert list(table.columns) == list(STAGES)
    assert table.stage.tolist() == ["train", "track", "table"]
    track = table.set_index("stage").loc["track"]
    assert (track.jobs, track.cpu_s, track.wall_s) == (2, 8.0, 12.0)
    assert (track.cpu_s_per_job, track.memory_mb) == (4.0, 300.0)
    assert table.gpu_memory_mb.isna().all()


def test_every_column_of_the_timings_holds_its_own_number(tmp_path):
    costs = {"a": (7.0, 3.0, 110), "b": (11.0, 5.0, 290), "c": (2.0, 1.5, 170)}
    for number, (name, (wall, cpu, memory)) in enumerate(costs.items()):
        write(tmp_path / "benchmarks", f"track/rgb/{name}.tsv", wall, cpu, memory)
        log = tmp_path / f"logs/track/rgb/{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"CPU time {cpu + 0.25} s\nGPU memory peak {1000 + 31 * number} MB\n")
    jobs = read_timings(tmp_path / "benchmarks", tmp_path / "logs")
    right = [
        ("track", f"track/rgb/{name}", cpu + 0.25, wall, memory, 1000 + 31 * number)
        for number, (name, (wall, cpu, memory)) in enumerate(costs.items())
    ]
    names = ["stage", "job", "cpu_s", "wall_s", "memory_mb", "gpu_memory_mb"]
    assert list(jobs.columns) == names and [*jobs.itertuples(index=False)] == right
    (row,) = stage_table(jobs).to_dict("records")
    assert row == {
        "stage": "track",
        "jobs": 3,
        "cpu_s": 10.25,
        "wall_s": 20.0,
        "cpu_s_per_job": 3.25,
        "memory_mb": 290.0,
        "gpu_memory_mb": 1062.0,
    }


def test_cpu_time_and_the_peak_of_a_gpu_go_through_the_log_into_the_table(folder, monkeypatch):
    """A double stands for the GPU: there is none here."""
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        max_memory_allocated=lambda n: (n + 1) * 1500 * 2**20,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    log = folder / "logs" / "train" / "segment.log"
    log.parent.mkdir(parents=True)
    script = __file__.replace("tests/unit/experiment", "workflow_scripts")
    job = SimpleNamespace(log=[str(log)], input=[], params={})
    with job_log(job, script):
        logging.getLogger(__name__).info("at work")
    assert "GPU memory peak 3000 MB" in log.read_text()
    said = float(re.search(r"CPU time ([\d.]+) s", log.read_text())[1])
    assert 0 < said <= sum(os.times()[:4]) + 1000
    jobs = read_timings(folder / "benchmarks", folder / "logs").set_index("stage")
    assert jobs.cpu_s["train"] == said and set(jobs.cpu_s["track"]) == {3.0, 5.0}
    log.write_text("CPU time 40.00 s\nGPU memory peak 3000 MB\n")
    table = stage_table(read_timings(folder / "benchmarks", folder / "logs"))
    assert table.set_index("stage").gpu_memory_mb["train"] == 3000
    texts = [text.get_text() for text in stages_figure(table).axes[0].texts]
    assert texts == [" 1 job, 700 MB, GPU 3000 MB", " 2 jobs, 300 MB", " 1 job"]


def test_a_folder_without_benchmarks_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="run something first"):
        read_timings(tmp_path)


def test_a_table_of_an_earlier_run_comes_back_and_others_are_refused(folder):
    path = folder / "timings.csv"
    stage_table(read_timings(folder / "benchmarks")).to_csv(path, index=False)
    assert len(read_stages(path)) == 3
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="expected the columns"):
        read_stages(path)


SAID = """Building DAG of jobs...
Job stats:
job          count
---------  -------
track            6
score           18
total           24

"""
COSTS = pd.DataFrame(
    {"rule": ["track", "x"], "cpu_s": [600.0, 1], "disk_mb": [512.0, 1], "how": ["here", ""]}
)


def test_a_plan_is_jobs_times_unit_costs_and_says_what_it_leaves_out():
    jobs = planned_jobs(SAID)
    assert jobs == {"track": 6, "score": 18}
    table = plan_table(jobs, COSTS).set_index("rule")
    assert table.loc["track", ["jobs", "cpu_h", "disk_gb"]].tolist() == [6, 1.0, 3.0]
    assert table.gpu_h.isna().all() and np.isnan(table.cpu_h["score"])
    text = plan_text(plan_table(jobs, COSTS))
    assert "leave out 18 jobs without a measured cost: score." in text
    assert "not measured" in text and "here" in text


def test_a_plan_says_how_much_of_it_is_starting_jobs():
    text = plan_text(plan_table({"track": 1800, "x": 3600}, COSTS))
    assert "Of it 1.60 CPU h start" in text  # (1 800 of 2.2 s and 3 600 of 0.5 s)
    assert "they take 0.04." in text


def test_gpu_hours_are_cpu_hours_over_what_the_user_says_and_only_of_gpu_jobs():
    table = plan_table({"track": 6, "x": 3600}, COSTS, gpu_factor=10).set_index("rule")
    assert table.gpu_h["track"] == pytest.approx(0.1)
    assert np.isnan(table.gpu_h["x"]) and table.cpu_h["x"] == 1
    with pytest.raises(InputError, match="above 0"):
        plan_table({}, COSTS, gpu_factor=0)


def test_what_is_no_plan_is_an_error_with_its_words():
    assert planned_jobs("Nothing to be done (all requested files are present)") == {}
    with pytest.raises(InputError, match="unknown name 'flwo'"):
        planned_jobs("variants.x.trackers: unknown name 'flwo'")


def test_every_unit_cost_says_how_it_was_measured():
    costs = read_facts("unit_costs")
    assert not costs.duplicated(["rule", "backbone"]).any() and (costs.cpu_s > 0).all()
    assert costs.how.str.len().gt(20).all()
    for rule in GPU_RULES:
        assert set(costs.backbone[costs.rule == rule]) == {"vgg16", "mobilenet_v2", "slim"}


def test_networks_cost_what_their_backbone_costs_and_of_several_the_dearest_counts():
    costs = read_facts("unit_costs")
    slim = costs_with(costs, {"slim"}).set_index("rule")
    assert slim.index.is_unique and "score" in slim.index
    assert (slim.loc[list(GPU_RULES), "backbone"] == "slim").all()
    both = costs_with(costs, {"slim", "vgg16"}).set_index("rule")
    assert (both.loc[list(GPU_RULES), "backbone"] == "vgg16").all()
    assert "train" not in set(costs_with(costs, {"of another kind"}).rule)


def test_the_embedded_benchmark_is_planned_with_the_costs_of_its_small_network(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("architectures: {slim: {head: largefov}}")
    assert main(["plan", "--configfile", str(overlay), "--", "results/table2.csv"]) == 0
    said = capsys.readouterr().out
    assert "550 steps of 8 at 97 px" in said and "DeepLabv2-VGG16" not in said
