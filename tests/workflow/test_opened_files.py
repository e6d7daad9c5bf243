"""Whatever a script opens decides its result: it is an input, a digest, or the job's own.

One small run of every rule, under an audit hook in the process of each script (audit/).
"""

import ast
import json
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from loopback import serving
from published_networks import drawn

from masktrack_core.experiment.provenance import content_digests, reached_modules
from masktrack_core.files.io import write_frame, write_mask
from masktrack_core.networks.records import read_record
from masktrack_core.seeds import torch_generator

from .conftest import ROOT, Workflow

pytestmark = pytest.mark.slow

SCRIPTS = {path.stem: path for path in (ROOT / "workflow_scripts").glob("*.py")}
#: Below .snakemake: the script as it is run, and a place of packages that is looked for.
SNAKEMAKES = ("scripts/", "pip-deployments")
#: Opened beside inputs, outputs and digests: what of which rule, and why nothing goes stale.
OTHERWISE = {
    ("fetch", "data/archives"): "the download and its checksum, by a receipt that lies beside them",
    ("fetch_weights", "data/archives"): "the download, checked against the row's checksum",
    ("unpack", "data/archives"): "the download, whose checksum is in the receipt that is its input",
    ("timings", "results/benchmarks"): "what jobs cost so far; gathered when asked for",
    ("timings", "results/logs"): "the same",
    ("render_videos", "data/rendered_segtrack"): "what it has written, for the digest",
    ("render_stills", "data/rendered"): "the same",
    # Removed with the job's temporary folder, by names below it.
    ("track_command", "frames"): "laid out by the job for the command",
    ("track_command", "annotations"): "the same",
    ("track_command", "out"): "what the command answered",
}
#: Somebody else's tracker; -I: it is not watched.
TRACKER = ROOT / "examples" / "external_tracker" / "flow_tracker.py"
COMMAND = shlex.join([sys.executable, "-I", str(TRACKER)])
FOLDERS = "--frames {frames} --annotations {annotations} --out {out}"
TARGETS = (
    *(f"results/{name}.csv" for name in ("table2", "oracles", "table1", "losses")),
    *(
        f"results/{name}.pdf"
        for name in ("table1", "figure2", "figure3", "figure4", "figure5", "curves", "compared")
    ),
    *("results/compared_frames.pdf", "results/doubted.pdf", "results/swept_sweep.pdf"),
    "results/annotations/chosen/mine/bear/1.zip",
    "results/tracks/together/first/mine/bear.zip",
    *("results/deformed_masks.png", "results/index.html", "results/record.yaml"),
    *("results/networks/pretrained.safetensors", "results/export/rgb.safetensors"),
    "results/networks/taken.safetensors",
    "results/tracks/by_command/first/mine/bear/1.zip",
    "results/films/table2/mine/bear.mp4",
)


