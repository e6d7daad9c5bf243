"""Measure one object's masks against the truth, frame by frame (paper §5.1)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.protocol import before_note
from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.results import frame_scores
from masktrack_core.files.archives import MaskArchive
from masktrack_core.files.io import read_table, write_table
from masktrack_core.tables import INDEX, SCORES

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write J and F of every frame that has a truth."""
    with job_log(job, __file__):
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotated = {int(name) for name in MaskArchive(Path(job.input.annotations))}
        if video.first:
            said = before_note(video.frame_names[video.first], job.params.before)
            logging.getLogger(__name__).info("object %d: %s", video.object_id, said)
        rules = job.params
        counted = video.counted(rules.skip, before=rules.before, after=rules.after)
        scores = frame_scores(video, Path(job.input.masks), annotated, counted=counted)
        names = ("variant", "annotation", "dataset", "sequence")
        scores = scores.assign(**{name: job.wildcards[name] for name in names})
        write_table(Path(job.output[0]), scores, SCORES)


main(snakemake)
