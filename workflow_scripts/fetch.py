"""Download one file, or check the one that is there."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.download import Archive, fetch, write_receipt

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the receipt of the file, which lies beside it."""
    with job_log(job, __file__):
        row, receipt = job.params.archive, Path(job.output[0])
        archive = Archive(
            name=job.wildcards.archive,
            urls=tuple(row["urls"]),
            checksum=row["checksum"],
            instructions=row["instructions"],
        )
        write_receipt(fetch(archive, receipt.parent), receipt)


main(snakemake)
