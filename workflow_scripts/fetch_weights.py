"""Download published weights, checked against their checksum (paper §4: VGG16 of ImageNet)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.published import fetch_weights

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Put the file at its place; a download that is there and whole is used again."""
    with job_log(job, __file__):
        fetch_weights(job.params.weights, Path(job.params.downloads), Path(job.output[0]))


main(snakemake)
