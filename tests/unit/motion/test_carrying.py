"""Masks along the flow."""

import numpy as np

from masktrack_core.motion.carrying import moved


def test_masks_move_with_a_texture_that_moves():
    rng = np.random.default_rng(3)
    texture = rng.integers(0, 256, (16, 24, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    before = np.full((128, 160, 3), 60, np.uint8)
    frame = before.copy()
    before[20:84, 20:116], frame[24:88, 26:122] = texture, texture
    mask, truth = np.zeros((2, 128, 160), bool)
    mask[40:70, 40:90], truth[44:74, 46:96] = True, True
    (found,) = moved([mask], frame, before)
    assert (found ^ truth).sum() < 0.02 * truth.sum()


def test_masks_of_frames_too_small_for_a_flow_stay():
    mask = np.eye(8, dtype=bool)
    frame = np.zeros((8, 8, 3), np.uint8)
    assert np.array_equal(moved([mask], frame, frame)[0], mask)
