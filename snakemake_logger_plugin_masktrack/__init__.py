"""What a run says on the screen: a line a stage, warnings, failures at the end.

A logger plugin of Snakemake (``--logger masktrack``; profiles/default switches it on). Who asks for
something else with ``--quiet``, ``--verbose``, ``--printshellcmds`` or ``--debug-dag`` gets
Snakemake's own words, as does a dry run. Snakemake's log file has everything in any case.
"""

import re
import shutil
import sys
import threading
import time
from functools import cached_property
from logging import ERROR, WARNING, LogRecord
from typing import TYPE_CHECKING, Any, TextIO

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from masktrack_core.experiment.run_progress import RunProgress


#: Seconds in which stages that are complete share a line; later a tenth of what has passed.
_TOGETHER_S = 5.0
#: Seconds between two looks at a run of which nothing new is heard.
_BEAT_S = 5.0
#: Seconds without a line after which one says how far the run is; later a tenth of what has passed.
_SILENCE_S = 60.0
#: Of what Snakemake says while jobs run, beside events: the rest is in its log file.
_KEPT = "Nothing to be done"
_AGAIN = re.compile(r"Trying to restart job (\d+)")
#: Of what it says before.
_DROPPED = ("Assuming unrestricted shared filesystem usage", "Building DAG of jobs", "Config file ")
#: Errors that only say that there were errors.
_ECHOES = ("At least one job did not complete", "Exiting because a job execution failed")


