"""How far a run is: jobs done by stage, the time that is left, and what is said of a failure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

#: What `provenance.job_log` writes last: a log without it is of a process that was killed.
_COSTS = re.compile(r"CPU time [\d.]+ s|(GPU )?memory peak \d+ MB")
#: Whose log it is.
_OURS = "masktrack_core.experiment.provenance: "
#: Of a failed job's log.
_LAST_LINES = 8


@dataclass
class _Stage:
    """The jobs of one rule."""

    planned: int = 0
    done: int = 0
    #: wall time of those that are done
    spent_s: float = 0.0


class RunProgress:
    """The jobs of a run as they start and end, by stage: a stage is a rule.

    Times are seconds of one clock. A job of a stage costs what those that ended took; before that
    what ``costs`` says, CPU seconds of a job by rule.
    """

    def __init__(self) -> None:
        """Begin with nothing planned."""
        self.costs: Mapping[str, float] = {}
        #: CPUs that a job's cost is shared by until there are measurements.
        self.cores = 1
        self._stages: dict[str, _Stage] = {}
        self._running: dict[int, tuple[str, float]] = {}
        self._begun: float | None = None
        self._busy_s, self._looked = 0.0, 0.0

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Take in how many jobs each stage has."""
        for rule, count in jobs.items():
            self._stages.setdefault(rule, _Stage()).planned = count

    def start(self, job: int, rule: str, at: float) -> None:
        """Note that a job runs."""
        self._begun = at if self._begun is None else self._begun
        self._look(at)
        self._running[job] = rule, at
        self._stages.setdefault(rule, _Stage())

    def stop(self, job: int, at: float) -> None:
        """Note that a job failed: it is not done, and may run again."""
        self._look(at)
        self._running.pop(job, None)

    def finish(self, job: int, at: float) -> str | None:
        """Note that a job is done; return its stage if that is complete now."""
        self._look(at)
        if job not in self._running:
            return None
        rule, since = self._running.pop(job)
        stage = self._stages[rule]
        stage.done, stage.spent_s = stage.done + 1, stage.spent_s + at - since
        return rule if stage.done == stage.planned else None

    @property
    def planned(self) -> int:
        """Return the number of all jobs."""
        return sum(stage.planned for stage in self._stages.values())

    @property
    def done(self) -> int:
        """Return the number of jobs that are done."""
        return sum(stage.done for stage in self._stages.values())

    @property
    def stages(self) -> dict[str, int]:
        """Return the number of jobs of each stage."""
        return {rule: stage.planned for rule, stage in self._stages.items()}

    def elapsed_s(self, at: float) -> float:
        """Return the time since the first job started."""
        return 0.0 if self._begun is None else at - self._begun

    def left_s(self, at: float) -> tuple[float, int]:
        """Return the seconds that are left, and the number of jobs of which no cost is known.

        Those are left out of the sum. As many jobs are thought to run at once as did so far.
        """
        self._look(at)
        elapsed = self.elapsed_s(at)
        width = max(1.0, self._busy_s / elapsed) if elapsed > 0 else 1.0
        left, unknown = 0.0, 0
        for rule, stage in self._stages.items():
            open_jobs, ages = stage.planned - stage.done, self._ages(rule, at)
            if stage.done:
                cost, at_once = stage.spent_s / stage.done, width
            elif rule in self.costs:
                cost, at_once = self.costs[rule], float(self.cores)
            else:
                unknown += open_jobs
                continue
            left += (open_jobs * cost - sum(min(age, cost) for age in ages)) / at_once
        return left, unknown

    def stage_words(self, rule: str) -> str:
        """Return how many jobs of a stage are done."""
        stage = self._stages[rule]
        return f"{rule} {stage.done}/{stage.planned}"

    def running_words(self) -> str:
        """Return how far the stages are that have a running job."""
        rules = dict.fromkeys(rule for rule, _ in self._running.values())
        return ", ".join(map(self.stage_words, rules)) or "waiting"

    def run_words(self, at: float) -> str:
        """Return how far the run is and what is left of it."""
        return f"{self.done}/{self.planned} jobs, {self.left_words(at)}"

    def left_words(self, at: float) -> str:
        """Return the time that is left, in words."""
        left, unknown = self.left_s(at)
        if unknown and left < 1:
            return "time left not known"
        return f"{'at least ' if unknown else ''}{duration(left)} left"

    def _ages(self, rule: str, at: float) -> list[float]:
        return [at - since for name, since in self._running.values() if name == rule]

    def _look(self, at: float) -> None:
        """Add up how many jobs ran at once since the last look."""
        self._busy_s += len(self._running) * max(0.0, at - self._looked)
        self._looked = max(at, self._looked)


def duration(seconds: float) -> str:
    """Return a time in words, in two units at most: ``40 s``, ``6 min``, ``1 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 10:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def failure_words(rule: str, names: Mapping[str, str], logs: Iterable[str], said: str) -> str:
    """Return what there is to say of a failed job: which, its log's last lines, the file to open.

    ``names`` are its wildcards, ``said`` is what whoever ran it says of its end.
    """
    where = ", ".join(f"{key} {value}" for key, value in names.items())
    lines, logs = [f"failed: {rule}{f' ({where})' if where else ''}"], list(logs)
    killed = "SIGKILL" in said
    for log in logs:
        try:
            text = Path(log).read_text(encoding="utf-8", errors="replace")
        except OSError:
            lines.append(f"  no log {log}")
            continue
        # Our jobs end their log with what they cost, unless nothing is left that could.
        killed |= _OURS in text and not _COSTS.search(text)
        told = [line for line in text.splitlines() if line.strip() and not _COSTS.search(line)]
        lines += [f"  {line}" for line in told[-_LAST_LINES:]]
    if said and (not logs or "MissingOutput" in said):
        lines += [f"  {line}" for line in said.splitlines()[-_LAST_LINES:]]
    if killed:
        lines.append(
            "  Killed from outside (SIGKILL), most often because memory ran out: run fewer jobs at "
            f"once (--cores), or give this stage more (needs.{rule}.mem_mb)"
        )
    return "\n".join([*lines, *(f"  see {log}" for log in logs)])
