"""What reruns after which change, by the job counts of dry runs (docs/decisions.md, design §4)."""

import copy
import os
import shutil
import subprocess
import time

import numpy as np
import pytest
import yaml

from masktrack_core.arrays import Size
from masktrack_core.experiment.provenance import commit
from masktrack_core.experiment.timings import read_timings
from masktrack_core.files.io import read_mask, write_frame, write_mask
from masktrack_core.rendered.layouts import write_stills

from .conftest import ROOT, SHORT, Workflow, edited_copy


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The short chain, run once for this module."""
    folder = tmp_path_factory.mktemp("finished")
    run = Workflow(folder, SHORT)("--cores", "2", "results/table2.csv")
    assert run.status == 0, run.output[-3000:]
    return folder


@pytest.fixture
def changed(finished):
    """Return the jobs that a changed configuration makes run."""

    def dry_run(change):
        overlay = copy.deepcopy(SHORT)
        change(overlay)
        run = Workflow(finished, overlay)("-n", "results/table2.csv")
        assert run.status == 0, run.output[-3000:]
        return run.jobs

    return dry_run


def test_nothing_reruns_when_nothing_changed(finished):
    run = Workflow(finished, SHORT)("--cores", "1", "results/table2.csv")
    assert "Nothing to be done" in run.output


def test_one_core_and_jobs_that_are_not_forked_give_the_same_bytes(finished, tmp_path):
    """Of one of the three data sets: its lines, with every digit, of all methods."""
    plain = SHORT | {"fork_jobs": False, "tables": {"table2": {"datasets": ["rendered_segtrack"]}}}
    run = Workflow(tmp_path, plain)("--cores", "1", "results/table2.csv")
    assert run.status == 0, run.output[-3000:]
    files = [folder / "results" / "table2_sequences.csv" for folder in (tmp_path, finished)]
    alone, together = (file.read_text().splitlines()[1:] for file in files)
    assert alone and alone == [line for line in together if ",rendered_segtrack," in line]


def test_benchmarks_of_forked_jobs_hold_all_that_they_used(finished):
    """Those of others miss their ends: Snakemake looks at once, and then every half second."""
    measured = read_timings(finished / "results" / "benchmarks")
    said = read_timings(finished / "results" / "benchmarks", finished / "results" / "logs")
    assert len(measured) == 82
    assert (measured.cpu_s >= said.cpu_s - 0.01).all()  # two digits
    assert (measured.memory_mb > 50).all()


def test_where_and_how_fast_jobs_run_reruns_nothing(changed):
    elsewhere = {"device": "cuda", "loader_workers": 0, "state_every_s": 7, "fork_jobs": False}
    assert changed(lambda config: config.update(elsewhere)) == {}


def test_a_threshold_of_a_variant_reruns_its_own_masks_and_scores(changed):
    jobs = changed(lambda config: config.update(variants={"masktrack": {"threshold": 0.4}}))
    assert jobs == {"segment": 6, "score": 6, "table": 1}


def test_one_more_variant_over_existing_tracks_runs_only_its_own(changed):
    rows = [*yaml.safe_load((ROOT / "config.yaml").read_text())["tables"]["table2"]["rows"]]
    rows.append({"method": "Cautious", "variant": "cautious"})

    def change(config):
        config["variants"] = {"cautious": {"trackers": ["rgb"], "threshold": 0.7}}
        config["tables"] = {"table2": {"rows": rows}}

    assert changed(change) == {"segment": 3, "score": 3, "table": 1}


def test_one_more_sequence_runs_only_that_sequence(changed):
    def change(config):
        config["datasets"]["rendered_davis"]["only"] = ["rally", "kite-gust"]

    jobs = changed(change)
    assert jobs.pop("table") == 1
    assert jobs == {
        "index_video": 1,
        "annotate": 1,
        "annotate_boxes": 1,
        "finetune": 3,
        "track": 4,
        "segment": 4,
        "oracle": 3,
        "score": 7,
    }


def test_a_propagation_parameter_does_not_finetune_again(changed):
    def change(config):
        config["propagations"] = {"paper": {"dilation_radius": 3}}
        config["annotations"] = {"first_box": {"propagation": "old"}}
        config["propagations"]["old"] = {"dilation_radius": 2}

    jobs = changed(change)
    assert "finetune" not in jobs and "train" not in jobs
    assert jobs["track"] == 9


def test_a_deformation_parameter_reruns_synthesis_training_and_what_follows(changed):
    jobs = changed(lambda config: config.update(deformations={"paper": {"shift": 0.2}}))
    assert jobs["deform"] == 1 and jobs["train"] == 2 and jobs["finetune"] == 6
    assert "oracle" not in jobs and "index_video" not in jobs


@pytest.fixture
def copied_code(finished, tmp_path):
    """Return the jobs that an edit of a core module makes run, on a copy of the project."""

    def dry_run(module, edit):
        snakefile = edited_copy(tmp_path, module, edit)
        workflow = Workflow(finished, SHORT)
        run = workflow("-n", "--snakefile", snakefile, "results/table2.csv")
        assert run.status == 0, run.output[-3000:]
        return run.jobs

    return dry_run


def test_a_comment_reruns_nothing(copied_code):
    assert copied_code("measures.metrics", lambda text: text + "\n# A remark.\n") == {}


def test_code_of_the_measures_reruns_scores_and_tables(copied_code):
    jobs = copied_code("measures.metrics", lambda text: text + "\nNEW = 1\n")
    assert jobs == {"score": 21, "table": 1}


def test_code_of_the_deformation_reruns_synthesis_training_finetuning_and_after(copied_code):
    jobs = copied_code("masks.deform", lambda text: text + "\nNEW = 1\n")
    assert jobs["deform"] == 1 and jobs["train"] == 2 and jobs["finetune"] == 9
    assert "oracle" not in jobs and "annotate" not in jobs and "render_videos" not in jobs


def test_code_of_the_crf_reruns_nothing_of_a_table_without_one(copied_code):
    assert copied_code("tracking.crf", lambda text: text + "\nNEW = 1\n") == {}


def test_code_of_propagation_reruns_tracks_and_after_but_trains_nothing(copied_code):
    jobs = copied_code("tracking.propagation", lambda text: text + "\nNEW = 1\n")
    assert jobs["track"] == 12 and "train" not in jobs and "deform" not in jobs
    assert "index_video" not in jobs and "oracle" not in jobs


def test_a_parameter_of_a_crf_reruns_only_the_variants_that_end_with_it(finished):
    def jobs(crfs):
        overlay = copy.deepcopy(SHORT)
        rows = [
            {"method": "CRF", "variant": "refined"},
            {"method": "No CRF", "variant": "masktrack"},
        ]
        overlay |= {"variants": {"refined": {"trackers": ["rgb"], "crf": "deeplab_v2_vgg16"}}}
        overlay |= {"tables": {"table2": {"rows": rows}}, "crfs": crfs}
        return Workflow(finished, overlay)("-n", "results/table2.csv").jobs

    assert jobs({}) == {"refine": 3, "score": 3, "table": 1}
    assert jobs({"deeplab_v2_vgg16": {"iterations": 3}}) == {"refine": 3, "score": 3, "table": 1}


def test_the_environment_and_threads_of_jobs_rerun_nothing(finished, tmp_path):
    snakefile = edited_copy(tmp_path, "errors", lambda text: text)
    environment = tmp_path / "project" / "envs" / "masktrack.yaml"
    environment.write_text(environment.read_text().replace("tqdm==", "tqdm>="))
    run = Workflow(finished, SHORT)("-n", "--snakefile", snakefile, "results/table2.csv")
    assert run.status == 0 and run.jobs == {}, run.output[-3000:]


def test_an_edited_script_reruns_its_rule_and_after_and_an_edit_undone_reruns_nothing(
    finished, tmp_path
):
    snakefile = edited_copy(tmp_path, "errors", lambda text: text)
    script = tmp_path / "project" / "workflow_scripts" / "score.py"
    times, text = script.stat(), script.read_text()
    # The digest alone is looked at: times are kept, as a checkout that was never edited has them.
    script.write_text(text + "\nNEW = 1\n")
    os.utime(script, ns=(times.st_atime_ns, times.st_mtime_ns))
    dry_run = ("-n", "--snakefile", snakefile, "results/table2.csv")
    assert Workflow(finished, SHORT)(*dry_run).jobs == {"score": 21, "table": 1}
    script.write_text(text)
    os.utime(script, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert Workflow(finished, SHORT)(*dry_run).jobs == {}


def test_new_times_of_scripts_and_of_the_whole_checkout_rerun_nothing(finished, tmp_path):
    """A branch switched and back, a fresh clone beside old results: what is read is the same."""
    snakefile = edited_copy(tmp_path, "errors", lambda text: text)
    dry_run = ("-n", "--snakefile", snakefile, "results/table2.csv")
    script = tmp_path / "project" / "workflow_scripts" / "score.py"
    script.touch()
    assert Workflow(finished, SHORT)(*dry_run).jobs == {}
    text = script.read_text()
    script.write_text(text + "\nNEW = 1\n")
    assert Workflow(finished, SHORT)(*dry_run).jobs == {"score": 21, "table": 1}
    script.write_text(text)
    assert Workflow(finished, SHORT)(*dry_run).jobs == {}
    for path in (tmp_path / "project").rglob("*.*"):
        path.touch()
    run = Workflow(finished, SHORT)(*dry_run)
    assert run.status == 0 and run.jobs == {}, run.output[-3000:]


def test_results_and_data_that_are_copied_in_with_new_times_rerun_nothing(finished, tmp_path):
    """In the worst order: what was made first is the newest. Networks here are just above 1 MB."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    files = [p for part in ("data", "results") for p in (folder / part).rglob("*") if p.is_file()]
    files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    now = time.time()
    for place, path in enumerate(files):
        os.utime(path, (now + place / 100, now + place / 100))
    workflow = Workflow(folder, SHORT)
    run = workflow("-n", "results/table2.csv")
    assert run.status == 0 and run.jobs == {}, run.output[-3000:]
    # The digest decides: of masks that were made again, and are others, the scores are too.
    (digest,) = (folder / "results/masks/masktrack/first/rendered_davis").glob("*/1.sha256")
    digest.write_text("of other masks\n")
    os.utime(digest, (now + len(files), now + len(files)))
    assert workflow("-n", "results/table2.csv").jobs == {"score": 1, "table": 1}
    digest.with_suffix("").rename(folder / "elsewhere")
    again = workflow("-n", "results/table2.csv").jobs
    assert again == {"segment": 1, "score": 1, "table": 1}
    limited = workflow("-n", "--max-checksum-file-size", "1MB", "results/table2.csv").jobs
    assert limited["finetune"] == 9 and limited["track"] == 12


