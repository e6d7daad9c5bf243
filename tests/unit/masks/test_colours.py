"""Colours of a mask, counted."""

import numpy as np

from masktrack_core.masks.colours import colour_codes, colour_shares, overlap_of


def painted():
    frame = np.zeros((16, 32, 3), np.uint8)
    frame[:, :8], frame[:, 8:16], frame[:, 16:] = (255, 0, 0), (0, 33, 0), (0, 0, 64)
    return frame


def test_a_colour_has_eight_steps_a_channel():
    assert np.unique(colour_codes(painted())).tolist() == [2, 8, 7 * 64]
    assert colour_codes(painted())[3, 9] == 8


def test_shares_are_of_the_pixels_in_the_mask_alone():
    mask = np.zeros((16, 32), np.bool_)
    mask[:, :20] = True
    shares = colour_shares(painted(), mask)
    assert {code: round(shares[code], 3) for code in np.flatnonzero(shares)} == {
        2: 0.2,
        8: 0.4,
        448: 0.4,
    }
    assert shares.shape == (512,)
    assert colour_shares(painted(), np.zeros_like(mask)).sum() == 0


def test_the_overlap_is_what_both_have():
    one, other = np.zeros(512), np.zeros(512)
    one[[2, 8]], other[[8, 448]] = (0.25, 0.75), (0.6, 0.4)
    assert overlap_of(one, other) == 0.6 and overlap_of(one, one) == 1
