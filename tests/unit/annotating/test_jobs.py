import sys
import time
from threading import Event

import pytest

from masktrack_core.annotating import jobs as module
from masktrack_core.annotating.jobs import Jobs, Progress, run_command
from masktrack_core.errors import InputError


def until(there, seconds=120):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_job_at_a_time_and_it_stops_when_told():
    jobs = Jobs()

    def work(progress, stop):
        progress.at("count", 1, 4)
        stop.wait()

    jobs.start("first", work)
    until(lambda: jobs.progress.done)
    with pytest.raises(InputError, match="second: 'first' is at work; wait, or stop it"):
        jobs.start("second", work)
    assert jobs.progress.running
    jobs.stop()
    assert not jobs.progress.running and jobs.progress.error == ""
    jobs.start("second", lambda progress, stop: None)
    until(lambda: not jobs.progress.running)


def test_what_goes_wrong_is_said_and_the_next_job_runs():
    jobs = Jobs()

    def fail(progress, stop):
        raise InputError("frame 3: expected a picture, got damage")

    jobs.start("follow", fail)
    until(lambda: not jobs.progress.running)
    assert jobs.progress.error == "frame 3: expected a picture, got damage"


def test_the_time_left_is_by_the_steps_done(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    progress = Progress("learn")
    assert progress.left_s is None
    progress.at("learn", 0, 8)
    clock[0] += 6
    progress.at("learn", 2, 8)
    assert progress.left_s == 18
    progress.at("follow", 0, 10)
    clock[0] += 1
    progress.at("follow", 5, 10)
    assert progress.left_s == 1


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Let `run_command` run a script of ours instead of the command line."""
    script = tmp_path / "fake.py"
    monkeypatch.setattr(
        module.subprocess,
        "Popen",
        lambda words, real=module.subprocess.Popen, **options: real(
            [sys.executable, str(script), *words[3:]], **options
        ),
    )
    return script


def test_the_bars_of_a_command_are_the_progress(command):
    command.write_text(
        "import sys, time\nfrom tqdm import tqdm\n"
        "for _ in tqdm(range(7), 'object 1 of 1: learn', mininterval=0, disable=None): pass\n"
    )
    progress = Progress("learn and follow")
    run_command(["segment"], progress, Event())
    assert (progress.words, progress.done, progress.total) == ("object 1 of 1: learn", 7, 7)
    command.write_text(
        "import logging\nlogging.basicConfig(level=logging.INFO)\n"
        "from masktrack_core.progress import Stage, bar, course\n"
        "stages = [Stage('object 1 of 1: learn', 'learn', 4), Stage('follow', 'follow', 4000)]\n"
        "with course(stages, {'learn': 1.0, 'follow': 1.0}):\n"
        "    shown = bar(range(2), 'object 1 of 1: learn', total=4, delay=0, mininterval=0)\n"
        "    for _ in shown: pass\n"
    )
    run_command(["segment"], progress, Event())
    assert (progress.done, progress.total) == (2, 4) and 3600 < progress.left_s < 4100


def test_a_command_that_fails_says_its_last_line(command):
    command.write_text("print('one')\nraise SystemExit('masktrack: clip: damaged')\n")
    with pytest.raises(InputError, match=r"^clip: damaged$"):
        run_command(["segment"], Progress("learn"), Event())


def test_a_command_is_told_to_stop_and_may_save(command, tmp_path):
    command.write_text(
        "import pathlib, signal, sys, time\n"
        "def stop(*_):\n    raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "try:\n    pathlib.Path(sys.argv[1] + '/begun').touch()\n    time.sleep(300)\n"
        "except KeyboardInterrupt:\n"
        "    pathlib.Path(sys.argv[1] + '/saved').touch()\n    sys.exit(130)\n"
    )
    stop, began = Event(), time.monotonic()
    jobs = Jobs()
    jobs.start("learn", lambda progress, _: run_command([str(tmp_path)], progress, stop))
    until((tmp_path / "begun").exists)
    stop.set()
    until(lambda: not jobs.progress.running)
    assert (tmp_path / "saved").exists() and jobs.progress.error == ""
    assert time.monotonic() - began < 300
