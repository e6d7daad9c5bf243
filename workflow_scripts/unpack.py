"""Unpack the archives of one data set."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.layouts import first_pattern
from masktrack_core.datasets.sources import find_root
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.download import received
from masktrack_core.files.io import write_digest
from masktrack_core.files.unpacking import unpack

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the folder in which the set lies as its layout says."""
    with job_log(job, __file__):
        pattern = first_pattern(job.params.layout)
        archives = [received(Path(path)) for path in job.input]
        unpack(archives, Path(job.output.folder), choose=lambda folder: find_root(folder, pattern))
        write_digest(Path(job.output.digest), Path(job.output.folder))


main(snakemake)
