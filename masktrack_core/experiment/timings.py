"""What the jobs of a run cost: the files that Snakemake's ``benchmark:`` wrote, by stage."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from masktrack_core.errors import InputError, describe

#: Columns of `stage_table`: what each is, and its unit.
STAGES = ("stage", "jobs", "cpu_s", "wall_s", "cpu_s_per_job", "memory_mb", "gpu_memory_mb")
#: What `provenance.job_log` writes at the end of a job's log; the second if it used a GPU.
CPU_TIME = re.compile(r"CPU time ([\d.]+) s")
GPU_PEAK = re.compile(r"GPU memory peak (\d+) MB")


def read_timings(benchmarks: Path, logs: Path | None = None) -> pd.DataFrame:
    """Return a row for each job: ``stage``, ``job``, ``cpu_s``, ``wall_s``, ``memory_mb`` and GPU.

    ``benchmarks`` holds ``<rule>/….tsv`` as Snakemake writes them, ``logs`` what the jobs said,
    ``<rule>/….log``. CPU time is that of the log: Snakemake looks now and then, its figure for a
    short job is too low and stands only where there is no log. ``gpu_memory_mb`` is NaN where a log
    says nothing of a GPU. A file that a killed run left cut short is passed over. Raises
    `InputError` where there is not one file.
    """
    rows = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        place = path.relative_to(benchmarks)
        try:
            last = pd.read_csv(path, sep="\t").iloc[-1]
            numbers = pd.to_numeric(last[["s", "cpu_time", "max_rss"]], errors="coerce")
        except (OSError, ValueError, LookupError):
            continue
        log = None if logs is None else logs / place.with_suffix(".log")
        wall_s, cpu_s, memory_mb = (float(number) for number in numbers)
        cpu_s = _said(log, CPU_TIME, cpu_s)
        job = (place.parts[0], str(place.with_suffix("")), cpu_s, wall_s, memory_mb)
        rows.append((*job, _said(log, GPU_PEAK, np.nan)))
    if not rows:
        raise InputError(
            f"{benchmarks}: expected what jobs cost, <rule>/….tsv, found none; run something first"
        )
    names = ["stage", "job", "cpu_s", "wall_s", "memory_mb", "gpu_memory_mb"]
    return pd.DataFrame(rows, columns=names)


def _said(log: Path | None, what: re.Pattern[str], otherwise: float) -> float:
    """Return the last number that a log gives for something."""
    if log is None or not log.is_file():
        return otherwise
    found = what.findall(log.read_text(encoding="utf-8", errors="replace"))
    return float(found[-1]) if found else otherwise


def stage_table(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return what each stage cost in all, dearest first, with the columns `STAGES`.

    ``cpu_s`` and ``wall_s`` are sums over its jobs, ``cpu_s_per_job`` a median; memory is that of
    the largest job. ``jobs`` is what `read_timings` returns.
    """
    stages = jobs.groupby("stage", sort=True).agg(
        jobs=("job", "size"),
        cpu_s=("cpu_s", "sum"),
        wall_s=("wall_s", "sum"),
        cpu_s_per_job=("cpu_s", "median"),
        memory_mb=("memory_mb", "max"),
        gpu_memory_mb=("gpu_memory_mb", "max"),
    )
    ordered = stages.sort_values(["cpu_s", "wall_s"], ascending=False, kind="stable")
    return ordered.reset_index()[list(STAGES)]


def read_stages(path: Path) -> pd.DataFrame:
    """Return the table of stages that an earlier run wrote; raise `InputError` for another file."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected the table of an earlier run, results/timings.csv, got "
            f"{describe(error)}; check the path"
        ) from error
    if not set(STAGES) <= set(table.columns):
        raise InputError(
            f"{path}: expected the columns {list(STAGES)}, got {list(table.columns)}; give the "
            "results/timings.csv of an earlier run"
        )
    return table
