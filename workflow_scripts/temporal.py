"""Measure how much one object's masks jitter, step by step (T of DAVIS-2016)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.results import temporal_scores
from masktrack_core.files.io import read_table, write_table
from masktrack_core.tables import INDEX, TEMPORAL

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write T of the step to every scored frame."""
    with job_log(job, __file__):
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        rules = job.params
        counted = video.counted(rules.skip, before=rules.before, after=rules.after)
        steps = temporal_scores(video, Path(job.input.masks), counted=counted)
        names = ("variant", "annotation", "dataset", "sequence")
        steps = steps.assign(**{name: job.wildcards[name] for name in names})
        write_table(Path(job.output[0]), steps, TEMPORAL)


main(snakemake)
