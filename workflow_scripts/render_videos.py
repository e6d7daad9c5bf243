"""Render one video set of the embedded benchmark in its original layout on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import write_digest
from masktrack_core.rendered.layouts import write_video_set

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the set below the folder of its table of attributes, which is written last."""
    with job_log(job, __file__):
        root = Path(job.output.attributes).parent
        write_video_set(root, job.params.layout, seed=job.params.seed)
        write_digest(Path(job.output.digest), root)


main(snakemake)
