from threading import Event

import numpy as np
import pytest
from drawn_clip import LENGTH, SIZE, disk

from masktrack_core.annotating.following import Follower
from masktrack_core.files.archives import frame_key
from masktrack_core.tracking.annotations import pixels_of_others
from masktrack_core.tracking.doubt import doubt_of
from masktrack_core.tracking.propagation import propagate

NOTHING = np.zeros(SIZE, np.bool_)
SMALL = disk(7, radius=7, row=14)
TWO = {1: {1: disk(1), 6: disk(6)}, 2: {0: SMALL, 4: disk(3, radius=7, row=14), 7: NOTHING}}


@pytest.fixture
def follower(clip, mask_model):
    return Follower(clip, mask_model.network, mask_model.usage.propagation)


def whole(clip, mask_model, annotations, label):
    """The probabilities of a propagation from the start, in steps of 1/255 as they are kept."""
    others = pixels_of_others(annotations, label)
    probs = dict(
        propagate(
            mask_model.network,
            [clip],
            annotations[label],
            mask_model.usage.propagation,
            others=others,
        )
    )
    return [np.ceil(probs[t] * 255 - 0.5).astype(np.uint8) for t in range(LENGTH)]


def found(follower, label):
    return [np.rint(follower.prob(label, t) * 255).astype(np.uint8) for t in range(LENGTH)]


def run(follower):
    return list(follower.follow(Event()))


def test_masks_are_those_of_a_whole_propagation(clip, mask_model, follower):
    follower.plan(TWO)
    assert follower.missing() == 11 and follower.prob(1, 3) is None
    assert sorted(run(follower)) == [(1, t) for t in (0, 2, 3, 4, 5, 7)] + [
        (2, t) for t in (1, 2, 3, 5, 6)
    ]
    assert follower.missing() == 0
    for label in TWO:
        for mine, theirs in zip(
            found(follower, label), whole(clip, mask_model, TWO, label), strict=True
        ):
            assert (mine == theirs).all()
    assert not follower.prob(2, 7).any()
    track = follower.tracks()[1]
    assert len(track) == LENGTH and (track[frame_key(2)] == follower.prob(1, 2)).all()


def test_a_correction_computes_the_stretches_next_to_it_only(clip, mask_model, follower):
    follower.plan({1: {0: disk(0), 7: disk(7)}})
    run(follower)
    one = {1: {0: disk(0), 3: disk(3), 7: disk(7)}}
    # From 0 to 1 and from 7 to 5 the masks stay; 2, and 4 and 5, are reached from 3 now.
    assert follower.plan(one) == [2, 3, 4, 5]
    assert sorted(run(follower)) == [(1, 2), (1, 4), (1, 5)]
    for mine, theirs in zip(found(follower, 1), whole(clip, mask_model, one, 1), strict=True):
        assert (mine == theirs).all()


def test_what_is_taken_back_is_known_again(follower):
    follower.plan({1: {0: disk(0)}})
    run(follower)
    follower.plan({1: {0: disk(0), 4: disk(4)}})
    run(follower)
    follower.plan({1: {0: disk(0)}})
    assert follower.missing() == 0 and run(follower) == []


def test_a_stretch_goes_on_from_where_it_was_stopped(clip, mask_model, follower):
    follower.plan(TWO)
    stop = Event()
    for n, _ in enumerate(follower.follow(stop)):
        if n == 1:
            stop.set()
    assert follower.missing() == 9
    run(follower)
    for mine, theirs in zip(found(follower, 1), whole(clip, mask_model, TWO, 1), strict=True):
        assert (mine == theirs).all()


def test_pixels_drawn_as_anothers_change_the_road_from_there_on(clip, mask_model, follower):
    first = {1: {0: disk(0)}, 2: {0: SMALL}}
    follower.plan(first)
    run(follower)
    both = {1: {0: disk(0)}, 2: {0: SMALL, 5: disk(5, radius=6)}}
    follower.plan(both)
    assert [t for label, t in run(follower) if label == 1] == [5, 6, 7]
    for mine, theirs in zip(found(follower, 1), whole(clip, mask_model, both, 1), strict=True):
        assert (mine == theirs).all()


def test_doubt_is_that_of_the_whole_and_unknown_where_nothing_was_found(clip, mask_model, follower):
    follower.plan(TWO)
    unknown = follower.doubt(1)
    assert np.isnan(unknown).tolist() == [t not in TWO[1] for t in range(LENGTH)]
    run(follower)
    for label, annotations in TWO.items():
        probs = [follower.prob(label, t) for t in range(LENGTH)]
        assert follower.doubt(label) == pytest.approx(
            doubt_of(clip, probs, annotations).doubt, abs=1e-6
        )
