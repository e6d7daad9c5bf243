import io
import logging

import pytest

from masktrack_core import progress
from masktrack_core.progress import Course, Stage, bar, course


@pytest.mark.parametrize(("level", "is_shown"), [("INFO", True), ("WARNING", False)])
def test_bars_are_shown_where_the_log_tells_more_than_warnings(caplog, level, is_shown):
    caplog.set_level(level, logger="masktrack_core")
    assert progress.is_quiet() is not is_shown
    assert logging.getLogger("masktrack_core.files.io").isEnabledFor(logging.INFO) is is_shown
    shown = bar(range(3), "words", disable=progress.is_quiet(), delay=0)
    assert shown.disable is not is_shown
    assert [*shown] == [0, 1, 2]


STAGES = [
    Stage("object 1 of 2: learn", "learn", 10),
    Stage("object 2 of 2: learn", "learn", 10),
    Stage("write masks", "masks", 100),
]


def test_the_time_left_is_that_of_all_stages_by_what_was_measured():
    ahead = Course(STAGES, {"learn": 2.0, "masks": 0.1})
    assert ahead.begin("object 1 of 2: learn")
    assert ahead.left_s(10, 0, 0.0) == pytest.approx(20 + 20 + 10)
    # Half of the guessed time a step: the masks, of which nothing is measured, take half, too.
    assert ahead.left_s(6, 4, 4.0) == pytest.approx(6 + 10 + 5)
    ahead.end(10, 10.0)
    assert ahead.begin("write masks")  # the second object was learnt before
    assert ahead.left_s(100, 0, 0.0) == pytest.approx(5)
    assert ahead.left_s(50, 50, 40.0) == pytest.approx(40)


def test_a_bar_of_a_stage_says_what_is_left_of_all():
    def shown(words, guesses):
        file = io.StringIO()
        with course(STAGES, guesses):
            for _ in bar(range(3), words, disable=False, delay=0, mininterval=0, file=file):
                pass
        return file.getvalue()

    assert "all 01:10]" in shown("write masks", {"learn": 2.0, "masks": 70 / 3}).split("\r")[1]
    assert "all" not in shown("count frames", {"learn": 2.0, "masks": 1.0})


def test_a_bar_that_went_on_with_what_was_there_counts_what_it_did():
    with course(STAGES, {"learn": 2.0, "masks": 0.1}) as ahead:
        file = io.StringIO()
        words = STAGES[0].words
        with bar(words=words, total=10, initial=6, disable=False, delay=0, file=file) as shown:
            shown.start_t -= 8
            shown.update(4)
            assert shown.format_dict["postfix"] == "all 00:30"
        assert ahead.begin("object 2 of 2: learn")
        assert ahead.left_s(10, 0, 0.0) == pytest.approx(20 + 10, rel=0.01)
