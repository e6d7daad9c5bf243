"""Render the stills of the embedded benchmark in the layout of ECSSD."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.arrays import Size
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import write_digest
from masktrack_core.rendered.layouts import write_stills

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write ``count`` frames and masks below the folder that both outputs share."""
    with job_log(job, __file__):
        root = Path(job.output.frames).parent
        write_stills(root, job.params.stills, size=Size(120, 160), seed=job.params.seed)
        write_digest(Path(job.output.digest), root)


main(snakemake)
