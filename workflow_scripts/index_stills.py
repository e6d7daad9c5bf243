"""List the frames and masks of one set of stills."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.contents import with_contents
from masktrack_core.datasets.stills import drop_empty, index_stills
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import write_table
from masktrack_core.tables import STILLS

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the index of the stills whose mask is not empty."""
    with job_log(job, __file__):
        index = index_stills(Path(job.params.root), job.params.layout)
        write_table(Path(job.output[0]), with_contents(drop_empty(index)), STILLS)


main(snakemake)
