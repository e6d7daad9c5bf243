import numpy as np

from masktrack_core.seeds import numpy_rng
from masktrack_core.tracking.choice import even_frames, next_frame, random_frames


def test_even_frames_are_those_of_the_paper():
    assert even_frames(0, 80, 4) == [0, 20, 40, 60]
    assert even_frames(0, 10, 3) == [0, 3, 6]
    assert even_frames(5, 15, 2) == [5, 10]
    assert even_frames(2, 4, 9) == [2, 3]


def test_fewer_random_frames_are_among_more_and_the_first_is_with_them():
    few, many = (random_frames(3, 40, count, rng=numpy_rng(1)) for count in (4, 9))
    assert len(few) == 4 and len(many) == 9 and set(few) < set(many)
    assert few == sorted(few) and few[0] == 3 and max(many) < 40
    assert random_frames(3, 40, 4, rng=numpy_rng(2)) != few
    assert random_frames(3, 6, 9, rng=numpy_rng(1)) == [3, 4, 5]


def test_the_next_frame_is_the_worst_possible_one_that_was_not_given():
    badness = np.array([0.9, 0.1, 0.8, 0.8, 0.7])
    assert next_frame(badness, [0], range(5)) == 2  # of equal ones the earliest
    assert next_frame(badness, [0, 2], [1, 3, 4]) == 3
    assert next_frame(badness, [0, 1], [0, 1]) is None
