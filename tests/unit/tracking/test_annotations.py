"""The rule of what an annotated frame says of an object, on masks of a few pixels."""

import logging

import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.tracking.annotations import (
    annotation_sources,
    annotations_by_object,
    masks_of_others,
    nearest_spans,
    pixels_of_others,
)

NOTHING = np.zeros((4, 6), bool)


def mask(*columns):
    made = NOTHING.copy()
    made[1:3, columns] = True
    return made


def shown(objects):
    """Object → frame → whether the object has a pixel there."""
    return {
        label: {t: bool(given.any()) for t, given in annotations.items()}
        for label, annotations in objects.items()
    }


def test_an_object_is_not_before_its_first_annotation_where_an_earlier_frame_lacks_it():
    objects = annotations_by_object({0: {1: mask(0)}, 8: {1: mask(1), 2: mask(4)}})
    assert shown(objects) == {1: {0: True, 8: True}, 2: {0: False, 8: True}}


def test_an_object_whose_first_annotation_is_the_first_of_all_leaves_the_frames_before_open():
    assert shown(annotations_by_object({8: {2: mask(4)}, 9: {1: mask(0)}})) == {
        1: {8: False, 9: True},
        2: {8: True},
    }


def test_an_object_that_a_later_frame_lacks_goes_on_and_one_line_says_so(caplog):
    caplog.set_level(logging.INFO)
    given = {0: {1: mask(0), 2: mask(4)}, 8: {1: mask(1)}, 12: {1: mask(2)}}
    assert shown(annotations_by_object(given))[2] == {0: True}
    assert len(caplog.records) == 1
    assert "object 2: not in the annotation of frame 8, 12; it goes on" in caplog.text


def test_an_object_that_a_complete_frame_lacks_is_gone_there(caplog):
    caplog.set_level(logging.INFO)
    given = {0: {1: mask(0), 2: mask(4)}, 8: {1: mask(1)}, 12: {1: mask(2)}}
    assert shown(annotations_by_object(given, complete=[8]))[2] == {0: True, 8: False}
    assert "not in the annotation of frame 12;" in caplog.text


def test_the_masks_of_the_others_are_one_by_one_and_empty_ones_are_none():
    objects = {1: {0: mask(0)}, 2: {0: mask(1), 4: NOTHING}, 5: {0: mask(2), 4: mask(3)}}
    found = masks_of_others(objects, 1)
    assert sorted(found) == [0, 4]
    assert [one.tolist() for one in found[0]] == [mask(1).tolist(), mask(2).tolist()]
    assert [one.tolist() for one in found[4]] == [mask(3).tolist()]
    assert sorted(masks_of_others(objects, 5)) == [0]


def test_an_empty_mask_of_an_object_says_that_it_is_not_there():
    objects = annotations_by_object({0: {1: mask(0), 2: mask(4)}, 8: {2: NOTHING}})
    assert shown(objects) == {1: {0: True}, 2: {0: True, 8: False}}


def test_an_object_with_empty_masks_alone_is_refused():
    with pytest.raises(InputError, match=r"object 2: expected .*, got empty ones in \[0, 8\]"):
        annotations_by_object({0: {1: mask(0), 2: NOTHING}, 8: {2: NOTHING}})


def test_the_pixels_of_others_are_those_that_are_not_its_own():
    objects = {
        1: {0: mask(0, 1), 8: mask(2)},
        2: {0: mask(1, 4), 5: NOTHING},
        3: {5: mask(5), 8: mask(2, 3)},
    }
    taken = pixels_of_others(objects, 1)
    assert sorted(taken) == [0, 5, 8]
    for t, expected in ((0, mask(4)), (5, mask(5)), (8, mask(3))):
        assert np.array_equal(taken[t], expected)


@pytest.mark.parametrize(
    ("annotated", "length", "expected"),
    [
        ([0], 4, [(0, [1, 2, 3])]),
        ([2], 4, [(2, [1, 0]), (2, [3])]),
        ([0, 4], 5, [(0, [1, 2]), (4, [3])]),
        ([0, 3], 5, [(0, [1]), (3, [2]), (3, [4])]),
        ([0, 1], 2, []),
    ],
)
def test_each_frame_is_reached_once_from_the_nearest_annotation(annotated, length, expected):
    spans = [(start, list(order)) for start, order in nearest_spans(annotated, length)]
    assert spans == expected


@pytest.mark.parametrize(
    ("annotated", "absent", "expected"),
    [
        ([0], [3], [(0, [1, 2])]),
        ([4], [0], [(4, [5, 6])]),
        ([0, 6], [3], [(0, [1, 2])]),
        ([2], [0, 4], [(2, [3])]),
        ([1], [4, 5], [(1, [0]), (1, [2, 3])]),
    ],
)
def test_frames_after_one_without_the_object_are_reached_from_its_next_alone(
    annotated, absent, expected
):
    spans = [(start, list(order)) for start, order in nearest_spans(annotated, 7, absent=absent)]
    assert spans == expected


def test_the_nearest_annotation_answers_and_of_two_as_near_the_earlier():
    sources = annotation_sources({4: mask(0), 0: mask(1), 7: mask(2)}, 9)
    assert [sources[t] for t in range(9)] == [0, 0, 0, 4, 4, 4, 7, 7, 7]  # 2: between 0 and 4
    assert annotation_sources({0: NOTHING, 2: mask(1), 4: NOTHING}, 6) == {0: 0, 2: 2, 3: 2, 4: 4}
