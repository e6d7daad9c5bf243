"""Give what the user would give: the masks of the annotated frames of one object."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import annotated_masks, given_times, open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.recipes import annotated_times
from masktrack_core.files.archives import frame_key, write_mask_archive
from masktrack_core.files.io import read_table
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the annotations, named by frame number."""
    with job_log(job, __file__):
        index, number = read_table(Path(job.input[0]), INDEX), int(job.wildcards.object)
        video = open_video(index, number)
        times = given_times(index, number, annotated_times(len(video), job.params.every))
        masks = annotated_masks(video, times)
        write_mask_archive(Path(job.output[0]), ((frame_key(t), mask) for t, mask in masks.items()))


main(snakemake)
