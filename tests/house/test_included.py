"""The networks that come with the package are what their card says."""

import hashlib
import re
from pathlib import Path

import pytest
import yaml

from masktrack_core.experiment.usage import USAGE, read_usage
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks import included
from masktrack_core.networks.included import included_network
from masktrack_core.networks.weights import load_network
from masktrack_core.tracking.propagation import PropagationParams

ROOT = Path(__file__).parents[2]
TRAINED = ROOT / "masktrack_core" / "networks" / "trained"
CARD = (TRAINED / "README.md").read_text()
NAMES = [path.stem for path in TRAINED.glob("*.safetensors")]
#: What each is shown of the previous frame, and whether it is told of other objects.
SHOWN = {"mask": ("mask", False), "box": ("box", False), "objects": ("mask", True)}


@pytest.mark.parametrize("name", NAMES)
def test_an_included_network_is_the_one_on_the_card_and_says_how_it_is_used(name):
    path = included_network(name)
    (row,) = [line for line in CARD.splitlines() if line.startswith(f"| `{name}.safetensors`")]
    network, record = load_network(path)
    usage = read_usage(record)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row
    assert record["commit"] in CARD and record["code"] in CARD
    assert USAGE in record and usage.trained_on in row and usage.finetuning is not None
    assert (network.spec.prior, network.spec.others) == SHOWN[name]
    assert path.stat().st_size < 8 * 2**20
    assert not re.search(rb"/(home|work|root|tmp|Users)/", path.read_bytes()[:65536])


def test_the_networks_that_the_code_names_are_included():
    assert set(NAMES) == set(SHOWN) == set(included.NAMES)
    assert sum(included_network(name).stat().st_size for name in NAMES) < 12e6


def scales(crop, propagation):
    """Return how large each shows an object: pixels of the region by its factor, and at most."""
    return [
        (size / region, size / (size / 2 if smallest is None else smallest))
        for size, region, smallest in (
            (crop.size, crop.region, crop.region_minimum),
            (propagation.region_size, propagation.region, propagation.region_minimum),
        )
    ]


def test_the_included_network_is_shown_objects_as_large_in_fine_tuning_as_in_propagation():
    usage = read_usage(load_network(included_network("mask"))[1])
    learning, following = scales(usage.finetuning.examples.crop, usage.propagation)
    assert learning == pytest.approx(following, rel=0.002)


def test_the_example_for_davis_says_the_same_as_the_included_network():
    rows = yaml.safe_load((ROOT / "examples" / "davis_on_disk.yaml").read_text())
    crop = CropParams(**rows["crops"]["ours_online"])
    propagation = PropagationParams(**rows["propagations"]["ours"])
    usage = read_usage(load_network(included_network("mask"))[1])
    assert (usage.finetuning.examples.crop, usage.propagation) == (crop, propagation)


@pytest.mark.parametrize("name", NAMES)
def test_the_branches_of_an_included_network_reach_no_farther_than_its_crops_show(name):
    network, _ = load_network(included_network(name))
    assert [branch.dilation[0] for branch in network.head.branches] == [1, 3, 6, 9]
