"""paper.yaml runs the published parameters, written out here a second time (field.md's reading)."""

from pathlib import Path

import pytest
import yaml

from masktrack_core.experiment.flat_config import laid_over, used_rows
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.network import NetworkSpec
from masktrack_core.tracking.propagation import PropagationParams
from masktrack_core.training.loop import TrainParams

ROOT = Path(__file__).parents[2]
PAPER = yaml.safe_load((ROOT / "paper.yaml").read_text())
CLASSES = {
    "architecture": ("architectures", NetworkSpec),
    "schedule": ("schedules", TrainParams),
    "crop": ("crops", CropParams),
    "augmentation": ("augmentations", AugmentationParams),
    "deformation": ("deformations", DeformationParams),
    "propagation": ("propagations", PropagationParams),
}

# DeepLabv2-VGG16 (its prototxt and solver) with the iterations of the paper's section 4.
SGD = {
    "batch_size": 10,
    "optimizer": "sgd",
    "learning_rate": 0.001,
    "power": 0.9,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "bias_multiplier": 2,
    "head_multiplier": 10,
    "first_multiplier": 1,
    "warmup": 0,
    "clip_norm": None,
    "ema": None,
    "loss_at": "scores",
}
PUBLISHED = {
    ("networks", "segment"): {
        "architecture": {
            "backbone": "vgg16",
            "head": "aspp",
            "dropout": 0.5,
            "prior_init": "gaussian",
        },
        "schedule": SGD | {"iterations": 20_000},
        "crop": {"size": 321, "region": None},
        "augmentation": {"flip": True, "rotation_deg": 0, "scale": (1, 1), "colour": 0},
        "deformation": {
            "scale": 0.05,
            "shift": 0.1,
            "control_points": 5,
            "margin": 0.1,
            "dilation_radius": 5,
        },
    },
    ("finetunings", "paper"): {
        "schedule": SGD | {"iterations": 200},
        "crop": {"size": 321, "region": None},
        "augmentation": {"flip": True, "scale": (1, 1), "colour": 0},
    },
    ("trackers", "rgb"): {"propagation": {"dilation_radius": 5, "region": None}},
}


CONFIG = laid_over(yaml.safe_load((ROOT / "config.yaml").read_text()), PAPER)


@pytest.mark.parametrize(("table", "name"), PUBLISHED)
def test_parameters_are_the_published_ones(table, name):
    row = CONFIG[table][name]
    if table == "finetunings":
        assert "deformation" not in row  # that of the network
    for part, expected in PUBLISHED[table, name].items():
        rows, params = CLASSES[part]
        values = params(**CONFIG[rows][row[part]])
        assert {key: getattr(values, key) for key in expected} == expected


def test_two_masks_a_still_are_deformed():
    assert CONFIG["masks_per_still"] == 2


def test_no_result_is_of_a_network_that_was_trained_elsewhere():
    used = used_rows(CONFIG, CONFIG)["networks"]
    assert "segment" in used and not [name for name in used if "file" in CONFIG["networks"][name]]


@pytest.mark.parametrize(
    "name", [name for name, row in CONFIG["networks"].items() if "file" not in row]
)
def test_every_network_is_the_papers_and_sees_published_data(name):
    network = CONFIG["networks"][name]
    assert network["architecture"] == "paper"
    stills = [CONFIG["stills"][still] for still in network["stills"]]
    assert not any(still.get("rendered") for still in stills)
    sets = [
        CONFIG["datasets"][dataset] for still in stills for dataset in still.get("datasets", ())
    ]
    assert not any(dataset.get("rendered") for dataset in sets)
    if name != "initial":
        assert network["schedule"] == "paper_offline"
    assert CONFIG["deformations"][network["deformation"]].get("dilation_radius", 5) in (0, 5)


def test_nothing_is_evaluated_on_rendered_data():
    pages = [*CONFIG["tables"].values(), *CONFIG["figures"].values()]
    named = [name for page in pages for name in page.get("datasets", ())]
    named += [ablation["dataset"] for ablation in CONFIG["ablations"].values()]
    named += [frame["dataset"] for frame in CONFIG["figure2"]["frames"]]
    assert named and not any(CONFIG["datasets"][name].get("rendered") for name in named)
    assert not CONFIG["stills"][CONFIG["deformed_masks"]["stills"]].get("rendered")
