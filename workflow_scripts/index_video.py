"""List the frames and the truth of one sequence."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets import index_video
from masktrack_core.io import write_table
from masktrack_core.provenance import job_log
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the index of one sequence: a row per frame and object."""
    with job_log(job.log[0], __file__):
        layout = job.params.dataset["layout"]
        root = Path(job.params.root)
        index = index_video(root, layout, job.wildcards.sequence, job.params.objects)
        write_table(Path(job.output[0]), index, INDEX)


main(snakemake)
