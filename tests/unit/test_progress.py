import logging
import time

import pytest

from masktrack_core import progress
from masktrack_core.progress import Stages, bar


def test_a_stage_says_how_long_those_after_it_take(monkeypatch):
    """As expected first; then as fast as this machine turned out to be, here half as fast."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stages = Stages({"learn": 30.0, "follow": 50.0, "write": 10.0})
    with stages.stage("learn") as words:
        assert words == "learn, then about 1:00 min"
        now[0] += 60
    with stages.stage("follow") as words:
        assert words == "follow, then about 0:20 min"
        now[0] += 100
    with stages.stage("write") as words:
        assert words == "write"


@pytest.mark.parametrize(("level", "is_shown"), [("INFO", True), ("WARNING", False)])
def test_bars_are_shown_where_the_log_tells_more_than_warnings(caplog, level, is_shown):
    caplog.set_level(level, logger="masktrack_core")
    assert progress.is_quiet() is not is_shown
    assert logging.getLogger("masktrack_core.files.io").isEnabledFor(logging.INFO) is is_shown
    shown = bar(range(3), "words", disable=progress.is_quiet(), delay=0)
    assert shown.disable is not is_shown
    assert [*shown] == [0, 1, 2]
