"""List the frames and the truth of one sequence."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.contents import with_contents
from masktrack_core.datasets.index import index_video
from masktrack_core.datasets.videos import check_video
from masktrack_core.errors import InputError
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import write_table
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Read every file of the sequence once, and write a row per frame and object."""
    with job_log(job, __file__):
        root, objects = Path(job.params.root), job.params.objects
        index = index_video(root, job.params.layout, job.wildcards.sequence, objects)
        problems = check_video(index)
        if problems:
            raise InputError("\n".join(problems))
        write_table(Path(job.output[0]), with_contents(index), INDEX)


main(snakemake)
