import numpy as np
import pytest

from masktrack_core.arrays import Box, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.augment import Augmentation
from masktrack_core.masks.elementary import bounding_box
from masktrack_core.masks.regions import (
    CropParams,
    Window,
    crop_frame,
    crop_mask,
    paste_prob,
    prior_window,
    random_window,
    region_window,
    sample_view,
    view_frame,
)
from masktrack_core.masks.warp import affine_map, warp_mask
from masktrack_core.seeds import numpy_rng

FRAME = Size(100, 160)


def mask_of(box: Box) -> np.ndarray:
    mask = np.zeros(FRAME, bool)
    mask[box.y : box.y + box.height, box.x : box.x + box.width] = True
    return mask


def test_region_is_a_multiple_of_the_longer_side_around_the_box():
    assert region_window(Box(70, 45, 20, 10), FRAME, factor=2, minimum=8) == (60, 30, 40)


def test_small_object_gets_the_smallest_region():
    assert region_window(Box(80, 50, 2, 2), FRAME, factor=2, minimum=40) == (61, 31, 40)


@pytest.mark.parametrize("side", [2, 30])
@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_an_object_is_as_large_in_a_small_region_as_in_a_large_one(side, scale):
    """Where factor / size is the same, that is; the smallest region is half of what it becomes."""
    prior = mask_of(Box(60, 40, side, side))
    windows = [
        (prior_window(prior, size=size, factor=size / 20, minimum=None, scale=scale), size)
        for size in (32, 48, 64)
    ]
    pitches = [window.side / size for window, size in windows]
    assert pitches == [pytest.approx(max(0.5, side / 20) / scale)] * 3


def test_the_smallest_region_is_what_is_said_over_the_scale_that_enlarges():
    prior = mask_of(Box(60, 40, 2, 2))
    window = prior_window(prior, size=64, factor=1.5, minimum=20, scale=2)
    assert window == Window(61 - 5, 41 - 5, 10)


def test_an_empty_mask_has_no_region():
    assert prior_window(np.zeros(FRAME, bool), size=32, factor=1.5, minimum=8) is None


def test_region_is_moved_into_the_frame():
    assert region_window(Box(0, 90, 20, 10), FRAME, factor=2, minimum=8) == (0, 60, 40)


def test_region_larger_than_the_frame_holds_the_whole_frame():
    x, y, side = region_window(Box(10, 10, 100, 80), FRAME, factor=2, minimum=8)
    assert side == 200
    assert x <= 0 and x + side >= FRAME.width and y <= 0 and y + side >= FRAME.height


def test_window_at_its_own_scale_is_a_slice():
    frame = np.random.default_rng(0).integers(0, 256, (*FRAME, 3), dtype=np.uint8)
    cut = crop_frame(frame, Window(30, 20, 33), 33)
    assert np.array_equal(cut, frame[20:53, 30:63])
    assert np.array_equal(
        crop_mask(frame[..., 0] > 99, Window(30, 20, 33), 33), frame[20:53, 30:63, 0] > 99
    )


def test_crop_shows_the_mean_colour_and_no_object_outside_the_frame():
    frame, mask = np.zeros((*FRAME, 3), np.uint8), np.ones(FRAME, bool)
    window = Window(-10, -10, 20)
    assert tuple(crop_frame(frame, window, 20)[0, 0]) == (123, 117, 104)
    assert np.array_equal(np.argwhere(crop_mask(mask, window, 20)).min(axis=0), [10, 10])


def test_a_much_reduced_frame_is_averaged_not_sampled():
    stripes = np.zeros((*FRAME, 3), np.uint8)
    stripes[:, ::2] = 255
    for side in (75, 100):  # a third and a quarter of its size
        small = crop_frame(stripes, Window(0, 0, side), 25)
        assert abs(small.astype(int) - 127).max() <= 1
    odd = np.zeros((9, 7, 3), np.uint8)  # a row and a column are left over
    odd += (
        20 * np.arange(7, dtype=np.uint8)[:, None]
        + 10 * np.arange(9, dtype=np.uint8)[:, None, None]
    )
    halves = crop_frame(odd, Window(0, 0, 6), 3)[..., 0]
    assert halves.tolist() == [[15, 55, 95], [35, 75, 115], [55, 95, 135]]
    corner = np.zeros((*FRAME, 3), np.uint8)
    corner[40:44, 40:44] = 255
    assert np.array_equal(
        np.argwhere(crop_frame(corner, Window(0, 0, 100), 25)[..., 0]), [[10, 10]]
    )


