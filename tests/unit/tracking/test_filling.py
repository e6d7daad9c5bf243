import numpy as np
import pytest
import torch

from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.tracking.filling import Some, filled
from masktrack_core.tracking.propagation import PropagationParams, propagate

SIZE = (40, 56)
PARAMS = PropagationParams(dilation_radius=1)


@pytest.fixture(scope="module")
def network():
    spec = NetworkSpec(backbone="slim", head="decoder")
    return build_network(spec, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def frames():
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(9)]


def blob(x):
    prob = np.zeros(SIZE, np.float32)
    prob[8:18, x : x + 10] = 0.9
    return prob


def test_a_frame_between_two_comes_from_the_nearer_one(network, frames):
    marks = {0: blob(2), 4: blob(20), 8: blob(28)}
    found = dict(filled(network, [frames], [*marks], marks.get, PARAMS))
    assert sorted(found) == [*range(9)]
    for t in marks:
        assert np.array_equal(found[t], marks[t])
    after = dict(propagate(network, [frames[0:3]], {0: marks[0] > 0.5}, PARAMS))
    before = dict(propagate(network, [frames[3:5]], {1: marks[4] > 0.5}, PARAMS))
    assert np.array_equal(found[1], after[1]) and np.array_equal(found[2], after[2])
    assert np.array_equal(found[3], before[0])


def test_where_one_of_two_shows_nothing_the_other_is_gone_from(network, frames):
    marks = {0: blob(2), 4: np.zeros(SIZE, np.float32), 8: np.zeros(SIZE, np.float32)}
    found = dict(filled(network, [frames], [*marks], marks.get, PARAMS))
    after = dict(propagate(network, [frames[:4]], {0: marks[0] > 0.5}, PARAMS))
    assert all(np.array_equal(found[t], after[t]) for t in (1, 2, 3)) and after[3].any()
    assert not any(found[t].any() for t in (5, 6, 7))


def test_behind_a_frame_that_says_not_here_nothing_is_filled(network, frames):
    marks = {0: np.zeros(SIZE, np.float32), 4: blob(20)}
    reached = dict(filled(network, [frames[:5]], [*marks], marks.get, PARAMS))
    assert any(reached[t].any() for t in (1, 2, 3))
    found = dict(filled(network, [frames[:5]], [*marks], marks.get, PARAMS, absent=[0]))
    assert not any(found[t].any() for t in (1, 2, 3))


def test_frames_after_the_last_are_reached_from_it(network, frames):
    marks = {0: blob(2), 2: blob(20)}
    found = dict(filled(network, [frames[:5]], [*marks], marks.get, PARAMS))
    after = dict(propagate(network, [frames[2:5]], {0: marks[2] > 0.5}, PARAMS))
    assert np.array_equal(found[3], after[1]) and np.array_equal(found[4], after[2])


def test_some_frames_of_some_keep_their_numbers(frames):
    some = Some(Some(frames, [1, 3, 5, 7]), [1, 3])
    assert len(some) == 2 and [*some.numbers] == [3, 7]
    assert some[1] is frames[7]
