"""A network that comes as a file: taken, checked, used as it says, in tables like any other."""

import copy
import csv
import hashlib
import os

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from loopback import serving
from PIL import Image

from masktrack_core.commands.cli import main
from masktrack_core.experiment.usage import USAGE, read_usage, usage_record
from masktrack_core.files.io import write_mask
from masktrack_core.networks.included import included_network
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import load_network, save_weights

from .conftest import ROOT, Workflow

SIZE = (40, 56)
ROWS = {
    "schedule": {"iterations": 2, "batch_size": 2, "learning_rate": 0.001},
    "crop": {"size": 33},
    "augmentation": {"scale": [0.9, 1.1]},
    "deformation": {"dilation_radius": 1},
}


def network(path, prior="mask", seed=3):
    """Write a network of random weights that says how it is used."""
    said = {"dilation_radius": 1, "threshold": 0.4, "region": 2.0, "region_size": 33}
    spec = NetworkSpec(backbone="slim", head="decoder", prior=prior)
    drawn = build_network(spec, generator=torch.Generator().manual_seed(seed))
    numbers = {"samples": 4, "offline_share": 0.25}
    save_weights(path, drawn, {USAGE: usage_record(said, numbers, ROWS, "nothing"), "seed": "9"})
    return path


def configuration(folder, **files):
    """The example of one sequence of three frames on disk, with other files for its networks."""
    overlay = yaml.safe_load((ROOT / "examples" / "released_on_your_data.yaml").read_text())
    overlay["datasets"]["yours"]["root"] = str(folder / "set")
    overlay |= {"results": "results", "figures": {"figure5": {"datasets": ["yours"]}}}
    for name, file in files.items():
        overlay["networks"][name] |= file
    return overlay


def example(folder):
    """The example on such a set, with a small network on disk in place of the included ones."""
    for t in range(3):
        frame = np.random.default_rng(t).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        truth = np.zeros(SIZE, bool)
        truth[10:25, 10 + t : 30 + t] = True
        path = folder / f"set/JPEGImages/480p/walk/{t:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(frame).save(path)
        write_mask(folder / f"set/Annotations/480p/walk/{t:05d}.png", truth)
    mask = network(folder / "mask.safetensors")
    box = network(folder / "box.safetensors", "box")
    files = {"released_network": {"file": str(mask)}, "released_box": {"file": str(box)}}
    return Workflow(folder, configuration(folder, **files))


