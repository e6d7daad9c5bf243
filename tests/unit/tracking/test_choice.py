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


def test_the_next_frame_mends_most_of_the_frames_that_it_would_answer_for():
    badness = np.zeros(60)
    badness[5] = 0.9
    badness[30:41] = 0.4  # less in each, more in all
    assert next_frame(badness, [0], range(60)) == 35
    badness[50] = 9
    assert next_frame(badness, [0, 35], range(60)) == 50
    assert next_frame(badness, [0, 35, 50], [5, 6]) == 5


def test_what_a_frame_mends_falls_by_half_in_twenty_frames():
    for own, expected in ((0.93, 58), (0.94, 90)):  # 0.5 ** (2 / 20) is 0.933
        badness = np.zeros(100)
        badness[60], badness[90] = 1, own
        assert next_frame(badness, [0, 64], [58, 90]) == expected


def test_frames_nearer_to_what_was_given_count_for_nothing():
    badness = np.array([0, 0.9, 0.9, 0, 0.2, 0, 0, 0.15, 0.0])
    assert next_frame(badness, [0, 3], [5, 6]) == 6  # 4 is as near to 3 as to 5
    assert next_frame(badness, [0], [1, 8]) == 1
    assert next_frame(np.zeros(9), [0], range(9)) == 1  # of equal ones the earliest
    assert next_frame(badness, [0, 1], [0, 1]) is None