def test_finetuned_networks_that_are_not_kept_are_made_again_for_a_propagation(finished, tmp_path):
    """The other way round is `test_a_propagation_parameter_does_not_finetune_again`."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    overlay = copy.deepcopy(SHORT) | {"keep_finetuned": False}
    assert Workflow(folder, overlay)("-n", "results/table2.csv").jobs == {}
    for network in (folder / "results" / "finetuned").rglob("*.safetensors"):
        network.unlink()  # as Snakemake does once all that need it are done
    assert Workflow(folder, overlay)("-n", "results/table2.csv").jobs == {}
    overlay["propagations"] = {"paper": {"dilation_radius": 3}, "old": {"dilation_radius": 2}}
    overlay["annotations"] = {"first_box": {"propagation": "old"}}
    jobs = Workflow(folder, overlay)("-n", "results/table2.csv").jobs
    assert jobs["finetune"] == 6 and jobs["track"] == 9 and "train" not in jobs


# --- what decides and is no parameter: stills on disk, published tables, the commit


def test_a_redrawn_mask_and_a_still_more_rerun_index_synthesis_training_and_after(tmp_path):
    root, overlay = tmp_path / "my stills", copy.deepcopy(SHORT)
    write_stills(root, 3, size=Size(40, 60), seed=1)
    overlay["stills"] = {"mine": {"layout": "ecssd", "root": str(root)}}
    overlay["networks"] = {"segment": {"stills": ["mine"]}}
    overlay["schedules"]["offline"]["iterations"] = 1
    workflow = Workflow(tmp_path, overlay)
    target = "results/networks/segment.safetensors"
    run = workflow("--cores", "2", target)
    assert run.status == 0, run.output[-3000:]
    mask = next(iter(sorted((root / "ground_truth_mask").iterdir())))
    write_mask(mask, ~read_mask(mask))
    for kind in ("images", "ground_truth_mask"):
        old = next(iter(sorted((root / kind).iterdir())))
        shutil.copy(old, old.with_name(f"one_more{old.suffix}"))
    after = {"index_stills": 1, "deform": 1, "train": 1}
    assert workflow("-n", target).jobs == after
    # An index that was made again alone, as before an interruption, hides nothing.
    mask_alone = {"deform": 1, "train": 1}
    assert workflow("--cores", "1", "results/stills/mine.csv").status == 0
    assert workflow("-n", target).jobs == mask_alone
    deformed = tmp_path / "results" / "deformed" / "paper" / "mine.zip"
    assert workflow("--cores", "1", "--touch", str(deformed.relative_to(tmp_path))).status == 0
    refused = workflow("--cores", "1", target)
    assert refused.status != 0 and "expected masks deformed from the stills" in refused.output


def test_a_redrawn_truth_reruns_what_follows_though_its_index_was_made_alone(tmp_path):
    root, overlay = tmp_path / "set", copy.deepcopy(SHORT)
    for t in range(3):
        write_frame(root / f"frames/walk/{t}.png", np.full((40, 60, 3), 9 * t, np.uint8))
        write_mask(root / f"truth/walk/{t}.png", np.eye(40, 60, dtype=np.bool_))
    layout = {"frames": "frames/{sequence}/*.png", "truth": "truth/{sequence}/{frame}.png"}
    rows = [{"method": "Box oracle", "variant": "box_oracle"}]
    overlay["datasets"]["mine"] = {"title": "M", "layout": layout, "root": str(root)}
    overlay["tables"] = {"mine": {"datasets": ["mine"], "rows": rows}}
    workflow = Workflow(tmp_path, overlay)
    assert workflow("--cores", "1", "results/mine.csv").status == 0
    write_mask(root / "truth/walk/1.png", np.eye(40, 60, 5, dtype=np.bool_))
    after = {"annotate": 1, "oracle": 1, "score": 1, "table": 1}
    assert workflow("-n", "results/mine.csv").jobs == {"index_video": 1} | after
    assert workflow("--cores", "1", "results/index/mine/walk.csv").status == 0
    assert workflow("-n", "results/mine.csv").jobs == after


def test_a_published_number_that_changed_makes_its_table_again(finished, tmp_path):
    snakefile = edited_copy(tmp_path, "errors", lambda text: text)
    path = tmp_path / "project" / "masktrack_core" / "facts" / "published_table2.csv"
    text = path.read_text()
    assert "74.8" in text
    path.write_text(text.replace("74.8", "99.9"))
    run = Workflow(finished, SHORT)("-n", "--snakefile", snakefile, "results/table2.csv")
    assert run.jobs == {"table": 1}, run.output[-3000:]


def test_another_commit_writes_the_record_again(tmp_path):
    workflow = Workflow(tmp_path, SHORT)
    assert workflow("--cores", "1", "results/record.yaml").status == 0
    record = yaml.safe_load((tmp_path / "results" / "record.yaml").read_text())["record"]
    assert record["commit"] == commit()
    assert workflow("-n", "results/record.yaml").jobs == {}
    snakefile = edited_copy(tmp_path, "errors", lambda text: text)
    git = ["git", "-C", str(tmp_path / "project"), "-c", "user.name=x", "-c", "user.email=x@y"]
    for arguments in (["init"], ["commit", "--allow-empty", "-m", "another"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    assert workflow("-n", "--snakefile", snakefile, "results/record.yaml").jobs == {"record": 1}