@pytest.mark.parametrize("size", [40, 65, 81])
def test_pasting_undoes_cropping(size):
    window = Window(30.5, 20.25, 40)
    mask = mask_of(Box(40, 30, 20, 15))
    back = paste_prob(crop_mask(mask, window, size).astype(np.float32), window, FRAME) > 0.5
    assert (back != mask).sum() <= 4


def test_pasted_probabilities_are_zero_outside_the_window():
    whole = paste_prob(np.ones((20, 20), np.float32), Window(150, -10, 20), FRAME)
    assert whole.shape == FRAME
    assert whole[:10, 150:].min() == 1
    assert whole.sum() == 100
    assert not paste_prob(np.ones((20, 20), np.float32), Window(500, 0, 20), FRAME).any()


@pytest.mark.parametrize("box", [Box(1, 1, 5, 5), Box(149, 89, 10, 10), Box(60, 20, 30, 40)])
def test_random_window_holds_the_object_and_stays_in_the_frame(box):
    seen = set()
    for item in range(100):
        x, y, side = random_window(box, FRAME, side=50, rng=numpy_rng(0, item))
        assert 0 <= x <= min(box.x, FRAME.width - side)
        assert 0 <= y <= min(box.y, FRAME.height - side)
        assert x + side >= box.x + box.width and y + side >= box.y + box.height
        seen.add((x, y))
    assert len(seen) > 1


def test_random_windows_start_at_every_whole_pixel_that_they_may():
    """Beside a border, away from it along x and larger than what is shown along y."""
    drawn = [
        random_window(Box(3, 40, 10, 30), FRAME, side=20, rng=numpy_rng(0, i)) for i in range(400)
    ]
    assert {window.x for window in drawn} == set(range(4))
    assert {window.y for window in drawn} == set(range(40, 51))
    assert {window.side for window in drawn} == {20}


def test_random_window_smaller_than_the_object_lies_in_it():
    for item in range(50):
        x, y, side = random_window(Box(20, 10, 100, 80), FRAME, side=33, rng=numpy_rng(0, item))
        assert 20 <= x <= 120 - side and 10 <= y <= 90 - side


def test_random_window_larger_than_the_frame_holds_it():
    x, y, side = random_window(Box(20, 10, 9, 9), FRAME, side=321, rng=numpy_rng(0))
    assert FRAME.width - side <= x <= 0 and FRAME.height - side <= y <= 0


@pytest.mark.parametrize("crop", [CropParams(size=65), CropParams(size=65, region=1.5)])
def test_a_turned_and_scaled_crop_still_shows_the_whole_object(crop):
    box = Box(60, 35, 24, 16)
    for item in range(40):
        rng = numpy_rng(0, item)
        augmentation = Augmentation(
            flip=bool(item % 2), angle_deg=rng.uniform(-20, 20), scale=rng.uniform(0.8, 1.2)
        )
        if crop.region:
            crop = CropParams(size=65, region=2.5, region_minimum=20)
        mask = mask_of(box)
        view = sample_view(mask, mask, crop, augmentation, rng=rng)
        seen = warp_mask(mask, affine_map(view, Size(65, 65)))
        area = seen.sum() * abs(np.linalg.det(view[:, :2]))
        assert abs(area / (24 * 16) - 1) < 0.1


@pytest.mark.parametrize(
    ("augmentation", "where"),
    [
        (Augmentation(), (40, 20)),
        (Augmentation(flip=True), (20, 20)),
        (Augmentation(angle_deg=180), (20, 40)),
        (Augmentation(angle_deg=90), (40, 40)),
        (Augmentation(flip=True, angle_deg=90), (20, 40)),
    ],
)
def test_single_pixel_moves_alike_in_frame_and_mask(augmentation, where):
    size = Size(61, 61)
    mask = np.zeros(size, bool)
    mask[20, 40] = True
    frame = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
    middle = np.zeros(size, bool)
    middle[30, 30] = True
    view = sample_view(middle, middle, CropParams(size=61), augmentation, rng=numpy_rng(1))
    expected = np.zeros(size, bool)
    expected[where[1], where[0]] = True
    assert np.array_equal(warp_mask(mask, affine_map(view, size)), expected)
    shown = view_frame(frame, view, size)
    assert np.array_equal(np.argwhere((shown == 255).all(axis=2)), np.argwhere(expected))


