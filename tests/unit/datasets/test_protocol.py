import pytest

from masktrack_core.datasets.protocol import scored_frames
from masktrack_core.errors import InputError


def test_scored_frames_leave_out_the_ends_that_are_named():
    frames = list(range(5))
    assert frames[scored_frames(5, {"first", "last"})] == [1, 2, 3]
    assert frames[scored_frames(5, ["first"])] == [1, 2, 3, 4]
    assert frames[scored_frames(5, ())] == frames


def test_a_sequence_that_begins_later_skips_its_own_first_frame():
    frames = list(range(9))
    assert frames[scored_frames(9, {"first", "last"}, start=4)] == [5, 6, 7]
    assert frames[scored_frames(9, (), start=4)] == [4, 5, 6, 7, 8]
    with pytest.raises(InputError, match="9 frames that begins at frame 8 has none left"):
        scored_frames(9, {"first"}, start=8)


def test_a_sequence_without_scored_frames_is_refused():
    with pytest.raises(InputError, match="a sequence of 2 frames has none left"):
        scored_frames(2, {"first", "last"})


@pytest.mark.parametrize("skip", ["first", {"middle"}])
def test_other_words_for_skipped_frames_are_refused(skip):
    with pytest.raises(InputError, match="expected a collection of 'first' and 'last'"):
        scored_frames(9, skip)
