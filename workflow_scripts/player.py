"""Write the pictures of one sequence for the page's player."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import read_table, write_digest
from masktrack_core.pictures.player import shown_times, write_player
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a folder of WebP pictures: frames, truths, a layer a method."""
    with job_log(job, __file__):
        index = read_table(Path(job.input.index), INDEX)
        videos = [open_video(index, number) for number in job.params.objects]
        write_player(
            Path(job.output.pictures),
            videos,
            {name: [Path(f) for f in folders] for name, folders in job.params.methods.items()},
            shown_times(len(videos[0]), job.params.player),
            largest=job.params.width,
            quality=job.params.quality,
        )
        write_digest(Path(job.output.digest), Path(job.output.pictures))


main(snakemake)
