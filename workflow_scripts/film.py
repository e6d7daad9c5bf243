"""Write methods side by side over one sequence as a film."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import read_table
from masktrack_core.pictures.compared_films import compared_frames
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write an MP4 file at the rate of the data set."""
    with job_log(job, __file__):
        index = read_table(Path(job.input.index), INDEX)
        videos = [open_video(index, number) for number in job.params.objects]
        methods = {name: [Path(f) for f in paths] for name, paths in job.params.methods.items()}
        frames = compared_frames(videos, methods, truth=job.params.truth)
        write_video(Path(job.output[0]), frames, rate=job.params.rate)


main(snakemake)
