"""Objects side by side, with networks whose answers are known and with the true motion as flow."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import dilate
from masktrack_core.motion import carrying
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.tracking.propagation import PropagationParams, propagate
from masktrack_core.tracking.together import propagate_together, settled

SIZE = (48, 96)
DILATION = 4


class Kind(nn.Module):
    """Is sure of pixels of its own colours near the prior, and less sure of other bright ones.

    Colours are in the red channel; ``own`` None knows the kind alone: all that is bright is as
    good. A pixel of its own has probability 0.98, of another 0.73.
    """

    def __init__(self, own=None, *, others=False):
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.spec = SimpleNamespace(prior="mask", others=others)
        self.own, self.batches, self.told = own, [], []

    def forward(self, image, prior):
        self.batches.append(len(prior))
        self.told += [one.numpy().copy() for one in prior[:, 1]] if self.spec.others else []
        red, near = image[:, :1], prior[:, :1] > 0
        score = torch.full(near.shape, -2.0)
        score[near & (red > 100)] = 0.5
        known = red > 100 if self.own is None else red == self.own
        score[near & known] = 2.0
        return torch.cat([-score, score], dim=1)


class Scene:
    """Rectangles that move by whole pixels, the later ones in front; colours from 110 on."""

    def __init__(self, *paths, size=SIZE, length=8):
        self.paths, self.size, self.length = paths, size, length
        self.reads = []

    def __len__(self):
        return self.length

    def owner(self, t):
        """Object (from 1) of each pixel, 0 for none."""
        labels = np.zeros(self.size, np.uint8)
        for n, path in enumerate(self.paths, start=1):
            x, y, width, height = path(t)
            labels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = n
        return labels

    def __getitem__(self, t):
        self.reads.append(t)
        labels = self.owner(t)
        red = np.where(labels > 0, 110 + labels, 20).astype(np.uint8)
        marked = np.full(self.size, t, np.uint8)  # by which the flow knows the frame
        return np.stack([red, labels, marked], axis=-1)

    def truths(self, n):
        return {t: self.owner(t) == n for t in range(self.length)}

    def flow(self, frame, next_frame, _params):
        """The true motion from one of the frames to another."""
        t, after = int(frame[0, 0, 2]), int(next_frame[0, 0, 2])
        flow = np.zeros((*self.size, 2), np.float32)
        for n, path in enumerate(self.paths, start=1):
            flow[self.owner(t) == n] = np.subtract(path(after)[:2], path(t)[:2])
        return flow


def follow(scene, networks, objects=None, *, monkeypatch, **params):
    """Object → frame → mask, after a look at what holds always."""
    monkeypatch.setattr(carrying, "dense_flow", scene.flow)
    first = {n: {0: scene.truths(n)[0]} for n in range(1, len(scene.paths) + 1)}
    objects = first if objects is None else objects
    params = PropagationParams(**{"dilation_radius": DILATION} | params)
    found = {label: {} for label in objects}
    for t, label, prob in propagate_together(networks, [scene], objects, params):
        assert t not in found[label]
        found[label][t] = prob > params.threshold
    for label in objects:
        assert sorted(found[label]) == list(range(len(scene)))
    for t in range(len(scene)):
        if not any(t in annotations for annotations in objects.values()):
            assert np.sum([found[label][t] for label in objects], axis=0).max() <= 1
    return found


def equal(found, scene, times=None):
    return {
        n: [
            t
            for t in times or range(len(scene))
            if not np.array_equal(masks[t], scene.truths(n)[t])
        ]
        for n, masks in found.items()
    }


def still(x, y, width, height):
    return lambda t: (x, y, width, height)


def right(x, y, width, height, step=2):
    return lambda t: (x + step * t, y, width, height)


def test_objects_of_one_kind_that_touch_keep_every_pixel(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    network = Kind()
    found = follow(scene, {1: network, 2: network}, monkeypatch=monkeypatch)
    assert equal(found, scene) == {1: [], 2: []}
    alone = dict(propagate(network, [scene], {0: scene.truths(1)[0]}, PropagationParams()))
    assert (alone[1] > 0.5).sum() > scene.truths(1)[1].sum()


def test_an_object_that_crosses_another_in_front_takes_and_gives_back_its_pixels(monkeypatch):
    scene = Scene(still(40, 6, 12, 36), right(8, 20, 14, 6, step=4), length=16)
    found = follow(scene, {1: Kind(111), 2: Kind(112)}, monkeypatch=monkeypatch)
    assert equal(found, scene) == {1: [], 2: []}
    assert [found[1][t].sum() for t in (0, 8, 15)] == [432, 360, 432]


def test_an_object_that_was_hidden_has_its_own_pixels_when_it_is_seen_again(monkeypatch):
    def there_and_back(t):
        return (8 + 4 * min(t, 18 - t), 10, 14, 20)

    scene = Scene(still(40, 14, 12, 12), there_and_back, length=18)
    found = follow(scene, {1: Kind(111), 2: Kind(112)}, monkeypatch=monkeypatch)
    # In frame 9 the one in front has gone on beyond the last mask of the other.
    assert equal(found, scene) == {1: [9], 2: [9]}
    assert [found[1][t].sum() for t in (7, 8, 9, 10, 11, 14)] == [24, 0, 0, 0, 24, 144]


def test_of_one_kind_that_cross_share_the_union_and_keep_their_ids(monkeypatch):
    scene = Scene(still(40, 6, 12, 36), right(8, 20, 14, 6), length=32)
    network = Kind()  # nothing but the motion tells them apart
    found = follow(scene, {1: network, 2: network}, monkeypatch=monkeypatch)
    for t in range(1, len(scene)):
        near = [dilate(found[n][t - 1], DILATION) for n in (1, 2)]
        claimed = np.logical_or(*near) & (scene.owner(t) > 0)
        assert np.array_equal(found[1][t] | found[2][t], claimed)
    shares = [int((found[n][31] & scene.truths(m)[31]).sum()) for n in (1, 2) for m in (1, 2)]
    assert shares == [386, 0, 46, 84]  # a part of what comes out from behind stays the crosser's


def test_objects_of_twenty_pixels_that_touch_keep_every_pixel(monkeypatch):
    scene = Scene(right(20, 20, 5, 4, step=1), right(25, 20, 5, 4, step=1))
    network = Kind()
    found = follow(scene, {1: network, 2: network}, monkeypatch=monkeypatch)
    assert found[1][7].sum() == found[2][7].sum() == 20
    assert equal(found, scene) == {1: [], 2: []}


def test_thirty_objects_of_one_kind_keep_every_pixel(monkeypatch):
    places = [(6 + 8 * (n % 10), 6 + 10 * (n // 10)) for n in range(30)]
    scene = Scene(*(right(x, y, 8, 10, step=1) for x, y in places), length=4)
    network = Kind()
    found = follow(scene, dict.fromkeys(range(1, 31), network), monkeypatch=monkeypatch)
    assert equal(found, scene) == {n: [] for n in range(1, 31)}
    assert network.batches == [30, 30, 30]  # the whole frame is everybody's region


def test_where_nobody_touches_each_is_followed_as_alone_and_no_flow_is_computed(monkeypatch):
    scene = Scene(right(5, 5, 10, 10), right(60, 30, 10, 10))
    networks = {1: Kind(), 2: Kind()}
    monkeypatch.setattr(scene, "flow", None, raising=False)
    found = follow(scene, networks, monkeypatch=monkeypatch)
    for n, network in networks.items():
        params = PropagationParams(dilation_radius=DILATION)
        for t, prob in propagate(network, [scene], {0: scene.truths(n)[0]}, params):
            assert np.array_equal(found[n][t], prob > 0.5)


@pytest.mark.parametrize("region", [None, 2.0])
def test_one_object_has_the_bytes_of_the_propagation(region):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 80, 3), np.uint8) for _ in range(4)]
    mask = np.zeros((64, 80), bool)
    mask[20:40, 30:50] = True
    spec = NetworkSpec(backbone="slim", head="decoder")
    network = build_network(spec, generator=torch.Generator().manual_seed(1))
    params = PropagationParams(region=region, region_size=65)
    alone = list(propagate(network, [frames], {1: mask}, params))
    beside = list(propagate_together({7: network}, [frames], {7: {1: mask}}, params))
    assert [(t, prob.tobytes()) for t, prob in alone] == [
        (t, prob.tobytes()) for t, label, prob in beside if label == 7
    ]


def test_each_frame_is_read_once_and_objects_of_a_frame_come_before_the_next(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    monkeypatch.setattr(carrying, "dense_flow", scene.flow)
    network = Kind()
    objects = {n: {0: scene.truths(n)[0]} for n in (1, 2)}
    answers = propagate_together({1: network, 2: network}, [scene], objects, PropagationParams())
    scene.reads.clear()
    order = [(t, label) for t, label, _ in answers]
    assert order == [(t, n) for t in range(1, 8) for n in (1, 2)] + [(0, 1), (0, 2)]
    assert sorted(scene.reads) == list(range(8))
    assert network.batches == [2] * 7


def test_a_late_object_joins_where_it_is_annotated_and_one_that_is_gone_leaves(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    nothing = np.zeros(SIZE, bool)
    objects = {
        1: {0: scene.truths(1)[0], 5: nothing},
        2: {0: nothing, 3: scene.truths(2)[3]},
    }
    network = Kind()
    found = follow(scene, {1: network, 2: network}, objects, monkeypatch=monkeypatch)
    assert [bool(found[1][t].any()) for t in range(8)] == [True] * 5 + [False] * 3
    assert [bool(found[2][t].any()) for t in range(8)] == [False] * 3 + [True] * 5
    assert equal({1: found[1]}, scene, [0, 3, 4]) == {1: []}
    # Nobody was beside it in frames 1 and 2, nor is anybody from 5 on: what is near is claimed.
    assert np.array_equal(found[1][1], dilate(scene.truths(1)[0], DILATION) & (scene.owner(1) > 0))


def test_masks_move_from_the_frame_before_where_objects_come_back(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    nothing = np.zeros(SIZE, bool)
    objects = {n: {0: scene.truths(n)[0], 3: nothing, 5: scene.truths(n)[5]} for n in (1, 2)}
    network = Kind()
    found = follow(scene, {1: network, 2: network}, objects, monkeypatch=monkeypatch)
    assert equal(found, scene, [0, 1, 2, 5, 6, 7]) == {1: [], 2: []}


def test_pixels_that_an_annotation_gives_are_claimed_by_no_other(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    objects = {1: {0: scene.truths(1)[0]}, 2: {4: scene.truths(2)[4]}}
    network = Kind()
    found = follow(scene, {1: network, 2: network}, objects, monkeypatch=monkeypatch)
    assert not (found[1][4] & scene.truths(2)[4]).any()
    assert found[1][4].any()


def test_what_is_reached_forwards_stays_where_another_is_reached_backwards(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    objects = {1: {0: scene.truths(1)[0]}, 2: {7: scene.truths(2)[7]}}
    networks = {1: Kind(), 2: Kind()}
    found = follow(scene, networks, objects, monkeypatch=monkeypatch)
    params = PropagationParams(dilation_radius=DILATION)
    for t, prob in propagate(networks[1], [scene], objects[1], params):
        if t < 7:
            assert np.array_equal(found[1][t], prob > 0.5)
    assert not (found[1][5] & found[2][5]).any()


def test_objects_of_one_kind_that_touch_keep_every_pixel_backwards_too(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    objects = {n: {7: scene.truths(n)[7]} for n in (1, 2)}
    network = Kind()
    found = follow(scene, {1: network, 2: network}, objects, monkeypatch=monkeypatch)
    assert equal(found, scene) == {1: [], 2: []}


def test_each_frame_is_reached_from_the_annotation_nearest_in_time(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(60, 10, 12, 20))
    objects = {n: {t: scene.truths(n)[t] for t in (2, 6)} for n in (1, 2)}
    found = follow(scene, {1: Kind(), 2: Kind()}, objects, monkeypatch=monkeypatch)
    assert equal(found, scene) == {1: [], 2: []}


def test_a_network_that_is_told_sees_where_the_others_were(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20), length=2)
    network = Kind(others=True)
    follow(scene, {1: network, 2: network}, monkeypatch=monkeypatch)
    expected = [dilate(scene.truths(n)[0], DILATION) for n in (2, 1)]
    assert np.array_equal(network.told, expected)


def test_of_an_object_that_is_gone_the_others_are_told_nothing(monkeypatch):
    scene = Scene(right(10, 10, 12, 20), right(22, 10, 12, 20))
    objects = {1: {0: scene.truths(1)[0], 4: np.zeros(SIZE, bool)}, 2: {0: scene.truths(2)[0]}}
    networks = {n: Kind(others=True) for n in (1, 2)}
    follow(scene, networks, objects, monkeypatch=monkeypatch)
    assert [bool(told.any()) for told in networks[2].told] == [True] * 3 + [False] * 4


def test_the_nearer_mask_before_wins_what_two_claim_and_the_highest_probability_stays():
    masks = [np.zeros((20, 40), bool) for _ in range(2)]
    masks[0][:, :10], masks[1][:, 30:] = True, True
    probs = [np.full((20, 40), p, np.float32) for p in (0.6, 0.95)]
    frame = np.zeros((20, 40, 3), np.uint8)
    first, second = settled(probs, masks, frame, frame)
    # The log-odds differ by 2.54, REACH is 0.537 pixels: 1.36 pixels of distance, of 19.5 the half.
    assert (first > 0).sum(1).tolist() == [19] * 20
    assert np.unique(first).tolist() == pytest.approx([0, 0.95])
    assert np.array_equal(second > 0, first == 0)
    assert settled(probs[:1], masks[:1], frame, frame)[0] is probs[0]


def test_a_claim_without_doubt_counts_as_one_of_a_ten_thousandth():
    masks = [np.zeros((20, 40), bool) for _ in range(2)]
    masks[0][:, :10], masks[1][:, 30:] = True, True
    frame = np.zeros((20, 40, 3), np.uint8)
    # The log-odds differ by 7.01: 3.76 pixels of distance, of which the half is 1.9.
    for second, columns in ((0.9, 22), (1.0, 20)):
        probs = [np.full((20, 40), p, np.float32) for p in (1.0, second)]
        assert (settled(probs, masks, frame, frame)[0] > 0).sum(1).tolist() == [columns] * 20


def test_a_claim_below_a_half_counts_as_what_it_is():
    masks = [np.zeros((20, 40), bool) for _ in range(2)]
    masks[0][:, :10], masks[1][:, 30:] = True, True
    probs = [np.full((20, 40), p, np.float32) for p in (0.4, 0.88)]
    frame = np.zeros((20, 40, 3), np.uint8)
    first, _ = settled(probs, masks, frame, frame, threshold=0.3)
    assert (first > 0).sum(1).tolist() == [19] * 20  # log-odds of -0.41 and 1.99: 1.3 pixels


def test_equal_claims_go_to_the_one_that_comes_first():
    mask = np.ones((20, 20), bool)
    prob, frame = np.full((20, 20), 0.8, np.float32), np.zeros((20, 20, 3), np.uint8)
    first, second = settled([prob, prob], [mask, mask], frame, frame)
    assert first.min() == np.float32(0.8) and not second.any()


def test_a_claim_of_nobody_keeps_what_is_below_the_threshold():
    prob, frame = np.full((20, 20), 0.3, np.float32), np.zeros((20, 20, 3), np.uint8)
    mask = np.ones((20, 20), bool)
    assert [one.mean() for one in settled([prob, prob], [mask, mask], frame, frame)] == [
        pytest.approx(0.3)
    ] * 2


def test_objects_and_networks_that_differ_are_refused():
    scene = Scene(still(10, 10, 12, 20))
    objects = {1: {0: scene.truths(1)[0]}}
    with pytest.raises(InputError, match=r"one for each of the objects \[1\], got \[2\]"):
        propagate_together({2: Kind()}, [scene], objects, PropagationParams())


def test_what_propagate_refuses_is_refused_at_once():
    scene = Scene(still(10, 10, 12, 20), still(30, 10, 12, 20))
    masks = {n: {0: scene.truths(n)[0]} for n in (1, 2)}
    with pytest.raises(InputError, match=r"frames 0 … 7, got frame 9"):
        wrong = masks | {2: {9: masks[2][0]}}
        propagate_together({1: Kind(), 2: Kind()}, [scene], wrong, PropagationParams())
