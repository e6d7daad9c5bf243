"""Render one video set of the embedded benchmark in its original layout on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.rendered.layouts import write_video_set

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the set below the folder of its table of attributes, which is written last."""
    with job_log(job, __file__):
        write_video_set(Path(job.output[0]).parent, job.params.layout, seed=job.params.seed)


main(snakemake)
