"""The networks that come with the package are what their card says."""

import hashlib
import re
from pathlib import Path

import pytest

from masktrack_core.experiment.usage import USAGE, read_usage
from masktrack_core.networks.included import included_network
from masktrack_core.networks.weights import load_network

ROOT = Path(__file__).parents[2]
TRAINED = ROOT / "masktrack_core" / "networks" / "trained"
CARD = (TRAINED / "README.md").read_text()
NAMES = [path.stem for path in TRAINED.glob("*.safetensors")]


@pytest.mark.parametrize("name", NAMES)
def test_an_included_network_is_the_one_on_the_card_and_says_how_it_is_used(name):
    path = included_network(name)
    (row,) = [line for line in CARD.splitlines() if line.startswith(f"| `{name}.safetensors`")]
    network, record = load_network(path)
    usage = read_usage(record)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row
    assert record["commit"] in CARD and record["code"] in CARD
    assert USAGE in record and usage.trained_on in row and usage.finetuning is not None
    assert network.spec.prior == name
    assert path.stat().st_size < 8 * 2**20
    assert not re.search(rb"/(home|work|root|tmp|Users)/", path.read_bytes()[:65536])


def test_a_network_that_is_shown_masks_is_included():
    assert "mask" in NAMES
