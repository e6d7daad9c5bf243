"""Give what the user would give of frames that are chosen: the masks of one object (paper §5.4)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from masktrack_core.datasets.videos import Video, annotated_masks, given_times, open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import frame_key, read_annotations, write_mask_archive
from masktrack_core.files.io import read_table
from masktrack_core.seeds import numpy_rng
from masktrack_core.tables import DOUBT, INDEX
from masktrack_core.tracking.choice import even_frames, next_frame, random_frames

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def frames_of(job: "Snakemake", video: Video) -> list[int]:
    """Return the frames beside the first that are given."""
    choose, count, first, length = job.params.choose, job.params.frames, video.first, len(video)
    if choose == "even":
        return even_frames(first, length, count)
    if choose == "random":
        place = (job.wildcards.dataset, job.wildcards.sequence, video.object_id)
        rng = numpy_rng(job.params.seed, "choose", *place)
        return random_frames(first, length, count, rng=rng)
    if not job.input.doubt:
        return [first]
    given = sorted(read_annotations(Path(job.input.before[0])))
    looked = read_table(Path(job.input.doubt[0]), DOUBT)
    badness = np.zeros(length)
    badness[looked.t] = looked.doubt if choose == "doubt" else 1 - looked.J
    possible = [t for t in looked.t if t > first and video.has_truth(t)]
    asked = next_frame(badness, given, possible)
    logging.getLogger(__name__).info("given %s, asked for frame %s", given, asked)
    return given if asked is None else [*given, asked]


def main(job: "Snakemake") -> None:
    """Write the annotations, named by frame number."""
    with job_log(job, __file__):
        index, number = read_table(Path(job.input.index), INDEX), int(job.wildcards.object)
        video = open_video(index, number)
        masks = annotated_masks(video, given_times(index, number, frames_of(job, video)))
        write_mask_archive(Path(job.output[0]), ((frame_key(t), mask) for t, mask in masks.items()))


main(snakemake)
