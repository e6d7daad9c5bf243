"""What a run says on the screen, from the events that Snakemake sends to a logger."""

import io
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_masktrack as plugin
from tests.workflow.conftest import ROOT


class Listener:
    """The plugin, told things at given times."""

    def __init__(self, monkeypatch, *, terminal=False, **asked):
        self.stream, self.at = io.StringIO(), 1000.0
        self.stream.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stderr", self.stream)
        monkeypatch.setattr(plugin.threading.Thread, "start", lambda thread: None)
        monkeypatch.setattr(plugin.time, "time", lambda: self.at)
        words = ("quiet", "verbose", "debug_dag", "printshellcmds", "dryrun", "stdout", "nocolor")
        settings = dict.fromkeys((*words, "show_failed_logs"), False) | {"quiet": None} | asked
        self.handler = plugin.LogHandler(SimpleNamespace(**settings), None)

    def __call__(self, text=None, level=logging.INFO, after=0.0, **extra):
        self.at += after
        record = logging.makeLogRecord({"msg": text, "levelno": level, "created": self.at} | extra)
        self.handler.handle(record)

    def job(self, number, rule, *, output=("x",)):
        names = {"sequence": "bus"}
        job = {"jobid": number, "rule_name": rule, "wildcards": names, "output": output}
        self(event=LogEvent.JOB_INFO, **job)

    def done(self, number, after=1.0):
        self(event=LogEvent.JOB_FINISHED, job_id=number, after=after)

    def failed(self, number, rule, log, said="exit status 1"):
        self(said, logging.ERROR, event=LogEvent.ERROR, exception="RuleException")
        job = {"jobid": number, "rule_name": rule, "log": [str(log)]}
        self("Error in rule", logging.ERROR, event=LogEvent.JOB_ERROR, **job)

    @property
    def lines(self):
        return self.stream.getvalue().splitlines()


@pytest.fixture
def listener(monkeypatch):
    listener = Listener(monkeypatch)
    listener(unit_costs={"track": 10.0, "score": 2.0})
    listener("Building DAG of jobs...")
    listener("Workflow has started!", event=LogEvent.WORKFLOW_STARTED)
    listener("Provided cores: 2", event=LogEvent.RESOURCES_INFO, cores=2)
    return listener


PLAN = {"track": 2, "score": 2, "all": 1, "total": 5}


def test_a_run_is_a_line_a_stage_with_what_is_left(listener):
    listener(event=LogEvent.RUN_INFO, stats=PLAN)
    listener("Using shell: /bin/bash")
    for number, rule in enumerate(["track", "track", "score", "score"]):
        listener.job(number, rule)
        listener.done(number, after=6.0)
    listener.job(4, "all", output=())
    listener.done(4)
    listener("Complete log(s): /here/run.log")
    listener.handler.close()
    assert listener.lines == [
        "5 jobs, at least 12 s left: 2 track, 2 score, 1 all",
        "track 2/2                2/5 jobs, at least 2 s left",
        "score 2/2                4/5 jobs, time left not known",
        "5 of 5 jobs done in 25 s; everything: /here/run.log",
    ]


def test_stages_that_are_over_at_once_share_a_line(listener):
    listener(event=LogEvent.RUN_INFO, stats={"index": 1, "score": 1, "total": 2})
    for number, rule in enumerate(["index", "score"]):
        listener.job(number, rule)
        listener.done(number)
    listener.handler.close()
    assert listener.lines[1:-1] == ["index 1/1, score 1/1     2/2 jobs, 0 s left"]


