from contextlib import contextmanager

import numpy as np
import pytest
import torch

from masktrack_core.seeds import numpy_rng, torch_generator, torch_scope


def test_same_place_gives_the_same_numbers_and_another_place_others():
    assert numpy_rng(1, "deform", 3).integers(1 << 40) == numpy_rng(1, "deform", 3).integers(
        1 << 40
    )
    draws = {
        int(numpy_rng(seed, stage, item).integers(1 << 60))
        for seed in (1, 2)
        for stage in ("deform", "augment")
        for item in (0, 1)
    }
    assert len(draws) == 8


def test_words_do_not_depend_on_the_process():
    assert numpy_rng(0, "deform").integers(1 << 30) == 834201263


def test_torch_scope_restores_the_global_generator():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with torch_scope(1, "train"):
        inside = torch.rand(2)
    assert torch.equal(torch.rand(2), expected)
    with torch_scope(1, "train"):
        assert torch.equal(torch.rand(2), inside)


@pytest.mark.parametrize(
    ("name", "asked"), [("cpu", []), ("cuda:1", [torch.device("cuda:1")]), (None, [])]
)
def test_torch_scope_asks_for_the_generator_of_the_device_in_use_only(monkeypatch, name, asked):
    """That of every GPU of the machine is what `fork_rng` would ask for, and a context on each."""
    forked = []

    @contextmanager
    def fork_rng(devices, device_type):
        forked.append((devices, device_type))
        yield

    monkeypatch.setattr(torch.random, "fork_rng", fork_rng)
    with torch_scope(1, "train", device=torch.device(name) if name else None):
        pass
    assert forked == [(asked, "cuda")]


def test_torch_generators_of_two_places_differ():
    a = torch.rand(4, generator=torch_generator(1, "a"))
    b = torch.rand(4, generator=torch_generator(1, "b"))
    assert not np.allclose(a, b)
