"""A neighbour that is taken up is held back; the object itself may grow, turn and return."""

import numpy as np
import pytest
import torch

from masktrack_core.tracking.guard import FRAMES, Guard
from masktrack_core.tracking.propagation import PropagationParams, propagate
from masktrack_core.tracking.together import propagate_together

SIZE = (64, 96)
RED, BLUE, GREY = (200, 40, 40), (40, 60, 200), (120, 120, 120)


def scene(objects):
    """Return a frame with texture, for the flow, and rectangles of colours over it."""
    texture = np.random.default_rng(0).integers(-12, 12, (*SIZE, 1))
    frame = np.clip(np.full((*SIZE, 3), GREY) + texture, 0, 255)
    for colour, (top, left, height, width) in objects:
        frame[top : top + height, left : left + width] = np.clip(
            np.array(colour) + texture[:height, :width], 0, 255
        )
    return frame.astype(np.uint8)


def box(top, left, height, width):
    mask = np.zeros(SIZE, np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


DOG, WOMAN = (20, 10, 24, 24), (10, 34, 40, 20)  # they touch
BOTH = scene([(RED, DOG), (BLUE, WOMAN)])


def test_of_a_neighbour_in_other_colours_no_more_than_the_slack_is_taken():
    guard = Guard(BOTH, box(*DOG))
    kept = guard.kept(BOTH, box(*DOG) | box(*WOMAN))
    assert (kept & box(*DOG)).sum() == box(*DOG).sum()
    taken = np.argwhere(kept & ~box(*DOG))
    assert 0 < len(taken) <= 2 * 26 and taken[:, 1].max() == 35


def test_a_mask_that_grows_in_the_object_s_colours_passes():
    larger = (14, 10, 36, 40)
    frame = scene([(RED, larger)])
    guard = Guard(scene([(RED, DOG)]), box(*DOG))
    assert np.array_equal(guard.kept(frame, box(*larger)), box(*larger))


def test_a_mask_that_does_not_grow_passes_whatever_its_colours():
    guard = Guard(BOTH, box(*DOG))
    assert np.array_equal(guard.kept(BOTH, box(10, 34, 24, 20)), box(10, 34, 24, 20))


def test_what_was_held_back_is_no_measure_of_the_frames_after():
    """It would be, after a few frames, and the neighbour were let in."""
    guard = Guard(BOTH, box(*DOG))
    turned = scene([(BLUE, DOG), (BLUE, WOMAN)])
    for _ in range(3 * FRAMES):
        assert not guard.kept(turned, box(*DOG) | box(*WOMAN))[:, 40:].any()
        guard._mask = box(*DOG)  # the slack of each frame would add up


def test_after_a_frame_of_which_nothing_stays_the_object_is_where_it_was_before():
    guard = Guard(BOTH, box(*DOG))
    assert not guard.kept(BOTH, box(2, 62, 60, 34)).any()
    assert (guard.kept(BOTH, box(*DOG) | box(*WOMAN)) & box(*DOG)).sum() == 24 * 24


def test_what_stays_moves_with_the_object():
    beside, later = (10, 42, 40, 20), (20, 18, 24, 24)
    guard = Guard(scene([(RED, DOG), (BLUE, beside)]), box(*DOG))
    kept = guard.kept(scene([(RED, later), (BLUE, beside)]), box(*later) | box(*beside))
    assert (kept & box(*later)).sum() > 0.65 * 24 * 24 and not kept[:, 50:].any()


def test_frames_that_pass_are_the_measure_of_those_after():
    """A side that comes into view bit by bit is no other object."""
    guard = Guard(scene([(RED, DOG)]), box(*DOG))
    for step in range(1, 12):
        frame = scene([(RED, DOG), (BLUE, (20, 34, 24, step))])
        shown = box(20, 10, 24, 24 + step)
        assert np.array_equal(guard.kept(frame, shown), shown), step


def test_parts_apart_in_colours_that_the_object_has_nowhere_are_dropped():
    apart = scene([(RED, DOG), (BLUE, (40, 70, 12, 12)), (RED, (4, 70, 8, 8))])
    guard = Guard(scene([(RED, DOG)]), box(*DOG))
    found = box(20, 10, 18, 18) | box(40, 70, 12, 12) | box(4, 70, 8, 8)
    assert np.array_equal(guard.kept(apart, found), box(20, 10, 18, 18) | box(4, 70, 8, 8))


def flat(objects, size=SIZE):
    """Return a frame of rectangles, each of one colour."""
    frame = np.full((*size, 3), GREY, np.uint8)
    for colour, (top, left, height, width) in objects:
        frame[top : top + height, left : left + width] = colour
    return frame


def test_the_areas_of_the_last_five_frames_are_the_measure():
    """Medians of 200, 200, 200, 400, 400 and of 200, 200, 400, 400, 400."""
    narrow, wide = (20, 10, 20, 10), (20, 10, 20, 20)
    for before, width, passes in (
        ([narrow, narrow, wide, wide], 12, False),
        ([narrow, narrow, wide, wide, wide], 21, True),
    ):
        guard = Guard(flat([(RED, narrow)]), box(*narrow))
        for part in before:
            assert guard.kept(flat([(RED, part)]), box(*part)).sum() == box(*part).sum()
        other = (20, 60, 20, width)
        assert guard.kept(flat([(RED, wide), (BLUE, other)]), box(*other)).any() == passes


def test_a_mask_that_grew_is_held_where_more_than_three_hundredths_of_its_colours_are_others():
    before, larger = (0, 0, 40, 32), (0, 0, 40, 40)  # of which 100 pixels are looked at
    for blue, passes in (((0, 36, 9, 4), True), ((0, 36, 13, 4), False)):  # at 3 and at 4
        guard = Guard(flat([(RED, before)]), box(*before))
        kept = guard.kept(flat([(RED, larger), (BLUE, blue)]), box(*larger))
        assert np.array_equal(kept, box(*larger)) == passes


def test_a_part_stays_of_which_half_is_in_colours_of_the_object():
    guard = Guard(flat([(RED, DOG)]), box(*DOG))
    for blue, stays in (((48, 70, 4, 8), True), ((47, 70, 5, 8), False)):
        found = box(20, 10, 18, 18) | box(44, 70, 8, 8)
        kept = guard.kept(flat([(RED, DOG), (RED, (44, 70, 8, 8)), (BLUE, blue)]), found)
        assert kept[44:, 70:].any() == stays


def test_a_colour_of_a_thousandth_of_the_object_is_not_known_and_one_of_more_is():
    size = (100, 160)  # 1000 pixels are looked at
    for blue, stays in (((0, 0, 4, 4), False), ((0, 0, 4, 8), True)):
        everything = (RED, (0, 0, *size))
        guard = Guard(flat([everything, (BLUE, blue)], size), np.ones(size, np.bool_))
        found = np.zeros(size, np.bool_)
        found[40:80, :40] = found[:20, :20] = True
        kept = guard.kept(flat([everything, (BLUE, (0, 0, 20, 20))], size), found)
        assert kept[40:80, :40].all() and kept[:20, :20].all() == stays


def test_the_best_part_stays_in_whatever_colours():
    frame = scene([(BLUE, DOG), (BLUE, (40, 70, 6, 6))])
    guard = Guard(scene([(RED, DOG)]), box(*DOG))
    found = box(20, 10, 20, 20) | box(40, 70, 6, 6)
    assert np.array_equal(guard.kept(frame, found), box(20, 10, 20, 20))


class Coloured(torch.nn.Module):
    """Calls object whatever is not grey, with a probability of 0.88."""

    class spec:  # noqa: N801
        prior, others = "mask", False

    def __init__(self):
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image, prior):
        colourful = (image.amax(1) - image.amin(1) > 60).float()
        return torch.stack([-colourful, 3 * colourful - 2], dim=1)


