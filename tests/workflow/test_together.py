"""A tracker that follows the objects of a sequence side by side: one job, one archive."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from plans import Plans, default_config

from masktrack_core.datasets.videos import FrameFolder
from masktrack_core.errors import InputError
from masktrack_core.experiment.flat_config import laid_over
from masktrack_core.experiment.recipes import read_recipes
from masktrack_core.experiment.usage import USAGE, finetuning_of, usage_record
from masktrack_core.files import io
from masktrack_core.files.archives import frame_key, read_annotations, read_track
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.records import read_record
from masktrack_core.networks.weights import continue_network, load_network, save_weights
from masktrack_core.tracking.segmentation import finetune_shared
from masktrack_core.training.examples import StillExamples
from masktrack_core.training.loop import TrainParams, train
from masktrack_core.training.stills import open_stills

from .conftest import ROOT, Workflow

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = (40, 60)
METHODS = "alone", "together", "shared"
ROWS = {
    "schedule": {"iterations": 2, "batch_size": 2, "learning_rate": 0.001},
    "crop": {"size": 33},
    "augmentation": {},
    "deformation": {"dilation_radius": 1},
}


def sequence(folder):
    """Two squares that touch, and a network of random weights that says how it is used."""
    for t in range(4):
        labels = np.zeros(SIZE, np.uint8)
        labels[10:30, 10 + t : 25 + t], labels[10:30, 25 + t : 40 + t] = 1, 2
        frame = np.random.default_rng(t).integers(0, 90, (*SIZE, 3)).astype(np.uint8)
        frame[labels > 0] += 120
        for kind, suffix in (("Annotations", "png"), ("JPEGImages", "jpg")):
            path = folder / f"set/{kind}/480p/pair/{t:05d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "Annotations":
                io.write_labels(path, labels)
            else:
                Image.fromarray(frame).save(path)
    spec = NetworkSpec(backbone="slim", head="decoder")
    network = build_network(spec, generator=torch.Generator().manual_seed(3))
    numbers = {"samples": 4, "neighbours": True}
    usage = usage_record({"dilation_radius": 2, "threshold": 0.45}, numbers, ROWS, "nothing")
    save_weights(folder / "network.safetensors", network, {USAGE: usage})


@pytest.fixture
def pair(tmp_path):
    sequence(tmp_path)
    tracker = {"network": "given", "finetuning": "given"}
    overlay = {
        "seed": 5,
        "datasets": {"pair": {"title": "P", "layout": "davis2017", "root": str(tmp_path / "set")}},
        "networks": {"given": {"file": str(tmp_path / "network.safetensors")}},
        "finetunings": {"given": {}, "shared": {"shared": True}},
        "trackers": {
            "alone": tracker,
            "together": tracker | {"objects": "together"},
            "shared": tracker | {"finetuning": "shared", "objects": "together"},
        },
        "variants": {name: {"trackers": [name]} for name in METHODS},
        "tables": {
            "pair": {
                "datasets": ["pair"],
                "rows": [{"method": name, "variant": name} for name in METHODS],
            }
        },
    }
    return Workflow(tmp_path, overlay)


def test_one_job_follows_all_objects_with_the_networks_that_are_there(pair):
    run = pair("--cores", "1", "results/pair.csv")
    assert run.status == 0, run.output[-3000:]
    # Two objects each learnt, which two trackers use, and once both in one training.
    counts = {"finetune": 3, "track": 2, "track_together": 2, "segment": 6, "score": 6}
    assert {rule: run.jobs[rule] for rule in counts} == counts
    results = pair.folder / "results"
    place = "first/pair/pair"
    tracks = {n: read_track(results / f"tracks/together/{place}.zip", n) for n in (1, 2)}
    learnt = sorted(path.name for path in results.glob("finetuned/given/shared/**/*.csv"))
    assert learnt == ["1.csv"]
    shared = results / "finetuned/given/shared" / place / "1.safetensors"
    assert json.loads(read_record(shared).record["data"]).keys() == {"1.zip", "2.zip"}
    network, record = load_network(pair.folder / "network.safetensors")
    params = finetuning_of(record, {"shared": True}, dict.fromkeys(ROWS), where="network")
    annotations = {n: read_annotations(results / f"annotations/{place}/{n}.zip") for n in (1, 2)}
    frames = FrameFolder(pair.folder / "set/JPEGImages/480p/pair")
    finetune_shared(network, frames, annotations, params, seed=pair.overlay["seed"])
    assert alike(network, load_network(shared)[0])
    for t in range(1, 4):
        masks = [io.read_mask(results / f"masks/together/{place}/{n}/{t:05d}.png") for n in (1, 2)]
        assert not (masks[0] & masks[1]).any()
        for n, mask in enumerate(masks, start=1):
            assert np.array_equal(mask, tracks[n][frame_key(t)] > 0.45)
    assert pair("-n", "results/pair.csv").jobs == {}
    archive = f"results/tracks/together/{place}.zip"
    (pair.folder / archive).unlink()
    assert pair("-n", archive).jobs == {"track_together": 1}


def alike(one, other):
    """Return whether the parameters that both networks have are the same to the last bit."""
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_a_network_goes_on_with_the_weights_of_another_in_a_workflow_too(pair):
    pair.overlay["architectures"] = {
        "told": {"backbone": "slim", "head": "decoder", "others": True}
    }
    grown = {
        "architecture": "told",
        "start": "given",
        "stills": ["rendered"],
        "deformation": "paper",
    }
    pair.overlay["networks"]["grown"] = grown
    run = pair("--cores", "1", "results/networks/grown.safetensors")
    assert run.status == 0 and run.jobs == {"take_network": 1, "train": 1}, run.output[-3000:]
    begun, _ = load_network(pair.folder / "network.safetensors")
    found, record = load_network(pair.folder / "results/networks/grown.safetensors")
    assert alike(begun, found) and not found.others.weight.any()
    taken = read_record(pair.folder / "results/networks/given.safetensors")
    assert json.loads(record["pretrained"]) == {"network": taken.digest}


def test_a_network_that_is_told_and_one_that_is_not_learn_from_composed_stills(pair, monkeypatch):
    pair.overlay["architectures"] = {
        "told": {"backbone": "slim", "head": "decoder", "others": True}
    }
    pair.overlay["stills"] = {"rendered": {"rendered": 6}}
    row = {"architecture": "told", "start": "given", "stills": ["rendered"], "deformation": "paper"}
    row |= {"augmentation": "offline", "crop": "full", "schedule": "offline"}
    plain = {"architecture": "slim"}
    networks = {"told": {}, "meet": plain | {"composed": True}, "alone": plain}
    pair.overlay["schedules"] = {"offline": {"iterations": 2, "batch_size": 2}}
    pair.overlay["networks"] |= {name: row | own for name, own in networks.items()}
    results = pair.folder / "results"
    run = pair("--cores", "1", *(f"results/networks/{name}.safetensors" for name in networks))
    assert run.status == 0 and run.jobs["train"] == 3, run.output[-3000:]
    found = {name: load_network(results / f"networks/{name}.safetensors")[0] for name in networks}
    assert not alike(found["alone"], found["meet"])

    config = laid_over(default_config(), pair.overlay)
    monkeypatch.chdir(pair.folder)  # as the jobs run: paths of rendered stills are relative
    stills = open_stills(
        ["rendered"],
        [results / "stills/rendered.csv"],
        [results / "deformed/paper/rendered.zip"],
        masks_per_image=config["masks_per_still"],
        seed=5,
    )
    crop = CropParams(**config["crops"]["full"])
    others = DeformationParams(**config["deformations"]["paper"])
    given = {"augmentation": AugmentationParams(**config["augmentations"]["offline"]), "seed": 5}
    for name, spoken in {
        "told": {"others": others, "told": True},
        "meet": {"others": others},
    }.items():
        spec = NetworkSpec(backbone="slim", head="decoder", others=name == "told")
        net, _ = continue_network(spec, pair.folder / "network.safetensors", seed=5)
        examples = StillExamples(stills, crop, **given, **spoken)
        train(net, examples, TrainParams(**config["schedules"]["offline"]), seed=5)
        assert alike(net, found[name])


def of_several(common):
    """Return the place of a sequence of several objects, and their numbers."""
    dataset, sequence = next(
        (name, sequence)
        for name, objects in common.experiment.objects.items()
        for sequence, number in objects
        if number == 2
    )
    place = {"dataset": dataset, "sequence": sequence, "annotation": "first"}
    return place, common.experiment.objects_of(dataset, sequence)


def test_networks_of_all_objects_stand_object_by_object_and_stream_by_stream():
    config = default_config()
    config["trackers"]["fused"]["objects"] = "together"
    common = Plans(config)
    place, numbers = of_several(common)
    _, inputs = common.job("track_together", tracker="fused", **place)["input"]
    assert [path.rsplit("/", 1)[1] for path in inputs["networks"]] == [
        name for n in numbers for name in (f"{n}.safetensors", "segment.safetensors")
    ]
    assert [path.rsplit("/", 1)[1] for path in inputs["annotations"]] == [
        f"{n}.zip" for n in numbers
    ]


def test_objects_that_one_training_is_for_share_its_network(tmp_path):
    sequence(tmp_path)
    config = default_config()
    config["networks"]["given"] = {"file": str(tmp_path / "network.safetensors")}
    for name, row in {"said": {}, "shared": {"shared": True}, "each": {"shared": False}}.items():
        config["finetunings"][name] = row
        tracker = {"network": "given", "finetuning": name, "objects": "together"}
        config["trackers"][name] = tracker
    place, numbers = of_several(Plans(config))

    def networks(tracker):
        common = Plans(config)  # a run reads the file of a network once
        inputs = common.job("track_together", tracker=tracker, **place)["input"][1]
        return [Path(path).stem for path in inputs["networks"]]

    each, first = [str(n) for n in numbers], [str(min(numbers))] * len(numbers)
    assert networks("each") == networks("said") == each and networks("shared") == first
    network, record = load_network(tmp_path / "network.safetensors")
    usage = json.loads(record[USAGE])
    usage["finetuning"]["shared"] = True
    save_weights(tmp_path / "network.safetensors", network, {USAGE: json.dumps(usage)})
    assert networks("each") == each and networks("said") == networks("shared") == first


def test_the_track_of_an_object_is_where_its_tracker_puts_it():
    config = default_config()
    config["trackers"]["flow"]["objects"] = "together"
    common = Plans(config)
    place = ("first", "set", "walk", 3)
    assert common.track_file("flow", *place) == "results/tracks/flow/first/set/walk.zip"
    assert common.track_file("rgb", *place) == "results/tracks/rgb/first/set/walk/3.zip"


def test_a_fine_tuning_reads_the_other_objects_where_it_shows_them():
    config = default_config()
    config["finetunings"]["beside"] = config["finetunings"]["paper"] | {"neighbours": True}
    common = Plans(config)
    place, numbers = of_several(common)

    def others(finetuning, network="segment"):
        job = common.job("finetune", network=network, finetuning=finetuning, object="2", **place)
        return [path.rsplit("/", 1)[1] for path in job["input"][1]["others"]]

    theirs = [f"{n}.zip" for n in numbers if n != 2]
    assert others("paper") == [] and others("beside") == theirs
    assert others("released", "released") == theirs  # its file may ask for them


def test_the_example_of_davis_2017_follows_alone_and_together_with_the_same_networks(tmp_path):
    sequence(tmp_path)
    example = yaml.safe_load((ROOT / "examples" / "davis2017_on_disk.yaml").read_text())
    example["datasets"]["davis2017"]["root"] = str(tmp_path / "set")
    common = Plans(laid_over(default_config(), example))
    assert common.config["datasets"]["davis2017"]["skip"] == ["first", "last"]
    assert common.config["tables"]["davis2017"]["measures"] == ["J", "F", "J&F"]
    place = {"annotation": "first", "dataset": "davis2017", "sequence": "pair"}
    beside = common.job("track_together", tracker="together", **place)["input"][1]
    alone = [
        common.job("track", tracker="alone", object=str(n), **place)["input"][1] for n in (1, 2)
    ]
    assert beside["networks"] == [path for job in alone for path in job["networks"]]
    assert beside["annotations"] == [path for job in alone[::-1] for path in job["others"]]


def test_a_command_follows_each_object_alone():
    config = default_config()
    config["trackers"]["theirs"] = {"command": "x {frames} {out}", "objects": "together"}
    with pytest.raises(InputError, match=r"trackers\.theirs\.objects: expected alone beside"):
        read_recipes(config)