@pytest.fixture
def on_disk(tmp_path):
    return example(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The example, run."""
    workflow = example(tmp_path_factory.mktemp("released"))
    run = workflow("--cores", "1", *TARGETS)
    assert run.status == 0, run.output[-3000:]
    workflow.jobs = run.jobs
    return workflow


TABLE = "results/released.csv"


TARGETS = (TABLE, "results/export/as_released.safetensors", "results/record.yaml")


@pytest.mark.slow
def test_a_file_is_taken_into_tables_records_and_exports_without_training(finished):
    assert finished.jobs["take_network"] == 3  # two of its own, and config.yaml's in the record
    assert "train" not in finished.jobs and "deform" not in finished.jobs
    assert len(pd.read_csv(finished.folder / TABLE)) == 4
    given = (finished.folder / "mask.safetensors").read_bytes()
    taken = finished.folder / "results/networks/released_network.safetensors"
    assert taken.read_bytes() == given
    record = yaml.safe_load((finished.folder / "results/record.yaml").read_text())
    said = record["networks"]["released_network"]
    assert said["trained_on"] == "nothing" and said["spec"]["backbone"] == "slim"
    assert said["record"]["seed"] == "9"
    assert said["record"]["usage"]["propagation"]["threshold"] == 0.4
    _, exported = load_network(finished.folder / "results/export/as_released.safetensors")
    assert read_usage(exported) == read_usage(load_network(taken)[1])
    assert finished("-n", *TARGETS).jobs == {}


@pytest.mark.slow
def test_another_file_reruns_what_depends_on_it_and_its_time_nothing(finished):
    path = finished.folder / "mask.safetensors"
    before = path.read_bytes()
    os.utime(path, (2_000_000_000, 2_000_000_000))
    assert finished("-n", TABLE).jobs == {}
    try:
        network(path, seed=4)
        changed = {"take_network": 1, "finetune": 2, "track": 3, "segment": 3, "score": 3}
        assert finished("-n", TABLE).jobs == changed | {"table": 1}
    finally:
        path.write_bytes(before)


@pytest.mark.slow
def test_a_tracker_says_itself_what_the_file_says_otherwise(on_disk):
    rows = on_disk.overlay
    rows["propagations"] = {"own": {"dilation_radius": 3}}
    rows["schedules"] = {"own": {"iterations": 3, "batch_size": 1}}
    rows["finetunings"]["own"] = {"schedule": "own"}
    rows["trackers"]["own"] = {
        "network": "released_network",
        "finetuning": "own",
        "propagation": "own",
    }
    run = on_disk("--cores", "1", "results/export/own.safetensors")
    assert run.status == 0, run.output[-3000:]
    usage = read_usage(load_network(on_disk.folder / "results/export/own.safetensors")[1])
    assert usage.propagation.dilation_radius == 3 and usage.propagation.region is None
    assert usage.finetuning.schedule.iterations == 3
    assert usage.finetuning.examples.crop.size == 33 and usage.finetuning.offline_share == 0.25


def damaged(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_file_is_named_by_the_job_that_takes_it(on_disk):
    damaged(on_disk.folder / "mask.safetensors")
    run = on_disk("--cores", "1", "results/networks/released_network.safetensors")
    assert run.status != 0
    assert "mask.safetensors: expected the tensors as they were written" in run.output


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"fil": "a"}, "networks.released_network: Additional properties are not allowed ('fil'"),
        ({"file": "included:box"}, "networks.released_network.file: expected a network that is sh"),
        ({"file": "https://a/b.safetensors"}, "networks.released_network.sha256: expected the SHA"),
    ],
)
def test_a_wrong_row_stops_at_the_start_in_one_line(on_disk, row, words):
    on_disk.overlay["networks"]["released_network"] |= row
    run = on_disk("-n", TABLE)
    assert run.status != 0 and words in run.output
    assert len(run.output.splitlines()) < 8


@pytest.mark.slow
def test_an_address_is_downloaded_once_and_checked(on_disk, tmp_path):
    sha256 = hashlib.sha256((tmp_path / "mask.safetensors").read_bytes()).hexdigest()
    with serving(tmp_path) as server:
        row = {"file": f"{server.base}/breaks_once/mask.safetensors", "sha256": sha256}
        on_disk.overlay["networks"]["released_network"] = row
        target = "results/masks/as_released_no_online/first/yours/walk/1"
        run = on_disk("--cores", "1", target)
        assert run.status == 0, run.output[-3000:]
        assert run.jobs["fetch"] == 1 and run.jobs["take_network"] == 1
        assert on_disk("-n", target).jobs == {}
        row["sha256"] = "0" * 64
        run = on_disk("--cores", "1", target)
        assert run.status != 0 and "mask.safetensors" in run.output and "00000000" in run.output


# ---- On real DAVIS: the table says what the commands say, digit for digit ----------------------

SEQUENCES = os.environ.get("MASKTRACK_SEQUENCES", "surf,swing").split(",")
STEPS = os.environ.get("MASKTRACK_STEPS", "2")  # of fine-tuning; "file": as many as the file says


def scores_of_commands(real, folder, sequence, *options):
    """Return J and F of every frame by `masktrack segment` and `masktrack score`."""
    frames = real / "DAVIS" / "JPEGImages" / "480p" / sequence
    truth = real / "DAVIS" / "Annotations" / "480p" / sequence
    command = ["segment", str(frames), "--first", str(truth / "00000.png"), "--out"]
    command += [str(folder / "masks" / sequence), "--threads", "1", "--device", "cpu"]
    assert main([*command, "--seed", "1", *options]) == 0
    arguments = [str(real / "DAVIS"), str(folder / "masks"), "--temporal", "none", "--jobs", "1"]
    assert main(["score", *arguments, "--out", str(folder / "scores")]) == 0
    with (folder / "scores" / "per_frame.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["sequence"] == sequence]
    return {row["frame"]: (float(row["J"]), float(row["F"])) for row in rows}


@pytest.mark.real
@pytest.mark.slow
def test_the_table_equals_the_commands_on_real_davis_digit_for_digit(real, tmp_path):
    overlay = yaml.safe_load((ROOT / "examples" / "released_on_your_data.yaml").read_text())
    overlay["datasets"]["yours"] |= {"root": str(real / "DAVIS"), "only": SEQUENCES}
    overlay |= {"seed": 1, "results": "results", "device": "cpu"}
    options = {"as_released_no_online": ["--no-finetune", "--no-guard"], "as_released": []}
    if STEPS != "file":
        said = read_usage(load_network(included_network("mask"))[1]).finetuning.schedule
        few = copy.deepcopy(vars(said)) | {"iterations": int(STEPS)}
        overlay["schedules"] = {"few": few}
        overlay["finetunings"]["as_released"] = {"schedule": "few"}
        options["as_released"] = ["--iterations", STEPS]
    rows = overlay["tables"]["released"]["rows"]
    overlay["tables"]["released"]["rows"] = [row for row in rows if "annotation" not in row]
    run = Workflow(tmp_path, overlay)("--cores", "1", TABLE)
    assert run.status == 0, run.output[-3000:]
    table = pd.read_csv(tmp_path / "results/released_sequences.csv").set_index(
        ["method", "sequence"]
    )
    methods = {row["variant"]: row["method"] for row in rows if "annotation" not in row}
    for variant, given in options.items():
        for sequence in SEQUENCES:
            expected = scores_of_commands(real, tmp_path / variant, sequence, *given)
            place = f"results/scores/{variant}/first/yours/{sequence}/1.csv"
            found = pd.read_csv(tmp_path / place, dtype={"frame": str})
            found = found[found.scored].set_index("frame")
            assert list(found.index) == list(expected)
            pairs = zip(found[["J", "F"]].itertuples(index=False), expected.values(), strict=True)
            assert all(tuple(ours) == theirs for ours, theirs in pairs), (variant, sequence)
            mean = 100 * np.mean([j for j, _ in expected.values()])
            assert table.J[methods[variant], sequence] == pytest.approx(mean, abs=5e-5)
