"""Data sets by entry: the paper's, downloaded ones, and what a wrong entry says."""

import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from loopback import serving
from PIL import Image

from masktrack_core.arrays import Size
from masktrack_core.rendered.clips import VIDEO_SETS
from masktrack_core.rendered.layouts import write_stills, write_video_set

from .conftest import ROOT, Workflow

CLIPS = {"davis": "rally", "youtube_objects": "car-0001-001", "segtrack_v2": "sidewinder"}


# --- the paper's sets


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """The jobs of the paper's experiment, planned in an empty folder without a network."""
    overlay = yaml.safe_load((ROOT / "paper.yaml").read_text())
    run = Workflow(tmp_path_factory.mktemp("paper"), overlay)("-n", "results/paper/table2.csv")
    assert run.status == 0, run.output[-3000:]
    return run.jobs


def test_the_papers_experiment_is_planned_before_a_byte_is_downloaded(planned):
    assert planned["fetch"] == 8 and planned["fetch_weights"] == 1
    assert planned["unpack"] == 7 and planned["index_stills"] == 4
    assert planned["index_video"] == 50 + 124 + 14
    assert planned["annotate"] == 50 + 124 + 24
    assert planned["train"] == 2


# --- downloaded sets


def zip_folder(path, root, top="", only=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob(f"{only}*/**/*" if only else "*")):
            if file.is_file():
                archive.write(file, f"{top}{file.relative_to(root).as_posix()}")


def salobj(root):
    """Lay stills as the owners of PASCAL-S do."""
    for kind, old in (("imgs", "images"), ("masks", "ground_truth_mask")):
        folder = root / "datasets" / kind
        folder.mkdir(parents=True)
        (root / old).rename(folder / "pascal")
        (folder / "bruce").mkdir()
        (folder / "bruce" / "1.txt").write_text("another set")


def two_folders(root, images, masks):
    for old, new in (("images", images), ("ground_truth_mask", masks)):
        (root / new).mkdir(parents=True, exist_ok=True)
        for file in (root / old).iterdir():
            file.rename(root / new / file.name)
        (root / old).rmdir()


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    """A folder of archives, made by the renderer in every original layout."""
    made, offered = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("offered")
    with pytest.MonkeyPatch.context() as patch:
        few = {
            layout: tuple(clip for clip in VIDEO_SETS[layout] if clip.name == name)
            for layout, name in CLIPS.items()
        }
        patch.setattr("masktrack_core.rendered.layouts.VIDEO_SETS", few)
        for layout in CLIPS:
            write_video_set(made / layout, layout, seed=1)
    for name in ("ecssd", "msra10k", "sod", "salobj"):
        write_stills(made / name, 3, size=Size(40, 60), seed=1)
    two_folders(made / "msra10k", "Imgs", "Imgs")
    two_folders(made / "sod", "Imgs", "GT")
    salobj(made / "salobj")
    zip_folder(offered / "DAVIS-data.zip", made / "davis", top="DAVIS/")
    zip_folder(offered / "SegTrackv2.zip", made / "segtrack_v2", top="SegTrackv2/")
    with tarfile.open(offered / "youtube_masks.tar.gz", "w:gz") as archive:
        archive.add(made / "youtube_objects" / "youtube_masks", "youtube_masks")
    zip_folder(offered / "ECSSD-images.zip", made / "ecssd", only="images")
    zip_folder(offered / "ECSSD-masks.zip", made / "ecssd", only="ground_truth_mask")
    zip_folder(offered / "MSRA10K.zip", made / "msra10k", top="MSRA10K_Imgs_GT/")
    zip_folder(offered / "SOD.zip", made / "sod", top="SOD/")
    zip_folder(offered / "salObj.zip", made / "salobj")
    return offered


FAULTS = {
    "DAVIS-data.zip": ["absent", "breaks_once"],
    "SegTrackv2.zip": ["moved"],
    "youtube_masks.tar.gz": ["page", "good"],
    "ECSSD-images.zip": ["garbage", "good"],
    "ECSSD-masks.zip": ["good"],
    "MSRA10K.zip": ["lies", "good"],
    "SOD.zip": ["good"],
    "salObj.zip": ["good"],
}
STILLS = {
    "ecssd": {"layout": "ecssd", "archives": ["ECSSD-images.zip", "ECSSD-masks.zip"]},
    "msra10k": {"layout": "msra10k", "archives": ["MSRA10K.zip"]},
    "sod": {"layout": "sod", "archives": ["SOD.zip"]},
    "pascal_s": {"layout": "salobj", "archives": ["salObj.zip"]},
}
SETS = {
    "davis2016": ("davis", "DAVIS-data.zip"),
    "youtube_objects": ("youtube_objects", "youtube_masks.tar.gz"),
    "segtrack_v2": ("segtrack_v2", "SegTrackv2.zip"),
}


