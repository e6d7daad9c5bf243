"""Unpack an archive of somebody else's masks."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.download import received
from masktrack_core.files.unpacking import unpack

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the contents of the archive into a folder of its own."""
    with job_log(job, __file__):
        shutil.rmtree(job.output[0], ignore_errors=True)
        unpack(received(Path(job.input[0])), Path(job.output[0]))


main(snakemake)