def followed(frames, **params):
    propagation = PropagationParams(dilation_radius=0, **params)
    found = dict(propagate(Coloured(), [frames], {0: box(*DOG)}, propagation))
    return [found[t] for t in range(len(frames))]


def test_a_propagation_with_a_guard_stays_with_its_object_and_one_without_does_not():
    frames = [BOTH] * 4
    plain, guarded = followed(frames), followed(frames, guard=True)
    assert (plain[3] > 0.5).sum() == 24 * 24 + 40 * 20
    mask = guarded[1] > 0.5
    assert mask[box(*DOG)].all() and not mask[:, 36:].any()
    assert np.unique(guarded[1][~mask & box(*WOMAN)]).tolist() == [0]
    assert np.array_equal(guarded[1][mask], plain[1][mask])


def test_when_nothing_of_the_object_is_left_the_last_mask_guides_on_and_it_is_found_again(caplog):
    caplog.set_level("INFO")
    away = scene([(BLUE, (2, 40, 60, 54))])
    frames = [scene([(RED, DOG)]), away, scene([(RED, DOG)])]
    probs = followed(frames, guard=True)
    assert not (probs[1] > 0.5).any() and "frame 1: nothing found" in caplog.text
    assert np.array_equal(probs[2] > 0.5, box(*DOG))


def test_objects_side_by_side_are_held_each_against_its_own_annotation():
    """The network calls all that is coloured both: the dog and the ball, of one colour, and her."""
    ball = (48, 70, 12, 20)
    frames = [scene([(RED, DOG), (BLUE, WOMAN), (RED, ball)])] * 3
    objects = {1: {0: box(*DOG)}, 2: {0: box(*WOMAN)}}
    propagation = PropagationParams(dilation_radius=0, guard=True)
    networks = dict.fromkeys(objects, Coloured())
    found = {n: prob for t, n, prob in propagate_together(networks, [frames], objects, propagation)}
    assert (found[1] > 0.5)[box(*DOG)].all() and not (found[1] > 0.5)[:, 36:54].any()
    assert (found[2] > 0.5)[box(*WOMAN)].all() and not (found[2] > 0.5)[box(*ball)].any()
    assert not ((found[1] > 0.5) & (found[2] > 0.5)).any()


@pytest.mark.parametrize("beside", [{}, {2: {0: box(2, 80, 4, 4), 1: np.zeros(SIZE, np.bool_)}}])
def test_an_object_is_held_against_its_pictures_and_not_against_the_stream_beside_them(beside):
    larger = (14, 10, 36, 40)
    pictures, flows = ([scene([(tone, DOG)]), scene([(tone, larger)])] for tone in (RED, BLUE))
    propagation = PropagationParams(dilation_radius=0, guard=True)
    objects = {1: {0: box(*DOG)}} | beside
    networks = dict.fromkeys(objects, Coloured())
    answers = propagate_together(networks, [pictures, flows], objects, propagation)
    found = {(t, n): prob for t, n, prob in answers}
    assert np.array_equal(found[1, 1] > 0.5, box(*larger))
