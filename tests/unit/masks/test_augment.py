import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.masks.augment import (
    Augmentation,
    AugmentationParams,
    apply_colours,
    sample_augmentation,
)
from masktrack_core.seeds import numpy_rng


def is_uniform(values, low, high):
    """Return whether values fill the range evenly, as far as 400 draws can tell."""
    values = (2 * np.asarray(values) - low - high) / (high - low)
    ends = -1 <= values.min() < -0.95 and 0.95 < values.max() <= 1
    return ends and abs(values.mean()) < 0.1 and abs(values.std() - 3**-0.5) < 0.05


def test_draws_fill_the_parameters_to_both_ends_and_repeat_with_the_seed():
    params = AugmentationParams(scale=(0.5, 4.0), colour=0.2)
    drawn = [sample_augmentation(params, rng=numpy_rng(1, item)) for item in range(400)]
    assert is_uniform([one.angle_deg for one in drawn], -20, 20)
    assert is_uniform([np.log(one.scale) for one in drawn], np.log(0.5), np.log(4))
    assert is_uniform([one.offset for one in drawn], -0.2 * 128, 0.2 * 128)  # grey levels
    gains = np.array([one.gain for one in drawn])
    assert gains.min() < 0.8 * 0.95 and gains.max() > 1.2 * 1.05
    assert gains.min() >= 0.8 * 0.9 and gains.max() <= 1.2 * 1.1
    assert 160 < sum(one.flip for one in drawn) < 240
    assert drawn[3] == sample_augmentation(params, rng=numpy_rng(1, 3))


def test_a_frame_is_mirrored_where_the_first_number_drawn_is_below_a_half():
    for item in range(20):
        drawn = sample_augmentation(AugmentationParams(), rng=numpy_rng(1, item))
        assert drawn.flip == (numpy_rng(1, item).random() < 0.5)


def test_contrast_is_common_to_the_colours_and_tint_is_their_own_half_as_large():
    params = AugmentationParams(colour=0.2)
    gains = np.array([sample_augmentation(params, rng=numpy_rng(1, i)).gain for i in range(400)])
    assert (np.ptp(gains, axis=1) > 0).all()
    # Var of contrast + tint / 2 over three colours, of which the contrast is shared.
    assert np.var(gains.mean(axis=1)) == pytest.approx(0.2**2 / 3 * (1 + 1 / 12), rel=0.15)
    assert np.corrcoef(gains.T)[0, 1:] == pytest.approx([0.8, 0.8], abs=0.05)


def test_numbers_of_a_draw_are_drawn_apart():
    params = AugmentationParams(scale=(0.5, 2.0), colour=0.2)
    drawn = [sample_augmentation(params, rng=numpy_rng(1, i)) for i in range(400)]
    numbers = [[one.flip, one.angle_deg, one.scale, np.mean(one.gain), one.offset] for one in drawn]
    assert np.abs(np.corrcoef(np.array(numbers).T) - np.eye(5)).max() < 0.15


def test_colour_is_off_by_default_and_turns_about_mid_grey():
    assert sample_augmentation(AugmentationParams(), rng=numpy_rng(1)).gain == (1, 1, 1)
    frame = np.full((4, 5, 3), 100, np.uint8)
    changed = apply_colours(frame, Augmentation(gain=(1, 0.5, 2), offset=10))
    assert (changed == [110, 124, 82]).all()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Augmentation(offset=-10), [0, 91, 245]),
        (Augmentation(gain=(0.75, 0.75, 0.75)), [32, 108, 223]),  # 107.75, 223.25
        (Augmentation(gain=(3, 3, 3)), [0, 47, 255]),
        (Augmentation(gain=(1, 1, 2)), [0, 74, 255]),
    ],
)
def test_a_colour_is_rounded_and_kept_in_range_whatever_changes_it_alone(change, expected):
    frame = np.repeat(np.array([[[0], [101], [255]]], np.uint8), 3, axis=2)
    changed = apply_colours(frame, change)
    assert changed[0, :, 2].tolist() == expected
    assert np.array_equal(changed[..., 0], frame[..., 0]) == (change.gain == (1, 1, 2))


def test_without_a_change_of_colour_the_frame_is_itself():
    frame = np.zeros((4, 5, 3), np.uint8)
    assert apply_colours(frame, Augmentation(flip=True, angle_deg=3)) is frame


def test_the_defaults_are_the_paper_s_mirror_and_rotation():
    assert AugmentationParams() == AugmentationParams(
        flip=True, rotation_deg=20, scale=(1, 1), colour=0
    )
    assert Augmentation() == Augmentation(
        flip=False, angle_deg=0, scale=1, gain=(1, 1, 1), offset=0
    )
    off = AugmentationParams(flip=False)
    assert not any(sample_augmentation(off, rng=numpy_rng(1, i)).flip for i in range(20))


@pytest.mark.parametrize("good", [{"scale": (0.01, 0.01)}, {"rotation_deg": 0}])
def test_ends_of_the_parameters_are_taken(good):
    assert AugmentationParams(**good)
    assert AugmentationParams(rotation_deg=180, colour=0)


@pytest.mark.parametrize(
    "bad",
    [
        {"scale": (0, 1)},
        {"scale": (-1, 1)},
        {"scale": (2, 1)},
        {"scale": (1, np.inf)},
        {"rotation_deg": -1},
        {"rotation_deg": 181},
        {"colour": -0.1},
    ],
)
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match="augmentation"):
        AugmentationParams(**bad)
