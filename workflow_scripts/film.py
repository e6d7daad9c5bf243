"""Write the masks of one sequence over its frames as a film."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import read_mask, read_table
from masktrack_core.pictures.overlays import OBJECTS
from masktrack_core.pictures.sheets import masked_times, picture
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write an MP4 file; frames without masks are left out."""
    with job_log(job, __file__):
        video = open_video(read_table(Path(job.input.index), INDEX), job.params.objects[0])
        folders = [Path(path) for path in job.input.masks]
        names = video.frame_names
        frames = (
            picture(video, t, [read_mask(f / f"{names[t]}.png") for f in folders], OBJECTS)
            for t in masked_times(video, folders)
        )
        write_video(Path(job.output[0]), frames, rate=job.params.frames_per_second)


main(snakemake)