def downloaded(folder, base):
    """Return the entries of sets that come from ``base``, with their lists of sequences."""
    datasets = {}
    for name, (layout, archive) in SETS.items():
        clip = next(clip for clip in VIDEO_SETS[layout] if clip.name == CLIPS[layout])
        rows = "".join(f"{clip.name},{number}\r\n" for number in clip.objects)
        (folder / f"{name}.csv").write_bytes(f"\ufeffsequence,object\r\n{rows}".encode())
        row = {"title": name, "layout": layout, "archives": [archive], "table": f"{name}.csv"}
        datasets[name] = row
    return {
        "archives": {
            name: {"urls": [f"{base}/{how}/{name}" for how in faults]}
            for name, faults in FAULTS.items()
        },
        "stills": STILLS,
        "datasets": datasets,
        "tables": {
            "boxes": {
                "datasets": list(SETS),
                "rows": [{"method": "Box oracle", "variant": "box_oracle"}],
            }
        },
    }


TARGETS = ("results/boxes.csv", *(f"results/stills/{name}.csv" for name in STILLS))


@pytest.fixture(scope="module")
def arrived(offered, tmp_path_factory):
    """Every set of the paper downloaded through faults, and scored."""
    folder = tmp_path_factory.mktemp("arrived")
    with serving(offered) as server:
        workflow = Workflow(folder, downloaded(folder, server.base))
        run = workflow("--cores", "2", *TARGETS)
        assert run.status == 0, run.output[-3000:]
        yield workflow, list(server.asked)


def test_every_original_layout_arrives_through_faults_and_is_scored(arrived):
    workflow, _ = arrived
    table = pd.read_csv(workflow.folder / "results" / "boxes.csv").set_index("method")
    assert ((table[list(SETS)] > 20) & (table[list(SETS)] < 100)).all(axis=None)
    for name in STILLS:
        assert len(pd.read_csv(workflow.folder / "results" / "stills" / f"{name}.csv")) == 3


def test_a_broken_download_went_on_where_it_was_and_mirrors_were_tried_in_turn(arrived):
    _, asked = arrived
    assert [how for how, name, _ in asked if name == "DAVIS-data.zip"] == [
        "absent",
        *["breaks_once"] * 2,
    ]
    assert any(name == "DAVIS-data.zip" and start for _, name, start in asked)
    assert {how for how, _, _ in asked} == {how for faults in FAULTS.values() for how in faults}


def test_nothing_half_done_is_left_and_checksums_are_recorded(arrived):
    workflow, _ = arrived
    archives = {path.name for path in (workflow.folder / "data" / "archives").iterdir()}
    expected = {f"{name}{end}" for name in FAULTS for end in ("", ".sha256", ".receipt")}
    assert archives == expected
    assert not list((workflow.folder / "data").glob(".partial*"))


def test_nothing_is_downloaded_again_without_results(arrived):
    workflow, _ = arrived
    assert workflow("-n", *TARGETS).jobs == {}
    run = workflow("-n", "--forcerun", "fetch", "--", *TARGETS)
    assert run.jobs == {"fetch": 8}  # checks what is there; nothing after it


def test_a_set_on_disk_and_its_downloaded_copy_have_one_score(arrived, tmp_path):
    workflow, _ = arrived
    table = pd.read_csv(workflow.folder / "results" / "boxes.csv").set_index("method")
    root = workflow.folder / "data" / "segtrack_v2"
    overlay = {
        "datasets": {"mine": {"title": "M", "layout": "segtrack_v2", "root": str(root)}},
        "tables": {
            "mine": {"datasets": ["mine"], "rows": [{"method": "B", "variant": "box_oracle"}]}
        },
    }
    assert Workflow(tmp_path, overlay)("--cores", "1", "results/mine.csv").status == 0
    mine = pd.read_csv(tmp_path / "results" / "mine.csv")
    assert mine["mine"].tolist() == table["segtrack_v2"].dropna().tolist()


# --- what a wrong entry or a wrong archive says


def fails(workflow, *arguments):
    run = workflow(*arguments)
    assert run.status != 0, run.output[-3000:]
    return run.output


def test_a_wrong_archive_is_named_and_nothing_is_unpacked(tmp_path, offered):
    with serving(offered) as server:
        overlay = downloaded(tmp_path, server.base)
        overlay["stills"]["sod"] = {"layout": "sod", "archives": ["SegTrackv2.zip"]}
        workflow = Workflow(tmp_path, overlay)
        message = fails(workflow, "--cores", "1", "results/stills/sod.csv")
    overlay["stills"]["sod"] = {"layout": "sod", "archives": ["SOD.zip"]}
    assert "expected files at Imgs/{name}.jpg in the archives" in message
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["archives"]


