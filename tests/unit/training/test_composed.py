"""Composed stills: what is seen of each, by colours that say whose a pixel is."""

import numpy as np
import pytest

from masktrack_core.arrays import Box
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.elementary import dilate
from masktrack_core.training import composed as module
from masktrack_core.training.composed import announced, composed

SHAPE = (80, 100)
RED, BLUE, GREY = (200, 0, 0), (0, 0, 200), (90, 90, 90)


def still(colour, left=40):
    mask = np.zeros(SHAPE, bool)
    mask[25:55, left : left + 24] = True
    return np.where(mask[..., None], colour, GREY).astype(np.uint8), mask


def scenes(monkeypatch, count=40, **shares):
    for name, share in ({"PLAIN": 0, "PARTED": 0, "AGAIN": 0, "SWAPPED": 0} | shares).items():
        monkeypatch.setattr(module, name, share)
    frame, mask = still(RED)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        yield composed(frame, mask, lambda: still(BLUE, 10), rng=rng)


def inner(mask):
    """Not at its edge, where a guest that is resized is mixed, nor at that of the picture."""
    return mask & ~dilate(~np.pad(mask, 4), 4)[4:-4, 4:-4]


def test_a_pixel_is_the_objects_or_one_guests_and_shows_it(monkeypatch):
    guests = 0
    for scene in scenes(monkeypatch):
        masks = np.stack([scene.mask, *scene.others])
        assert masks.sum(0).max() <= 1
        guests += len(scene.others)
        assert (scene.frame[inner(scene.mask)] == RED).all()
        for other in scene.others:
            assert (scene.frame[inner(other)] == BLUE).all()
        assert (scene.frame[inner(~masks.any(0))] == GREY).all()
    assert guests > 40  # a part of the stills has two, some would have hidden another


def test_a_guest_behind_leaves_the_object_whole_and_one_in_front_takes_its_pixels(monkeypatch):
    _, mask = still(RED)
    behind = [*scenes(monkeypatch, IN_FRONT=0)]
    assert all(np.array_equal(scene.mask, mask) for scene in behind)
    before = [*scenes(monkeypatch, IN_FRONT=1)]
    hidden = [1 - scene.mask.sum() / mask.sum() for scene in before]
    assert max(hidden) > 0.2 and max(hidden) <= 0.7
    assert not any((scene.mask & ~mask).any() for scene in before)


def test_guests_stand_all_around_at_sizes_and_distances_to_both_ends_and_half_are_mirrored():
    own, theirs = Box(40, 25, 24, 30), Box(10, 25, 12, 20)
    views = [module._placed(own, theirs, rng=np.random.default_rng(seed)) for seed in range(400)]
    turns, shifts = np.array(views)[..., :2], np.array(views)[..., 2]
    assert 160 < (np.linalg.det(turns) < 0).sum() < 240
    sizes = 20 / np.sqrt(np.abs(np.linalg.det(turns)))  # of the longer side in the still
    assert 0.5 <= sizes.min() / 30 < 0.52 and 1.28 < sizes.max() / 30 <= 1.3
    places = np.linalg.solve(turns, ((15.5, 34.5) - shifts)[..., None])[..., 0]
    half_sides = (np.array([24, 30]) + np.outer(sizes / 20, [12, 20])) / 2
    away = (places - (51.5, 39.5)) / half_sides
    apart = np.hypot(*away.T)
    assert 0.4 <= apart.min() < 0.42 and 1.03 < apart.max() <= 1.05
    quarters = [((away * signs) > 0).all(axis=1).sum() for signs in ((1, 1), (1, -1), (-1, 1))]
    assert all(70 < count < 130 for count in quarters)


def test_the_same_object_again_is_of_its_colour(monkeypatch):
    found = [scene for scene in scenes(monkeypatch, AGAIN=1, TWO=0) if scene.others]
    assert len(found) > 20
    for scene in found:
        assert (scene.frame[inner(scene.others[0])] == RED).all()


def test_a_guest_may_become_the_object(monkeypatch):
    for scene in scenes(monkeypatch, SWAPPED=1, TWO=0):
        if scene.others:
            assert (scene.frame[inner(scene.mask)] == BLUE).all()
            assert (scene.frame[inner(scene.others[0])] == RED).all()


def test_a_mask_in_two_large_parts_is_two_objects(monkeypatch):
    mask = np.zeros(SHAPE, bool)
    mask[25:55, 40:60], mask[25:55, 70:90], mask[2:4, 2:4] = True, True, True
    frame = np.where(mask[..., None], RED, GREY).astype(np.uint8)
    for name, share in {"PLAIN": 0, "PARTED": 1, "SWAPPED": 0}.items():
        monkeypatch.setattr(module, name, share)
    monkeypatch.setattr(module, "_joined", lambda scene, *_stills, rng: scene)
    found = [
        composed(frame, mask, lambda: (frame, mask), rng=np.random.default_rng(n)) for n in range(9)
    ]
    assert {int(np.flatnonzero(scene.mask.any(0))[0]) for scene in found} == {40, 70}
    for scene in found:
        assert [scene.mask.sum(), *(other.sum() for other in scene.others)] == [600, 600]