def overlay(folder, server):
    """Every rule once or twice: three frames of one sequence, four stills, one step of training."""
    methods = [
        {"method": "Theirs", "variant": "theirs"},
        {"method": "CRF", "variant": "masktrack_flow_crf"},
        {"method": "Box", "variant": "masktrack", "annotation": "first_box"},
    ]
    taken = [{"method": "Taken", "variant": "taken"}]
    sheet = {"datasets": ["mine"], "rows": methods[:1]}
    panel = {"title": "P", "variant": "theirs", "annotations": ["first"]}
    grid = {"bilateral_weight": [1], "bilateral_sxy": [6], "bilateral_srgb": [3]}
    weights = {"urls": [f"{server.base}/good/mobilenet_v2.pth"]}
    return {
        "archives": {"mine.zip": {"urls": [f"{server.base}/good/mine.zip"]}},
        "weights": {"published": weights},
        "stills": {"rendered": {"rendered": 4}, "of_video": {"datasets": ["mine"]}},
        "datasets": {
            "rendered_segtrack": {"only": ["sidewinder"]},
            "mine": {
                "title": "Mine",
                "layout": {
                    "frames": "frames/{sequence}/*.png",
                    "truth": "truth/{sequence}/{frame}.png",
                },
                "archives": ["mine.zip"],
                "table": str(folder / "mine.csv"),
                "development": ["bear"],
                "published": "davis2016",
                "attributes": "davis2016",
            },
        },
        "architectures": {
            "published": {"backbone": "mobilenet_v2", "head": "decoder", "pretrained": "published"}
        },
        "schedules": {
            "offline": {"iterations": 1, "batch_size": 2},
            "online": {"iterations": 1, "batch_size": 2},
        },
        "crf_searches": {"small": {"grid": grid | {"gaussian_weight": [1]}, "every": 3}},
        "networks": {
            "segment": {"stills": ["rendered", "of_video"], "input": "box"},
            "taken": {"file": "included:mask"},
            "pretrained": {
                "architecture": "published",
                "stills": ["rendered"],
                "deformation": "paper",
            },
        },
        "propagations": {"own": {"dilation_radius": 2}},
        "trackers": {
            "by_command": {"command": f"{COMMAND} {FOLDERS}", "files": [str(TRACKER)]},
            "taken": {"network": "taken", "propagation": "own"},
            "together": {"network": "taken", "propagation": "own", "objects": "together"},
        },
        "annotations": {
            "first_box": {"network": "segment"},
            "chosen": {"choose": "doubt", "variant": "taken", "count": 2},
        },
        "variants": {
            "theirs": {"masks": str(folder / "theirs.zip")},
            "taken": {"trackers": ["taken"]},
        },
        "tables": {
            "table2": {
                "datasets": ["mine"],
                "rows": methods,
                "measures": ["J", "J_recall", "T"],
                "published": ["bvs"],
            },
            "swept": {
                "datasets": ["mine"],
                "rows": taken,
                "sweep": {"propagations.own.dilation_radius": [1, 2]},
            },
            "oracles": {
                "datasets": ["rendered_segtrack"],
                "rows": [{"method": "Box", "variant": "box_oracle"}],
            },
        },
        "ablations": {"table1": {"dataset": "mine", "baseline": "Theirs", "rows": methods[:2]}},
        "figure2": {"frames": [{"dataset": "mine", "sequence": "bear", "t": 1}]},
        "deformed_masks": {"deformations": ["paper"], "count": 1},
        "figures": {
            "figure3": sheet,
            "figure4": {"datasets": ["mine"], "panels": [panel]},
            "figure5": sheet | {"published": [{"method": "BVS", "technique": "bvs"}]},
            "losses": {"networks": ["segment"]},
            "curves": {"kind": "curves", "datasets": ["mine"], "rows": methods[:1]},
            "compared": {"kind": "comparison", "datasets": ["mine"], "rows": methods[:2]},
            "doubted": {"kind": "doubt", "datasets": ["mine"], "rows": taken},
        },
        "page": {"tables": ["table2"], "figures": ["figure3"], "frames": 1},
    }


def lay_out(folder):
    """Write the archives that are offered, others' masks and the table of sequences."""
    for t in range(3):
        mask = np.zeros((48, 64), np.bool_)
        mask[12:30, 10 + 2 * t : 34 + 2 * t] = True
        frame = np.random.default_rng(t).integers(0, 99, (48, 64, 3), np.uint8)
        frame[mask] += 150
        write_frame(folder / f"mine/frames/bear/{t}.png", frame)
        write_mask(folder / f"mine/truth/bear/{t}.png", mask)
    shutil.make_archive(str(folder / "offered" / "mine"), "zip", folder / "mine")
    shutil.make_archive(str(folder / "theirs"), "zip", folder / "mine" / "truth")
    (folder / "mine.csv").write_text("sequence,object\nbear,1\n")
    weights = drawn(torch_generator(5)).state_dict()
    torch.save(weights, folder / "offered" / "mobilenet_v2.pth")


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The run's folder, and for each of its jobs what it declared and what it opened."""
    folder = tmp_path_factory.mktemp("opened")
    lay_out(folder)
    lists = folder / "lists"
    lists.mkdir()
    with serving(folder / "offered") as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKTRACK_TEST_OPENED", str(lists))
        patch.setenv("PYTHONPATH", f"{ROOT / 'tests' / 'workflow' / 'audit'}:{ROOT}")
        # Through JSON: YAML would write a row that occurs twice as one.
        config = json.loads(json.dumps(overlay(folder, server)))
        for targets in (TARGETS, ["results/timings.csv"]):  # it reads what the others cost
            # Forked jobs have no process that begins with the hook; what they open is the same.
            run = Workflow(folder, config | {"fork_jobs": False})("--cores", "2", *targets)
            assert run.status == 0, run.output[-5000:]
    jobs = [json.loads(path.read_text()) for path in sorted(lists.glob("*.job"))]
    files = [path.read_text().splitlines() for path in sorted(lists.glob("*.opened"))]
    return folder, list(zip(jobs, files, strict=True))


