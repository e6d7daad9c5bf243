"""Sets of stills that stay decoded."""

import numpy as np
import pytest

from masktrack_core.training.examples import Stills
from masktrack_core.training.stills import kept

MEGABYTE = 2**20


@pytest.fixture
def reads():
    return []


@pytest.fixture
def stills(reads):
    """Four stills, each with two deformed masks: half a megabyte each in all."""

    def read(name):
        reads.append(name)
        frame = np.full((256, 320, 3), int(name), np.uint8)
        return frame, frame[..., 0] > 1

    masks = {f"{n}/{k}": np.full((256, 320), n > k) for n in range(4) for k in range(2)}
    return Stills(names=list("0123"), read=read, deformed=masks, digest=lambda: "x")


@pytest.mark.parametrize(("room_mb", "held"), [(1, "01"), (9, "0123")])
def test_as_many_as_there_is_room_for_are_read_once_and_are_the_same(stills, reads, room_mb, held):
    opened = kept(stills, room_mb)
    reads.clear()
    for name in stills.names * 2:
        frame, mask = opened.read(name)
        assert frame.shape == (256, 320, 3) and (frame == int(name)).all()
        assert mask.all() == (int(name) > 1)
    assert reads == [name for name in stills.names * 2 if name not in held]
    assert all((opened.deformed[key] == stills.deformed[key]).all() for key in stills.deformed)
    assert opened.digest() == stills.digest() and opened.names == stills.names


def test_a_network_that_is_shown_no_mask_needs_no_deformed_ones(stills):
    bare = Stills(names=stills.names, read=stills.read, deformed={}, digest=stills.digest)
    assert kept(bare, 9).read("3")[0].max() == 3
