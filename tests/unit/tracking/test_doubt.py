import numpy as np
import pytest

from masktrack_core.tracking.doubt import (
    FITTED,
    Doubts,
    Fit,
    Observation,
    Stretch,
    colour_shares,
    doubt_of,
    expected_j,
    observe,
    signals,
    stretches,
)

RED, BLUE = 7 * 64, 7
FLAT = np.zeros(512)


def seen(entropy=8.0, area=4, inside=0.9, colour=RED):
    colours = FLAT.copy()
    colours[colour] = 1
    return Observation(entropy, area, inside, colours)


def painted(*columns):
    """A frame of 8 × 8 pixels, its left half of one colour, its right of another."""
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[:, :4], frame[:, 4:] = columns
    return frame


def test_an_observation_counts_bits_pixels_and_colours():
    prob = np.zeros((8, 8), np.float32)
    prob[:, :4] = 1
    prob[0, :2] = 51 / 255  # a fifth: 0.7219 bits each
    prob[1, :1] = 204 / 255  # four fifths: the same, and in the mask
    one = observe(painted((255, 0, 0), (0, 0, 255)), prob)
    assert one.entropy == pytest.approx(3 * 0.721928, abs=1e-5)
    assert one.area == 30
    assert one.inside == pytest.approx((29 + 0.8) / 30)
    assert one.colours[RED] == 1 and one.colours.sum() == 1


def test_an_empty_mask_has_no_colours_and_nothing_inside():
    one = observe(painted((255, 0, 0), (0, 0, 255)), np.zeros((8, 8), np.float32))
    assert one[:3] == (0, 0, 0) and not one.colours.any()


def test_the_mask_is_what_is_above_the_threshold():
    prob = np.full((8, 8), 153 / 255, np.float32)
    frame = painted((0, 0, 0), (0, 0, 0))
    areas = [observe(frame, prob, threshold=t).area for t in (0.5, 0.59, 0.6, 0.7)]
    assert areas == [64, 64, 0, 0]


def test_colours_are_shares_at_every_fourth_pixel():
    mask = np.ones((8, 8), np.bool_)
    mask[4:, 4:] = False  # of the pixels (0, 0), (0, 4), (4, 0), (4, 4) three are left
    shares = colour_shares(painted((255, 0, 0), (0, 0, 255)), mask)
    assert shares[RED] == pytest.approx(2 / 3) and shares[BLUE] == pytest.approx(1 / 3)


def test_the_signals_of_a_frame_by_hand():
    found = signals([seen(), seen(), seen(16.0, 4, 0.75, BLUE)], {0: seen()})
    assert np.isnan(found[0]).all()  # given
    assert found[1] == pytest.approx([np.log(2), np.log(4), -np.log(0.101), -np.log(0.1)])
    blur = 0.3 * np.log(4) + 0.7 * np.log(2)
    assert found[2] == pytest.approx([blur, np.log(8), -np.log(0.251), 0])


def test_each_frame_is_compared_with_the_annotation_that_it_is_reached_from():
    given = {0: seen(colour=RED), 4: seen(colour=BLUE)}
    found = signals([seen(colour=BLUE)] * 5, given)[:, 3]
    assert found[1:4] == pytest.approx([0, 0, -np.log(0.1)])  # 2 is halfway: to the earlier


def test_the_mean_of_the_blur_goes_away_from_the_annotation():
    entropies = (8, 16, 32, 8)
    found = signals([seen(bits) for bits in entropies], {3: seen()})[:, 0] / np.log(2)
    assert found[2] == pytest.approx(3)
    assert found[1] == pytest.approx(0.3 * 2 + 0.7 * 3)
    assert found[0] == pytest.approx(0.3 * 1 + 0.7 * found[1])


def test_frames_that_nothing_is_claimed_of_are_not_doubted():
    ones = [seen(1000.0)] * 6
    gone = signals(ones, {1: seen()}, absent=[3], backwards=False)
    assert np.isnan(gone[:, 0]).tolist() == [True, True, False, True, True, True]
    assert expected_j(gone)[[0, 1, 3, 4, 5]].tolist() == [1] * 5


def test_the_expected_j_is_a_logistic_function_of_the_signals():
    fit = Fit(constant=1.0, weights=(1.0, -2.0, 0.5, 0.25))
    found = np.array([[0.5, 1.0, 2.0, 4.0], [np.nan] * 4])
    assert expected_j(found, fit) == pytest.approx([1 / (1 + np.exp(-1.5)), 1])


def test_more_blur_more_doubt_and_likeness_less():
    sharp, blurred = ([seen()] * 2, [seen(), seen(40.0, 4, 0.7)])
    assert expected_j(signals(sharp, {0: seen()}))[1] > expected_j(signals(blurred, {0: seen()}))[1]
    other = [seen(), seen(colour=BLUE)]
    assert expected_j(signals(other, {0: seen()}))[1] < expected_j(signals(sharp, {0: seen()}))[1]
    assert len(FITTED.weights) == 4


def test_a_video_is_doubted_where_its_object_is_blurred_and_of_another_colour():
    frames = [painted((255, 0, 0), (0, 0, 255)).repeat(16, 0).repeat(16, 1)] * 3
    mask = np.zeros((128, 128), np.bool_)
    mask[:, :64] = True
    sure = mask.astype(np.float32)
    doubt, share = doubt_of(frames, [sure, 0.02 + 0.96 * sure, 0.6 - 0.4 * sure], {0: mask})
    assert share.tolist() == [1, 1, 1]
    assert doubt[0] == 0 and 0 < doubt[1] < 0.2 < 0.5 < doubt[2]
    gone = doubt_of(frames, [sure, 0 * sure, 0 * sure], {0: mask, 1: np.zeros_like(mask)})
    assert gone.doubt.tolist() == [0, 0, 0] and gone.share.tolist() == [1, 1, 1]


def test_an_object_is_absent_where_its_mask_is_tiny_and_doubted():
    doubts = Doubts(np.array([0.0, 0.85, 0.85, 0.75]), np.array([1.0, 0.24, 0.25, 0.1]))
    assert doubts.absent(0.2).tolist() == [False, True, False, False]
    assert doubts.absent(0.3).tolist() == [False, True, False, True]
    assert not doubts.absent(0.0).any()


def test_the_share_is_that_of_the_annotation_a_frame_is_reached_from():
    frames = [painted((255, 0, 0), (0, 0, 255))] * 4
    large, small = np.ones((8, 8), np.bool_), np.zeros((8, 8), np.bool_)
    small[:4, :4] = True
    probs = [mask.astype(np.float32) for mask in (large, small, small, small)]
    assert doubt_of(frames, probs, {0: large, 3: small}).share.tolist() == [1, 0.25, 1, 1]


def test_stretches_bridge_three_frames_and_the_worst_is_first():
    doubt = np.zeros(30)
    doubt[[2, 3]] = 0.4
    doubt[[10, 14]] = 0.9  # three between them
    doubt[[19, 20]] = 0.35
    found = stretches(doubt)
    assert [(one.first, one.last) for one in found] == [(10, 14), (2, 3), (19, 20)]
    assert found[0].doubt == pytest.approx(1.8 / 5)
    assert stretches(np.full(5, 0.3)) == []


def test_a_stretch_is_lost_where_j_is_expected_below_a_half():
    assert Stretch(0, 9, 0.51).words == "probably lost"
    assert Stretch(0, 9, 0.5).words == "to be looked at"