def test_every_rule_ran_and_its_job_was_watched(opened):
    _, jobs = opened
    assert {job["rule"] for job, _ in jobs} == set(SCRIPTS)
    assert all(len(files) > 20 for _, files in jobs)  # the modules alone are more


def listed(folder, inputs):
    """Return the files that the indexes among the inputs list, which hold their digests."""
    paths = set()
    for path in inputs:
        if path.endswith(".csv"):
            table = pd.read_csv(folder / path, dtype=str, keep_default_na=False)
            if "digest" in table:
                assert table.digest.str.fullmatch("[0-9a-f]{12}").all(), path
                for column in table.columns[table.columns.str.endswith("_path")]:
                    paths |= {str(folder / file) for file in table[column] if file}
    return paths


def allowed(folder, job, place):
    """Return whether a job says that it depends on a file, or the file is its own."""
    named = job["named"]
    own = [*job["input"], *job["output"], *job["log"], named["state"] or ""]
    if job["rule"].startswith("index_"):
        own.append(named["root"])  # by its input, or params.files
    own += [other for rule, other in OTHERWISE if rule == job["rule"]]
    if any(Path(place).is_relative_to(folder / path) for path in own if path):
        return True
    # Under another name first: an output, or the folder it stands in, is whole or not there.
    for path in map(Path, job["output"]):
        for parent in (path.parent, path.parent.parent):
            if Path(place).is_relative_to(folder / parent):
                name = Path(place).relative_to(folder / parent).parts[:1]
                if name and name[0].startswith((".partial-", f".{path.name}.")):
                    return True
    return False


def undeclared(folder, job, files):
    """Return what a job opened below the repository or the run's folder without saying so."""
    core, facts = ROOT / "masktrack_core", job["named"]["facts"] or {}
    reached = reached_modules(SCRIPTS[job["rule"]])
    modules = {core.joinpath(*name.split(".")).with_suffix(".py") for name in reached}
    modules |= set(core.rglob("__init__.py"))  # decide nothing: test below, and tests/house
    digests = listed(folder, job["input"])
    for place in files:
        path = source_of(place)
        if path.is_dir():  # to sync it
            continue
        if path.parent in (core / "facts", core / "pictures" / "page_files"):
            said = facts.get(path.name) == content_digests([path])[path.name]
        elif path.is_relative_to(core / "networks" / "trained"):
            said = job["named"]["source"]["digest"] == read_record(path).digest
        elif path.is_relative_to(core):
            said = path in modules
        elif path.is_relative_to(folder):
            snakemake = place.startswith(
                tuple(f"{folder}/.snakemake/{name}" for name in SNAKEMAKES)
            )
            said = snakemake or place in digests or allowed(folder, job, place)
        else:
            outside = [ROOT / ".venv", ROOT / "tests" / "workflow" / "audit"]
            outside += ROOT.glob("*.egg-info")  # what `pip install -e .` notes of the package
            said = not path.is_relative_to(ROOT) or any(map(path.is_relative_to, outside))
        if not said:
            yield f"{job['rule']}: {place}"


def source_of(place):
    """Return a path; of a compiled module, that of its source."""
    path = Path(place)
    if path.parent.name == "__pycache__":
        return path.parents[1] / f"{path.name.partition('.')[0]}.py"
    return path


def test_whatever_a_script_opens_is_an_input_a_digest_or_its_own(opened):
    folder, jobs = opened
    assert sorted({line for job in jobs for line in undeclared(folder, *job)}) == []


def test_the_package_itself_decides_nothing():
    """It only hands out names, which no script and no module takes from it (tests/house)."""
    tree = ast.parse((ROOT / "masktrack_core" / "__init__.py").read_text())
    text, *functions = tree.body
    assert isinstance(text, ast.Expr)
    assert [function.name for function in functions] == ["__getattr__", "__dir__"]
