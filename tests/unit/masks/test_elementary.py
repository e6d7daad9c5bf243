"""Masks: each operation against a definition written out in the test."""

import cv2
import numpy as np
import pytest
from skimage.morphology import disk as skimage_disk

from masktrack_core.arrays import Box, Size
from masktrack_core.errors import InputError
from masktrack_core.masks.elementary import (
    boundary,
    bounding_box,
    box_mask,
    canonical,
    dilate,
    disk,
    is_off_by_rounding,
    merge_objects,
    padded_window,
    present_values,
    resized_mask,
    split_objects,
)


def blobs(seed, size=(31, 43), share=0.5):
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.random(size), (0, 0), 2.0) > 1 - share


def naive_boundary(mask):
    height, width = mask.shape
    edge = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            if y + 1 < height:
                edge[y, x] |= mask[y, x] != mask[y + 1, x]
            if x + 1 < width:
                edge[y, x] |= mask[y, x] != mask[y, x + 1]
            if y + 1 < height and x + 1 < width:
                edge[y, x] |= mask[y, x] != mask[y + 1, x + 1]
    return edge


@pytest.mark.parametrize("radius", range(13))
def test_disk_is_the_evaluators_disk(radius):
    np.testing.assert_array_equal(disk(radius), skimage_disk(radius))


def test_disk_of_radius_8_is_not_the_ellipse_of_opencv():
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (17, 17))
    assert np.count_nonzero(disk(8) != ellipse) == 16


def test_a_broken_radius_takes_in_the_cells_it_reaches():
    assert disk(1.5).tolist() == [[1, 1, 1]] * 3  # the diagonal is at 1.41
    assert disk(0.9).tolist() == [[1]]


@pytest.mark.parametrize("radius", [-1, float("nan"), float("inf")])
def test_a_radius_that_is_no_length_is_refused(radius):
    with pytest.raises(InputError, match="radius: expected pixels"):
        disk(radius)


@pytest.mark.parametrize("radius", [1, 2.5, 5, 8, 40])
def test_dilation_sets_what_is_within_the_radius(radius):
    mask = np.zeros((31, 43), bool)
    mask[[0, 3, 30, 17], [0, 40, 42, 20]] = True
    rows, columns = np.indices(mask.shape)
    squared = [(rows - y) ** 2 + (columns - x) ** 2 for y, x in np.argwhere(mask)]
    np.testing.assert_array_equal(dilate(mask, radius), np.min(squared, axis=0) <= radius**2)


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 8])
def test_dilation_of_a_small_object_far_from_the_borders_reaches_the_whole_radius(radius):
    mask = np.zeros((41, 47), bool)
    mask[19, 22:24] = True
    rows, columns = np.indices(mask.shape)
    squared = (rows - 19) ** 2 + np.minimum((columns - 22) ** 2, (columns - 23) ** 2)
    np.testing.assert_array_equal(dilate(mask, radius), squared <= radius**2)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (Box(10, 20, 3, 5), (17, 28), (7, 16)),
        (Box(1, 2, 3, 5), (0, 10), (0, 7)),
        (Box(36, 47, 3, 2), (44, 50), (33, 40)),
    ],
)
def test_a_window_around_a_box_is_cut_to_the_picture(box, rows, columns):
    assert padded_window(box, 3, Size(50, 40)) == (slice(*rows), slice(*columns))


def test_a_mask_has_bytes_0_and_1_and_is_itself_where_it_has_them():
    odd = np.array([[0, 255, 2], [1, 0, 0]], np.uint8).view(np.bool_)
    assert canonical(odd).view(np.uint8).tolist() == [[0, 1, 1], [1, 0, 0]]
    for mask in (blobs(3), np.zeros((3, 4), bool), np.ones((2, 2), bool), np.zeros((0, 3), bool)):
        assert canonical(mask) is mask


@pytest.mark.parametrize("size", [(10, 14), (5, 7), (31, 20), (7, 31), (9, 13), (1, 1)])
def test_a_resized_mask_is_at_each_pixel_that_of_the_nearest_centre(size):
    mask = np.random.default_rng(1).random((10, 14)) > 0.5
    across = [mask.shape[axis] / size[axis] for axis in (0, 1)]
    expected = [
        [mask[int((y + 0.5) * across[0]), int((x + 0.5) * across[1])] for x in range(size[1])]
        for y in range(size[0])
    ]
    np.testing.assert_array_equal(resized_mask(mask, Size(*size)), expected)


@pytest.mark.parametrize(
    ("size", "is_off"),
    [
        ((480, 854), False), ((480, 853), True), ((481, 854), True), ((479, 855), True),
        ((480, 852), False), ((482, 854), False), ((478, 853), False), ((854, 480), False),
    ],
)  # fmt: skip
def test_a_size_is_off_by_rounding_by_one_pixel_a_side_at_most(size, is_off):
    assert is_off_by_rounding(np.zeros(size, bool), Size(480, 854)) is is_off


def test_dilation_by_nothing_is_a_copy_and_an_empty_mask_stays_empty():
    mask = blobs(0)
    grown = dilate(mask, 0)
    np.testing.assert_array_equal(grown, mask)
    assert not np.shares_memory(grown, mask)
    assert not dilate(np.zeros((4, 5), bool), 3).any()


def test_dilation_leaves_its_argument_alone():
    mask = blobs(1)
    before = mask.copy()
    dilate(mask, 4)
    np.testing.assert_array_equal(mask, before)


def test_operations_take_views_that_are_not_contiguous():
    mask = blobs(2)
    view = mask[::2, ::-3]
    solid = np.ascontiguousarray(view)
    assert bounding_box(view) == bounding_box(solid)
    np.testing.assert_array_equal(dilate(view, 2), dilate(solid, 2))
    np.testing.assert_array_equal(boundary(view), boundary(solid))


