import numpy as np
import pytest

from masktrack_core.augment import (
    Augmentation,
    AugmentationParams,
    apply_augmentation,
    sample_augmentation,
)
from masktrack_core.errors import InputError
from masktrack_core.seeds import numpy_rng


def black_with_one_white_pixel(x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((41, 61), bool)
    mask[y, x] = True
    return np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255, mask


@pytest.mark.parametrize(
    ("augmentation", "where"),
    [
        (Augmentation(), (40, 10)),
        (Augmentation(flip=True), (20, 10)),
        (Augmentation(angle_deg=180), (20, 30)),
        (Augmentation(angle_deg=90), (40, 30)),
        (Augmentation(flip=True, angle_deg=90), (40, 10)),
        (Augmentation(scale=1.5), (45, 5)),
    ],
)
def test_single_pixel_moves_alike_in_frame_and_mask(augmentation, where):
    frame, mask = black_with_one_white_pixel(40, 10)
    moved, labels = apply_augmentation(frame, mask, augmentation)
    x, y = where
    assert labels[y, x] == 1
    assert moved[y, x, 0] == 255
    inside = labels != 255
    assert np.array_equal(
        np.argwhere((labels == 1) & inside).mean(axis=0),
        np.argwhere((moved[..., 0] > 127) & inside).mean(axis=0),
    )


def test_no_augmentation_changes_nothing():
    frame = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    mask = frame[..., 0] > 127
    same, labels = apply_augmentation(frame, mask, Augmentation())
    assert np.array_equal(same, frame)
    assert np.array_equal(labels, mask.astype(np.uint8))


def test_what_the_rotated_frame_does_not_show_is_void_and_mean_colour():
    frame, mask = black_with_one_white_pixel(30, 20)
    moved, labels = apply_augmentation(frame, mask, Augmentation(angle_deg=20))
    assert labels[0, 0] == labels[-1, -1] == 255
    assert tuple(moved[0, 0]) == (123, 117, 104)
    assert (labels != 255).mean() > 0.8


def test_draws_stay_within_the_parameters_and_repeat_with_the_seed():
    params = AugmentationParams(scale=(0.5, 2.0), colour=0.2)
    drawn = [sample_augmentation(params, rng=numpy_rng(1, item)) for item in range(200)]
    assert max(abs(one.angle_deg) for one in drawn) <= 20
    assert min(one.scale for one in drawn) >= 0.5 and max(one.scale for one in drawn) <= 2
    assert 60 < sum(one.flip for one in drawn) < 140
    assert drawn[3] == sample_augmentation(params, rng=numpy_rng(1, 3))


def test_colour_is_off_by_default_and_changes_the_frame_only():
    assert sample_augmentation(AugmentationParams(), rng=numpy_rng(1)).gain == (1, 1, 1)
    frame = np.full((4, 5, 3), 100, np.uint8)
    mask = np.eye(4, 5, dtype=bool)
    changed, labels = apply_augmentation(frame, mask, Augmentation(gain=(1, 0.5, 2), offset=10))
    assert tuple(changed[0, 0]) == (110, 124, 82)
    assert np.array_equal(labels, mask)


@pytest.mark.parametrize("bad", [{"scale": (0, 1)}, {"scale": (2, 1)}, {"rotation_deg": -1}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match="augmentation"):
        AugmentationParams(**bad)
