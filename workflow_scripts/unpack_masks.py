"""Unpack an archive of somebody else's masks."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.download import received
from masktrack_core.files.io import write_digest
from masktrack_core.files.unpacking import unpack

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the contents of the archive into a folder of its own."""
    with job_log(job, __file__):
        shutil.rmtree(job.output.folder, ignore_errors=True)
        unpack(received(Path(job.input[0])), Path(job.output.folder))
        write_digest(Path(job.output.digest), Path(job.output.folder))


main(snakemake)
