import logging

import pytest

from masktrack_core import progress
from masktrack_core.progress import bar


@pytest.mark.parametrize(("level", "is_shown"), [("INFO", True), ("WARNING", False)])
def test_bars_are_shown_where_the_log_tells_more_than_warnings(caplog, level, is_shown):
    caplog.set_level(level, logger="masktrack_core")
    assert progress.is_quiet() is not is_shown
    assert logging.getLogger("masktrack_core.files.io").isEnabledFor(logging.INFO) is is_shown
    shown = bar(range(3), "words", disable=progress.is_quiet(), delay=0)
    assert shown.disable is not is_shown
    assert [*shown] == [0, 1, 2]
