"""List the annotated frames of video sets as stills (paper §5.2, "Training on video")."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.contents import with_contents
from masktrack_core.datasets.video_stills import stills_of_videos
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import read_table, write_table
from masktrack_core.tables import INDEX, STILLS

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the masks and their index."""
    with job_log(job, __file__):
        places = [f"{dataset}/{sequence}" for dataset, sequence in job.params.sequences]
        indexes = [read_table(Path(path), INDEX) for path in job.input.indexes]
        named = dict(zip(places, indexes, strict=True))
        stills = stills_of_videos(named, Path(job.output.masks))
        write_table(Path(job.output.index), with_contents(stills), STILLS)


main(snakemake)