def test_a_set_that_needs_a_registration_says_where_its_file_belongs(tmp_path):
    overlay = yaml.safe_load((ROOT / "paper.yaml").read_text()) | {"results": "results"}
    workflow = Workflow(tmp_path, overlay)
    message = fails(workflow, "--cores", "1", "data/archives/youtube_masks.tar.gz.receipt")
    assert "expected the file at data/archives/youtube_masks.tar.gz" in message
    assert "Register at http" in message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "datasets.mine: expected exactly one of root"),
        ({"root": "x", "rendered": "davis"}, "got ['root', 'rendered']"),
        ({"archives": ["a.zip"]}, "datasets.mine.table: expected a table of the sequences"),
        ({"archives": ["b.zip"], "table": "davis2016"}, "unknown name 'b.zip'"),
        ({"archives": ["a.zip"], "table": "lost.csv"}, "lost.csv: expected a CSV file"),
        ({"archives": ["a.zip"], "table": "davis2016", "split": "test"}, "datasets.mine.split"),
        ({"root": ".", "layout": {"frames": "*/a.jpg"}}, "layout: expected a path below the root"),
        ({"root": ".", "layout": {"frame": "{frame}.jpg"}}, "frame"),
    ],
)
def test_a_wrong_entry_is_named_before_anything_runs(tmp_path, row, message):
    overlay = {
        "archives": {"a.zip": {"urls": ["http://127.0.0.1:9/a.zip"]}},
        "datasets": {"mine": {"title": "M", "layout": "davis"} | row},
    }
    assert message in fails(Workflow(tmp_path, overlay), "-n", "results/table2.csv")


def test_a_split_of_a_table_keeps_its_sequences(tmp_path):
    mine = {"title": "D", "layout": "davis", "archives": ["a.zip"], "table": "davis2016"}
    rows = [{"method": "Box oracle", "variant": "box_oracle"}]
    overlay = {
        "archives": {"a.zip": {"urls": ["http://127.0.0.1:9/a.zip"]}},
        "datasets": {"mine": mine | {"split": "val"}},
        "tables": {"mine": {"datasets": ["mine"], "rows": rows}},
    }
    assert Workflow(tmp_path, overlay)("-n", "results/mine.csv").jobs["index_video"] == 20


# --- adding one sequence to a set on disk


def write_clip(root, name, shift=0):
    for t in range(3):
        picture = np.random.default_rng(t).integers(0, 255, (40, 60, 3), np.uint8)
        mask = np.zeros((40, 60), np.uint8)
        mask[10:20, 5 + t + shift : 25 + t] = 255
        for folder, array, suffix in (("frames", picture, "jpg"), ("masks", mask, "png")):
            path = root / folder / name / f"{t}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)


def test_one_more_sequence_on_disk_reruns_only_that_sequence(tmp_path):
    root = tmp_path / "ünsere Daten"
    for name in ("one", "two"):
        write_clip(root, name)
    layout = {"frames": "frames/{sequence}/*.jpg", "truth": "masks/{sequence}/{frame}.png"}
    rows = [{"method": "Box oracle", "variant": "box_oracle"}]
    overlay = {
        "datasets": {"mine": {"title": "M", "layout": layout, "root": str(root)}},
        "tables": {"mine": {"datasets": ["mine"], "rows": rows}},
    }
    workflow = Workflow(tmp_path, overlay)
    run = workflow("--cores", "2", "results/mine.csv")
    assert run.status == 0, run.output[-3000:]
    write_clip(root, "and a third")
    expected = {"index_video": 1, "annotate": 1, "oracle": 1, "score": 1, "table": 1}
    assert workflow("-n", "results/mine.csv").jobs == expected


# --- somebody else's masks, by address


@pytest.mark.parametrize("source", ["address", "addresses", "row"])
def test_masks_of_others_are_downloaded_checked_and_scored(tmp_path, source):
    root = tmp_path / "mine"
    write_clip(root, "one")
    zip_folder(tmp_path / "theirs.zip", root / "masks", top="theirs/")
    layout = {"frames": "frames/{sequence}/*.jpg", "truth": "masks/{sequence}/{frame}.png"}
    with serving(tmp_path) as server:
        good, bad = (f"{server.base}/{how}/theirs.zip" for how in ("breaks_once", "page"))
        masks = {"address": good, "addresses": [bad, good], "row": "their-masks.zip"}[source]
        overlay = {
            "archives": {"their-masks.zip": {"urls": [good]}},
            "datasets": {"mine": {"title": "M", "layout": layout, "root": str(root)}},
            "variants": {"theirs": {"masks": masks}},
            "tables": {"t": {"datasets": ["mine"], "rows": [{"method": "T", "variant": "theirs"}]}},
        }
        workflow = Workflow(tmp_path, overlay)
        run = workflow("--cores", "1", "results/t.csv")
        assert run.status == 0, run.output[-3000:]
    assert pd.read_csv(tmp_path / "results" / "t.csv").mine.tolist() == [100]
    name = "their-masks.zip" if source == "row" else "theirs-theirs.zip"
    assert (tmp_path / "data" / "archives" / f"{name}.sha256").is_file()
    assert workflow("-n", "results/t.csv").jobs == {}


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ("http://host/page.html", "variants.theirs.masks: expected the address of a zip"),
        ("nowhere", "variants.theirs.masks: expected a folder or a zip archive"),
        ("nowhere.zip", "'nowhere.zip' does not exist"),
    ],
)
def test_masks_from_nowhere_are_named_before_anything_runs(tmp_path, masks, message):
    workflow = Workflow(tmp_path, {"variants": {"theirs": {"masks": masks}}})
    assert message in fails(workflow, "-n", "results/table2.csv")
