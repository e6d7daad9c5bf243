"""CPU seconds of each test file, what it starts included: ``make times``.

A plugin of pytest. Wall time tells little on a machine that others use; these seconds are those of
the process and of all children it waited for. What a daemon starts for itself (SLURM's jobs) is
not among them.
"""

import os
import resource
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

#: CPU and wall seconds by file, and by test.
spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
#: Where lines are appended as tests end: a run that is killed has its measurements.
LINES = os.environ.get("CPU_BY_TEST", "")


def clocks():
    """Return CPU seconds of this process and of all below it, and wall seconds."""
    ours = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(used.ru_utime + used.ru_stime for used in ours)
    for process in psutil.Process().children(recursive=True):  # servers of the tests
        with suppress(psutil.Error):
            cpu += sum(process.cpu_times()[:4])  # its ended children's too
    return cpu, time.monotonic()


def count(name, before):
    cpu, wall = (now - then for now, then in zip(clocks(), before, strict=True))
    spent[name.partition("::")[0]][0] += cpu
    spent[name.partition("::")[0]][1] += wall
    if LINES:
        with Path(LINES).open("a") as lines:
            lines.write(f"{cpu:.2f} {wall:.2f} {name}\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    before = clocks()
    try:
        return (yield)
    finally:
        count(item.nodeid, before)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    before = clocks()
    try:
        return (yield)
    finally:
        if isinstance(collector, pytest.Module):
            count(collector.nodeid, before)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("CPU and wall seconds by file")
    for name, (cpu, wall) in sorted(spent.items(), key=lambda row: -row[1][0]):
        terminalreporter.write_line(f"{cpu:8.1f} {wall:8.1f} {name}")
    total = [sum(column) for column in zip(*spent.values(), strict=True)]
    terminalreporter.write_line(f"{total[0]:8.1f} {total[1]:8.1f} all")
