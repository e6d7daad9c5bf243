"""Oracles: what they return by hand, where they are undefined, and that they repeat."""

import cv2
import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.tracking.oracles import GrabcutParams, box_oracle, grabcut_oracle

SIZE = (60, 80)


def disk_scene():
    """A bright disk on a dark ground, with a little noise: (frame, truth)."""
    rows, columns = np.indices(SIZE)
    truth = (rows - 30) ** 2 + (columns - 40) ** 2 <= 15**2
    noise = np.random.default_rng(0).integers(0, 30, (*SIZE, 3))
    frame = np.where(truth[..., None], [200, 60, 40], [20, 40, 160]) + noise
    return frame.astype(np.uint8), truth


def test_box_oracle_fills_the_box():
    truth = np.zeros((5, 6), bool)
    truth[1, 4] = truth[3, 2] = True
    expected = np.zeros((5, 6), bool)
    expected[1:4, 2:5] = True
    np.testing.assert_array_equal(box_oracle(truth), expected)


def test_oracles_of_an_empty_truth_are_empty():
    frame, truth = disk_scene()
    nothing = np.zeros_like(truth)
    assert not box_oracle(nothing).any()
    assert not grabcut_oracle(frame, nothing).any()


def test_grabcut_finds_an_object_of_another_colour_and_stays_inside_the_box():
    frame, truth = disk_scene()
    result = grabcut_oracle(frame, truth)
    assert (result & truth).sum() / (result | truth).sum() > 0.98
    assert not (result & ~box_oracle(truth)).any()


def test_grabcut_repeats_whatever_was_drawn_before():
    frame = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    _, truth = disk_scene()
    cv2.setRNGSeed(1)
    first = grabcut_oracle(frame, truth)
    cv2.setRNGSeed(2)
    np.testing.assert_array_equal(grabcut_oracle(frame, truth), first)


def test_grabcut_does_not_disturb_the_callers_generator():
    frame, truth = disk_scene()
    draws = []
    for work in (lambda: None, lambda: grabcut_oracle(frame, truth)):
        cv2.setRNGSeed(7)
        work()
        draws.append(cv2.randu(np.zeros((2, 8)), 0.0, 1.0))
    np.testing.assert_array_equal(*draws)


def test_grabcut_leaves_its_arguments_alone():
    frame, truth = disk_scene()
    copies = frame.copy(), truth.copy()
    grabcut_oracle(frame, truth)
    np.testing.assert_array_equal(frame, copies[0])
    np.testing.assert_array_equal(truth, copies[1])


def test_a_box_that_fills_the_picture_is_returned():
    frame, truth = disk_scene()
    truth[0, 0] = truth[-1, -1] = True
    assert grabcut_oracle(frame, truth).all()


def test_grabcut_survives_boxes_and_grounds_of_very_few_pixels():
    frame, truth = disk_scene()
    dot = np.zeros_like(truth)
    dot[5, 5] = True
    nearly_all = np.ones_like(truth)
    nearly_all[:, 0] = False
    flat = np.full_like(frame, 100)
    for mask in (dot, nearly_all):
        for picture in (frame, flat):
            assert not (grabcut_oracle(picture, mask) & ~box_oracle(mask)).any()


def neighbours_scene():
    """An object on a blue ground, in the midst of a frame of the object's colours."""
    near, truth = disk_scene()
    noise = np.random.default_rng(1).integers(0, 30, (240, 320, 3))
    frame = (np.array([200, 60, 40]) + noise).astype(np.uint8)
    frame[90:150, 120:200] = near
    return frame, np.pad(truth, ((90, 90), (120, 120)))


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


def test_what_lies_far_from_the_box_is_no_ground_to_learn_from():
    frame, truth = neighbours_scene()
    assert overlap(grabcut_oracle(frame, truth), truth) < 0.1  # as the whole frame teaches it
    local = grabcut_oracle(frame, truth, GrabcutParams(window=0.25))
    assert overlap(local, truth) > 0.98
    assert not (local & ~box_oracle(truth)).any()


def test_nothing_outside_the_window_decides():
    frame, truth = disk_scene()
    params = GrabcutParams(window=0.25)  # 8 px around a box of 31
    before = grabcut_oracle(frame, truth, params)
    inside = np.zeros_like(truth)
    inside[15 - 8 : 46 + 8, 25 - 8 : 56 + 8] = True
    other = np.where(inside[..., None], frame, 255 - frame)
    np.testing.assert_array_equal(grabcut_oracle(other, truth, params), before)
    assert overlap(before, truth) > 0.98


def test_a_cut_that_leaves_nothing_is_the_box_where_asked_for():
    frame, truth = disk_scene()
    flat = np.full_like(frame, 100)
    assert not grabcut_oracle(flat, truth).any()
    found = grabcut_oracle(flat, truth, GrabcutParams(smallest=0.1))
    np.testing.assert_array_equal(found, box_oracle(truth))


def test_a_cut_as_large_as_asked_for_is_kept():
    frame, truth = disk_scene()
    share = grabcut_oracle(frame, truth).sum() / box_oracle(truth).sum()
    for smallest, kept in ((share - 0.01, True), (share + 0.01, False)):
        found = grabcut_oracle(frame, truth, GrabcutParams(smallest=smallest))
        assert (found == box_oracle(truth)).all() != kept


def test_a_window_of_nothing_around_the_box_leaves_no_ground_to_learn_from():
    frame, truth = disk_scene()
    found = grabcut_oracle(frame, truth, GrabcutParams(window=0))
    np.testing.assert_array_equal(found, box_oracle(truth))


def test_grabcut_refuses_a_frame_of_another_size():
    frame, truth = disk_scene()
    with pytest.raises(InputError, match=r"frame: expected uint8 \(60, 80, 3\) like truth"):
        grabcut_oracle(frame[1:], truth)