def test_a_failure_is_said_once_and_at_the_end_and_warnings_once(listener, tmp_path):
    log = tmp_path / "1.log"
    log.write_text("ERROR masks: expected a mask, got a poem\n")
    listener(event=LogEvent.RUN_INFO, stats=PLAN)
    for _ in range(2):
        listener("frames resized", logging.WARNING)
    listener.job(1, "track")
    listener.failed(1, "track", log)
    listener.job(2, "track")
    listener.done(2)
    listener("Exiting because a job execution failed. Look above", logging.ERROR)
    said = "WorkflowError:\nAt least one job did not complete successfully."
    listener(said, logging.ERROR, event=LogEvent.ERROR, exception="WorkflowError")
    listener.handler.close()
    assert listener.lines[1:] == [
        "warning: frames resized",
        "failed: track (sequence bus)",
        "  ERROR masks: expected a mask, got a poem",
        f"  see {log}",
        "1 failed, 1 of 5 jobs done in 1 s",
    ]


def test_a_job_that_is_tried_again_says_why_and_then_counts_as_done(listener, tmp_path):
    log = tmp_path / "1.log"
    log.write_text("ERROR no memory\n")
    listener(event=LogEvent.RUN_INFO, stats={"score": 1, "total": 1})
    listener.job(1, "score")
    listener.failed(1, "score", log)
    listener("Trying to restart job 1.")
    listener.job(1, "score")
    listener.done(1)
    listener.handler.close()
    assert listener.lines[2:5] == ["  ERROR no memory", f"  see {log}", "  tried again"]
    assert listener.lines[-1] == "1 of 1 jobs done in 1 s"


def test_grouped_jobs_of_a_cluster_fail_one_by_one(listener, tmp_path):
    listener(event=LogEvent.RUN_INFO, stats=PLAN)
    jobs = [{"jobid": n, "rule_name": "score", "log": [str(tmp_path / f"{n}")]} for n in (1, 2)]
    for job in jobs:
        listener.job(job["jobid"], "score")
    listener("", logging.ERROR, event=LogEvent.GROUP_ERROR, job_error_info=jobs)
    listener("Trying to restart job 99.")
    listener.job(2, "score")
    listener.done(2)
    listener.handler.close()
    assert [line for line in listener.lines if line.startswith("  see")] == [
        f"  see {tmp_path / '1'}"
    ]
    assert listener.lines[1] == "Trying to restart job 99."


def test_an_error_before_any_job_is_said(listener):
    said = "tables.t: unknown name"
    listener(said, logging.ERROR, event=LogEvent.ERROR, exception="WorkflowError")
    listener("no such file", logging.ERROR, event=LogEvent.ERROR, exception="MissingInputException")
    listener.handler.close()
    assert listener.lines == [said, "no such file"]


def test_a_long_silence_is_broken_more_and_more_rarely(listener):
    listener(event=LogEvent.RUN_INFO, stats={"track": 1, "total": 1})
    listener.job(1, "track")
    for _ in range(3600):
        listener("Select jobs to execute...", after=1.0)
    spoken = [line for line in listener.lines if line.startswith("track 0/1; 0/1 jobs")]
    assert 10 < len(spoken) < 35


def test_a_terminal_has_one_line_that_is_written_over(monkeypatch):
    listener = Listener(monkeypatch, terminal=True)
    listener(event=LogEvent.RUN_INFO, stats={"track": 1, "total": 1})
    listener.job(1, "track")
    assert listener.stream.getvalue().endswith("\r\x1b[Ktrack 0/1; 0/1 jobs, time left not known")


def test_nothing_is_written_over_where_there_is_no_terminal(listener):
    listener(event=LogEvent.RUN_INFO, stats=PLAN)
    listener.job(1, "track")
    assert "\r" not in listener.stream.getvalue()


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ({"verbose": True}, True),
        ({"printshellcmds": True}, True),
        ({"quiet": {Quietness.ALL}}, False),
    ],
)
def test_who_asks_for_snakemakes_words_gets_them(monkeypatch, asked, spoken):
    listener = Listener(monkeypatch, **asked, nocolor=True)
    listener("Building DAG of jobs...")
    listener.handler.close()
    assert listener.lines == (["Building DAG of jobs..."] if spoken else [])


def test_snakemake_finds_the_plugin_where_the_project_is_on_pythons_path(tmp_path):
    words = "from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry as R\n"
    command = [sys.executable, "-c", f"{words}print(*R().plugins)"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "masktrack" in done.stdout.split()