class LogHandler(LogHandlerBase):
    """Turns Snakemake's events into few lines on the standard error."""

    def __post_init__(self) -> None:
        """Begin with nothing planned."""
        asked = self.common_settings
        self._stream: TextIO = sys.stdout if asked.stdout else sys.stderr
        self._own = self._snakemakes_own()
        self._terminal = self._own is None and self._stream.isatty()
        self._jobs: dict[int, Any] = {}
        self._failures: dict[int, str] = {}
        self._errors: list[str] = []
        self._complete: list[str] = []
        self._warned: set[str] = set()
        self._started, self._log = False, ""
        self._said = time.time()
        self._over = threading.Event()
        if self._own is None:
            threading.Thread(target=self._watch, daemon=True).start()

    @cached_property
    def _progress(self) -> "RunProgress":
        """How far the run is; loaded with the first word of it.

        Before the Snakefile is read, Python finds the installed core, not the one beside it.
        """
        from masktrack_core.experiment.run_progress import RunProgress

        return RunProgress()

    def _is_planned(self) -> bool:
        """Return whether jobs have been named; before that nothing is loaded."""
        return "_progress" in vars(self) and self._progress.planned > 0

    def _snakemakes_own(self) -> ColorizingTextHandler | None:
        """Return Snakemake's handler where a person asked for its words."""
        asked = self.common_settings
        words = (asked.quiet, asked.verbose, asked.debug_dag, asked.printshellcmds, asked.dryrun)
        if not any(words):
            return None
        return ColorizingTextHandler(
            nocolor=asked.nocolor,
            stream=self._stream,
            formatter=DefaultFormatter(asked.quiet, asked.show_failed_logs),
            filter=DefaultFilter(
                asked.quiet, asked.debug_dag, asked.verbose, asked.dryrun, asked.printshellcmds
            ),
        )

    @property
    def writes_to_stream(self) -> bool:
        """Return that this takes the place of Snakemake's handler."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Return that no file is written."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return that records are chosen here."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Return that records become lines here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Return that no graph is needed."""
        return False

    def emit(self, record: LogRecord) -> None:
        """Take in what Snakemake says, and say what a person should know now."""
        if self._own is not None:
            self._own.handle(record)
            return
        try:
            event = getattr(record, "event", None)
            if event in _EVENTS:
                _EVENTS[event](self, record)
            elif event is None:
                self._words(record)
            self._beat(record.created)
        except Exception:
            self.handleError(record)

    def _workflow_started(self, record: LogRecord) -> None:
        self._started = True

    def _resources(self, record: LogRecord) -> None:
        cores = getattr(record, "cores", None) or getattr(record, "nodes", None)
        if cores and cores < sys.maxsize:
            self._progress.cores = int(cores)

    def _planned(self, record: Any) -> None:
        jobs = {rule: count for rule, count in record.stats.items() if rule != "total"}
        self._progress.plan(jobs)
        stages = ", ".join(f"{count} {rule}" for rule, count in jobs.items())
        left = self._progress.left_words(record.created)
        self._line(f"{self._progress.planned} jobs, {left}: {stages}")

    def _job(self, record: Any) -> None:
        self._jobs[record.jobid] = record
        self._progress.start(record.jobid, record.rule_name, record.created)

    def _finished(self, record: Any) -> None:
        self._failures.pop(record.job_id, None)
        stage = self._progress.finish(record.job_id, record.created)
        job = self._jobs.pop(record.job_id, None)
        # A target without files is no stage.
        if stage is not None and job is not None and job.output:
            self._complete.append(stage)

    def _failed(self, record: Any) -> None:
        for job in getattr(record, "job_error_info", None) or [vars(record)]:
            self._progress.stop(job["jobid"], record.created)
            known = self._jobs.get(job["jobid"])
            names = dict(known.wildcards) if known is not None else {}
            said = "\n".join(self._errors)
            from masktrack_core.experiment.run_progress import failure_words

            words = failure_words(job["rule_name"], names, job["log"], said)
            self._failures[job["jobid"]] = words
        self._errors.clear()

    def _error(self, record: LogRecord) -> None:
        text = record.getMessage()
        if getattr(record, "exception", None) == "WorkflowError" or not self._started:
            self._words(record)
        else:
            self._errors.append(text)

    def _words(self, record: LogRecord) -> None:
        """Say what is no event: warnings once, errors, and little of the rest."""
        if hasattr(record, "unit_costs"):
            self._progress.costs = record.unit_costs
            return
        text = record.getMessage().strip()
        if text.startswith("Complete log(s):"):
            self._log = text.partition(":")[2].strip()
        elif record.levelno >= ERROR:
            if not self._failures or not any(echo in text for echo in _ECHOES):
                self._line(text)
        elif record.levelno >= WARNING:
            if text not in self._warned:
                self._warned.add(text)
                self._line(f"warning: {text}")
        elif again := _AGAIN.match(text):
            # Of a group its jobs failed, and this is the group's number.
            failure = self._failures.pop(int(again[1]), "")
            self._line(f"{failure}\n  tried again" if failure else text)
        elif text and (text.startswith(_KEPT) if self._started else not text.startswith(_DROPPED)):
            self._line(text)

    def _watch(self) -> None:
        """Say now and then how far a run is of which nothing new is heard."""
        while not self._over.wait(_BEAT_S):
            with self.lock:  # type: ignore[union-attr]
                self._beat(time.time())

    def _beat(self, at: float) -> None:
        if self._over.is_set() or not self._is_planned():
            return
        silence, tenth = at - self._said, self._progress.elapsed_s(at) / 10
        if self._complete and silence >= max(_TOGETHER_S, tenth):
            self._say_complete(at)
        words = f"{self._progress.running_words()}; {self._progress.run_words(at)}"
        words += f", {len(self._failures)} failed" if self._failures else ""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{words[:width]}")
            self._stream.flush()
        elif at - self._said >= max(_SILENCE_S, tenth):
            self._line(words)

    def _say_complete(self, at: float) -> None:
        words = ", ".join(map(self._progress.stage_words, self._complete))
        self._complete.clear()
        self._line(f"{words:<24} {self._progress.run_words(at)}")

    def _line(self, text: str) -> None:
        clear = "\r\x1b[K" if self._terminal else ""
        self._stream.write(f"{clear}{text}\n")
        self._stream.flush()
        self._said = time.time()

    def close(self) -> None:
        """Say how the run ended: failures with their logs, jobs done, where everything is."""
        if not self._over.is_set() and self._own is None:
            self._over.set()
            if self._complete:
                self._say_complete(time.time())
            for words in [*self._failures.values(), *self._errors]:
                self._line(words)
            if self._is_planned():
                from masktrack_core.experiment.run_progress import duration

                progress, at = self._progress, time.time()
                failed = f"{len(self._failures)} failed, " if self._failures else ""
                log = f"; everything: {self._log}" if self._log else ""
                done, took = progress.done, duration(progress.elapsed_s(at))
                self._line(f"{failed}{done} of {progress.planned} jobs done in {took}{log}")
        super().close()


_EVENTS = {
    LogEvent.WORKFLOW_STARTED: LogHandler._workflow_started,
    LogEvent.RESOURCES_INFO: LogHandler._resources,
    LogEvent.RUN_INFO: LogHandler._planned,
    LogEvent.JOB_INFO: LogHandler._job,
    LogEvent.JOB_FINISHED: LogHandler._finished,
    LogEvent.JOB_ERROR: LogHandler._failed,
    LogEvent.GROUP_ERROR: LogHandler._failed,
    LogEvent.ERROR: LogHandler._error,
}