def test_a_share_of_stills_stays_as_it_is(monkeypatch):
    frame, mask = still(RED)
    for scene in scenes(monkeypatch, PLAIN=1):
        assert scene.frame is frame or np.array_equal(scene.frame, frame)
        assert np.array_equal(scene.mask, mask) and scene.others == ()


class Draws(np.random.Generator):
    """Draws from 0 to 1 that are given; all others are those of a seed."""

    def __init__(self, *given):
        super().__init__(np.random.PCG64(1))
        self.given = [*given]

    def random(self):
        return self.given.pop(0)


@pytest.mark.parametrize(
    ("draws", "areas"),
    [
        ((0.149,), [1200]),
        ((0.15, 0.5, 0.3, 0.4, 0.3), [1200, 720]),
        ((0.15, 0.499, 0.3, 0.4, 0.3), [600, 600, 720]),
        ((0.15, 0.5, 0.299, 0.4, 0.4, 0.3), [1200, 720, 720]),
        ((0.15, 0.5, 0.3, 0.399, 0.3), [1200, 1200]),
        ((0.15, 0.5, 0.3, 0.4, 0.299), [720, 1200]),
    ],
    ids=["plain", "one guest", "parted", "two guests", "again", "swapped"],
)
def test_a_draw_below_a_share_changes_a_scene_and_one_at_it_does_not(monkeypatch, draws, areas):
    def joined(scene, _guest, shape, *, rng):
        return scene._replace(others=(*scene.others, shape))

    monkeypatch.setattr(module, "_joined", joined)
    mask = np.zeros(SHAPE, bool)
    mask[25:55, 40:60], mask[25:55, 70:90] = True, True
    rng = Draws(*draws)
    scene = composed(still(RED)[0], mask, lambda: still(BLUE), rng=rng)
    assert [one.sum() for one in (scene.mask, *scene.others)] == areas and not rng.given


def test_a_share_of_guests_stands_in_front_and_a_share_of_others_is_not_announced():
    frame, mask = still(RED)
    scene = module.Scene(frame, mask, ())
    for draw, hides in ((0.399, True), (0.4, False)):
        beside = module._joined(scene, *still(BLUE, 10), rng=Draws(0.5, draw))
        assert beside.others and (beside.mask.sum() < mask.sum()) == hides
    for draw, said in ((0.149, False), (0.15, True)):
        answer = announced((mask,), DeformationParams(), rng=Draws(draw))
        assert (answer is not None) == said


@pytest.mark.parametrize(
    ("shift", "is_let_in"),
    [(6, True), (5, False), (-6, True), (-5, False), (200, False)],
    ids=["three tenths", "less", "on the right", "less on the right", "out of the picture"],
)
@pytest.mark.parametrize("in_front", [True, False])
def test_a_guest_is_let_in_where_three_tenths_of_each_are_seen(
    monkeypatch, shift, is_let_in, in_front
):
    """Of two objects of 20 columns."""
    mask = np.zeros(SHAPE, bool)
    mask[25:55, 40:60] = True
    view = np.array([[1.0, 0, shift], [0, 1, 0]])
    monkeypatch.setattr(module, "_placed", lambda *_, **__: view)
    monkeypatch.setattr(module, "IN_FRONT", float(in_front))
    scene = module.Scene(np.zeros((*SHAPE, 3), np.uint8), mask, ())
    joined = module._joined(scene, scene.frame, mask, rng=np.random.default_rng(1))
    seen = [one.sum() for one in (joined.mask, *joined.others)]
    assert seen == (([180, 600] if in_front else [600, 180]) if is_let_in else [600])


def test_others_are_announced_where_they_are_but_for_a_share(monkeypatch):
    params = DeformationParams(scale=0, shift=0, control_points=0, margin=0, dilation_radius=3)
    masks = still(RED)[1], still(BLUE, 70)[1]
    monkeypatch.setattr(module, "SILENT", 0)
    said = announced(masks, params, rng=np.random.default_rng(1))
    assert np.array_equal(said, dilate(masks[0] | masks[1], 3))
    monkeypatch.setattr(module, "SILENT", 1)
    assert announced(masks, params, rng=np.random.default_rng(1)) is None
    assert announced((), params, rng=np.random.default_rng(1)) is None


def test_the_same_draws_give_the_same_scene(monkeypatch):
    one, two = ([*scenes(monkeypatch, count=3)] for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.frame, b.frame) and np.array_equal(a.mask, b.mask)


@pytest.mark.parametrize("empty", [0, 1])
def test_nothing_is_pasted_where_there_is_nothing(monkeypatch, empty):
    monkeypatch.setattr(module, "PLAIN", 0)
    given = [still(RED), still(BLUE)]
    given[empty] = given[empty][0], np.zeros(SHAPE, bool)
    monkeypatch.setattr(module, "AGAIN", 0)
    scene = composed(*given[0], lambda: given[1], rng=np.random.default_rng(1))
    assert scene.others == () and np.array_equal(scene.mask, given[0][1])
