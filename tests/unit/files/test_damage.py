"""A file damaged after it was written gives the same values or an error that names it.

Snakemake looks at the times of files: what a disk changed, it does not see. The readers do.
"""

import numpy as np
import pytest
import torch

from masktrack_core.errors import InputError
from masktrack_core.files.archives import (
    MaskArchive,
    ProbArchive,
    write_mask_archive,
    write_prob_archive,
)
from masktrack_core.files.io import read_mask, write_mask
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import load_network, save_weights
from masktrack_core.training.state import read_state, write_state

MASK = np.arange(30 * 40).reshape(30, 40) % 7 > 3


def flips(whole, count, *, seed=0):
    """Yield copies with one bit changed, and copies cut short."""
    rng = np.random.default_rng(seed)
    places = rng.choice(len(whole), min(count, len(whole)), replace=False)
    for place in map(int, places):
        bit = 1 << int(rng.integers(8))
        yield whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
    for end in rng.integers(0, len(whole), 30):
        yield whole[: int(end)]


def never_wrong(path, read, same, count=600):
    """Damage the file in many ways; return how many times the reader refused it."""
    whole, expected, refused = path.read_bytes(), read(path), 0
    for damaged in flips(whole, count):
        path.write_bytes(damaged)
        try:
            assert same(read(path), expected)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    return refused


def equal_masks(ours, theirs):
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[n], theirs[n]) for n in theirs)


def test_a_network(tmp_path):
    path = tmp_path / "a.safetensors"
    network = build_network(
        NetworkSpec(backbone="slim", head="decoder"), generator=torch.Generator()
    )
    save_weights(path, network, {"seed": "1"})

    def same(ours, theirs):
        tensors = zip(ours[0].state_dict().values(), theirs[0].state_dict().values(), strict=True)
        return ours[1] == theirs[1] and all(torch.equal(a, b) for a, b in tensors)

    assert never_wrong(path, load_network, same, count=60) == 90


@pytest.mark.filterwarnings("ignore")
def test_archives_of_masks_and_probabilities(tmp_path):
    masks = [(f"{t:05d}", np.roll(MASK, t)) for t in range(3)]
    write_mask_archive(tmp_path / "a.zip", masks)
    write_prob_archive(tmp_path / "b.zip", [(n, m.astype(np.float32) / 3) for n, m in masks])
    for name, archive in (("a.zip", MaskArchive), ("b.zip", ProbArchive)):
        assert (
            never_wrong(tmp_path / name, lambda path, a=archive: dict(a(path)), equal_masks) > 300
        )


@pytest.mark.filterwarnings("ignore")
def test_a_mask_on_disk(tmp_path):
    path = tmp_path / "a.png"
    write_mask(path, MASK)
    assert never_wrong(path, read_mask, np.array_equal) > 100


def test_a_state_of_a_training(tmp_path):
    path = tmp_path / "state"
    write_state(path, {"digest": "d", "iteration": 3, "weights": torch.arange(50.0)})
    whole = path.read_bytes()
    for damaged in flips(whole, 300):
        path.write_bytes(damaged)
        state = read_state(path, "d") if b"digest" in damaged else None
        assert state is None or torch.equal(state["weights"], torch.arange(50.0))