def test_a_region_is_around_what_is_known_at_test_and_turned_about_it():
    truth, prior = mask_of(Box(10, 10, 20, 20)), mask_of(Box(90, 50, 20, 10))
    crop = CropParams(size=65, region=1.5, region_minimum=8)
    for angle in (0, 30):
        view = sample_view(truth, prior, crop, Augmentation(angle_deg=angle), rng=numpy_rng(0))
        assert view @ [32, 32, 1] == pytest.approx([99.5, 54.5])
        assert np.linalg.det(view[:, :2]) == pytest.approx((30 / 65) ** 2)
    apart = sample_view(truth, prior, CropParams(size=33), Augmentation(), rng=numpy_rng(0))
    x, y = apart @ [0, 0, 1]
    assert x <= 10 and y <= 10  # a crop shows the truth


def test_a_crop_without_an_object_falls_on_every_part_of_the_frame():
    none = np.zeros(FRAME, bool)
    views = [
        sample_view(none, none, CropParams(size=33), Augmentation(), rng=numpy_rng(0, item))
        for item in range(400)
    ]
    x, y = np.array([view[:, 2] for view in views]).T
    assert x.min() == 0 and x.max() == FRAME.width - 33
    assert y.min() == 0 and y.max() == FRAME.height - 33


def test_ends_of_the_parameters_of_a_crop():
    assert CropParams() == CropParams(size=321, region=None, region_minimum=None)
    assert CropParams(size=33, region=0.01, region_minimum=1)
    for bad in ({"size": 32}, {"region": 0}, {"region_minimum": 0.9}):
        with pytest.raises(InputError, match="crop"):
            CropParams(**bad)
    assert region_window(Box(0, 0, 1, 1), FRAME, factor=1, minimum=1) == (0, 0, 1)
    with pytest.raises(InputError, match="region"):
        region_window(Box(0, 0, 1, 1), FRAME, factor=1, minimum=0.9)


def test_a_crop_of_a_turned_object_holds_the_box_around_it():
    """A bar of 60 × 4, turned by 90°, wants 60 rows, of which a window of 60 has no choice."""
    bar = mask_of(Box(50, 48, 60, 4))
    augmentation = Augmentation(angle_deg=90)
    for item in range(40):
        view = sample_view(bar, bar, CropParams(size=60), augmentation, rng=numpy_rng(0, item))
        seen = warp_mask(bar, affine_map(view, Size(60, 60)))
        assert seen.sum() == 240 and seen.any(axis=1).all()


@pytest.mark.parametrize(("side", "shrunk"), [(50, 25), (98, 24), (100, 10)])
def test_a_reduced_frame_keeps_its_place(side, shrunk):
    """A ramp along x, and then along y, is read at the centres of the crop's pixels."""
    for axis in (0, 1):
        ramp = np.arange(FRAME[axis], dtype=np.uint8)
        ramp = ramp[:, None] if axis == 0 else ramp[None, :]
        frame = np.ascontiguousarray(np.broadcast_to(ramp[..., None], (*FRAME, 3)))
        seen = crop_frame(frame, Window(0, 0, side), shrunk)[..., 1].astype(float)
        centres = (np.arange(shrunk) + 0.5) * side / shrunk - 0.5
        line = seen[:, shrunk // 2] if axis == 0 else seen[shrunk // 2]
        assert np.abs(line - centres)[1:-1].max() <= 1


def test_without_an_object_the_crop_falls_anywhere():
    for item in range(10):
        none = np.zeros(FRAME, bool)
        for crop in (CropParams(size=33), CropParams(size=33, region=1.5)):
            view = sample_view(none, none, crop, Augmentation(), rng=numpy_rng(0, item))
            assert np.isfinite(view).all()


def test_without_an_object_the_crop_is_turned_about_a_pixel():
    none, turned = np.zeros(FRAME, bool), Augmentation(angle_deg=90)
    for item in range(10):
        view = sample_view(none, none, CropParams(size=33), turned, rng=numpy_rng(0, item))
        assert (
            np.abs(view - view.round()).max() < 1e-9
        )  # pixels of the crop are pixels of the frame


def test_a_mirrored_crop_is_the_mirror_of_the_crop():
    box = Box(60, 35, 24, 16)
    mask = mask_of(box)
    mask[35:40, 60:70] = False
    views = [
        sample_view(mask, mask, CropParams(size=65), Augmentation(flip=flip), rng=numpy_rng(3))
        for flip in (False, True)
    ]
    plain, mirrored = (warp_mask(mask, affine_map(view, Size(65, 65))) for view in views)
    assert np.array_equal(plain[:, ::-1], mirrored)
    assert bounding_box(plain) is not None


def test_impossible_regions_are_refused():
    with pytest.raises(InputError, match="region"):
        region_window(Box(0, 0, 1, 1), FRAME, factor=0, minimum=8)
    with pytest.raises(InputError, match="crop"):
        CropParams(size=0)
