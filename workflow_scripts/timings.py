"""Gather what the jobs cost into a table and a figure: where the time goes, by stage."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.timings import read_timings, stage_table
from masktrack_core.files.io import write_csv
from masktrack_core.pictures.figures import write_figure
from masktrack_core.pictures.plots import stages_figure

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row a stage, and its picture."""
    with job_log(job, __file__):
        jobs = read_timings(Path(job.params.benchmarks), Path(job.params.logs))
        stages = stage_table(jobs)
        write_csv(Path(job.output.table), stages, decimals=2)
        write_figure(stages_figure(stages), [job.output.pdf, job.output.png])


main(snakemake)