def test_bounding_box_holds_the_outermost_pixels():
    mask = np.zeros((10, 12), bool)
    mask[2, 5] = mask[7, 3] = True
    assert bounding_box(mask) == Box(x=3, y=2, width=3, height=6)


def test_empty_mask_has_no_box():
    assert bounding_box(np.zeros((3, 4), bool)) is None


def test_full_mask_has_the_picture_as_box():
    assert bounding_box(np.ones((3, 4), bool)) == Box(0, 0, 4, 3)


@pytest.mark.parametrize(
    "box", [Box(-2, -1, 4, 3), Box(3, 2, 9, 9), Box(-5, 0, 2, 2), Box(9, 9, 1, 1)]
)
def test_box_mask_is_cut_at_the_picture(box):
    rows, columns = np.indices((4, 6))
    inside = (columns >= box.x) & (columns < box.x + box.width)
    inside &= (rows >= box.y) & (rows < box.y + box.height)
    np.testing.assert_array_equal(box_mask(box, Size(4, 6)), inside)


def test_box_and_mask_of_a_box_are_inverse():
    box = Box(2, 1, 3, 4)
    assert bounding_box(box_mask(box, Size(9, 9))) == box


@pytest.mark.parametrize("seed", range(5))
def test_boundary_differs_from_right_lower_or_lower_right(seed):
    mask = blobs(seed)
    np.testing.assert_array_equal(boundary(mask), naive_boundary(mask))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_boundary_of_thin_pictures(shape):
    mask = np.random.default_rng(3).random(shape) > 0.5
    np.testing.assert_array_equal(boundary(mask), naive_boundary(mask))


def test_a_mask_that_fills_the_picture_has_no_boundary():
    assert not boundary(np.ones((5, 6), bool)).any()


def test_objects_are_split_without_background_and_void():
    labels = np.array([[0, 2, 255], [7, 2, 0]], np.uint8)
    masks = split_objects(labels)
    assert list(masks) == [2, 7]
    assert masks[2].tolist() == [[False, True, False], [False, True, False]]
    assert masks[7].sum() == 1


def test_merged_objects_are_the_argmax_with_background_one_less_the_best():
    rng = np.random.default_rng(0)
    probs = {label: rng.random((6, 7), np.float32) for label in (3, 1, 9)}
    stack = np.stack([probs[1], probs[3], probs[9]])
    background = 1 - stack.max(axis=0, keepdims=True)
    expected = np.array([0, 1, 3, 9])[np.argmax(np.concatenate([background, stack]), axis=0)]
    np.testing.assert_array_equal(merge_objects(probs), expected)


def test_a_pixel_at_the_threshold_is_background_and_equal_objects_go_to_the_lowest_id():
    probs = {2: np.array([[0.5, 0.8]], np.float32), 1: np.array([[0.5, 0.8]], np.float32)}
    assert merge_objects(probs).tolist() == [[0, 1]]
    assert merge_objects(probs, threshold=0.4).tolist() == [[1, 1]]


def test_splitting_undoes_merging():
    labels = np.array([[0, 2, 2], [4, 4, 0]], np.uint8)
    probs = {label: mask.astype(np.float32) for label, mask in split_objects(labels).items()}
    np.testing.assert_array_equal(merge_objects(probs), labels)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        ({}, "at least one object"),
        ({0: np.zeros((2, 2), np.float32)}, "object ids 1 to 254"),
        ({1: np.zeros((2, 2), np.float32), 255: np.zeros((2, 2), np.float32)}, "ids 1 to 254"),
        ({1: np.zeros(4, np.float32)}, "one shape"),
        ({1: np.zeros((1, 2, 2), np.float32)}, "one shape"),
        ({1: np.zeros((2, 2), np.float32), 2: np.zeros((2, 3), np.float32)}, "one shape"),
        ({1: np.full((2, 2), np.nan, np.float32)}, "probabilities in"),
        ({1: np.full((2, 2), 3, np.float32)}, "apply the softmax"),
    ],
)
def test_objects_that_cannot_be_merged_are_named(probs, message):
    with pytest.raises(InputError, match=message):
        merge_objects(probs)


def test_the_largest_id_is_an_object():
    probs = {254: np.array([[0.9, 0.1]], np.float32), 1: np.array([[0.2, 0.8]], np.float32)}
    assert merge_objects(probs).tolist() == [[254, 1]]
    assert [*split_objects(np.array([[254, 255]], np.uint8))] == [254]


@pytest.mark.parametrize("shape", [(4,), (1, 2, 2)])
def test_labels_that_are_no_picture_are_refused(shape):
    with pytest.raises(InputError, match=r"labels: expected a uint8 array \(H, W\), got uint8"):
        split_objects(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=r"got int64"):
        split_objects(np.zeros((2, 2), np.int64))
    with pytest.raises(InputError, match=r"mask: expected a bool array \(H, W\), got bool"):
        boundary(np.zeros(shape, bool))


def test_labels_where_a_mask_is_expected_are_refused():
    with pytest.raises(InputError, match=r"mask: expected a bool array \(H, W\), got uint8"):
        bounding_box(np.zeros((3, 3), np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_present_values_are_those_of_unique(dtype):
    values = np.random.default_rng(2).choice([0, 1, 7, 255], (9, 14)).astype(dtype)
    for part in (values, values[::2, 1::3], values[:0], np.full((3, 2), 255, dtype)):
        found = present_values(part)
        assert found.dtype == part.dtype
        np.testing.assert_array_equal(found, np.unique(part))
