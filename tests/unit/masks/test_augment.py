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


def test_draws_stay_within_the_parameters_and_repeat_with_the_seed():
    params = AugmentationParams(scale=(0.5, 2.0), colour=0.2)
    drawn = [sample_augmentation(params, rng=numpy_rng(1, item)) for item in range(200)]
    assert max(abs(one.angle_deg) for one in drawn) <= 20
    assert min(one.scale for one in drawn) >= 0.5 and max(one.scale for one in drawn) <= 2
    assert 60 < sum(one.flip for one in drawn) < 140
    assert drawn[3] == sample_augmentation(params, rng=numpy_rng(1, 3))


def test_colour_is_off_by_default_and_turns_about_mid_grey():
    assert sample_augmentation(AugmentationParams(), rng=numpy_rng(1)).gain == (1, 1, 1)
    frame = np.full((4, 5, 3), 100, np.uint8)
    changed = apply_colours(frame, Augmentation(gain=(1, 0.5, 2), offset=10))
    assert (changed == [110, 124, 82]).all()


@pytest.mark.parametrize("bad", [{"scale": (0, 1)}, {"scale": (2, 1)}, {"rotation_deg": -1}])
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(InputError, match="augmentation"):
        AugmentationParams(**bad)
