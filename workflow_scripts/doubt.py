"""Say of every frame how far the masks of a variant are to be doubted, beside its J."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import mean_prob, read_annotations, read_track
from masktrack_core.files.io import read_table, write_table
from masktrack_core.networks.records import guiding_threshold
from masktrack_core.tables import DOUBT, INDEX, SCORES
from masktrack_core.tracking.doubt import doubt_of

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row a frame that has a truth."""
    with job_log(job, __file__):
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotations = read_annotations(Path(job.input.annotations))
        number = int(job.wildcards.object)
        tracks = [read_track(Path(path), number) for path in job.input.tracks]
        threshold = job.params.threshold or guiding_threshold(map(Path, job.input.saying))
        scores = read_table(Path(job.input.scores), SCORES)
        probs = (mean_prob(tracks, t) for t in range(len(video)))
        # An object is annotated where it first appears: before that there is nothing to doubt.
        found = doubt_of(video, probs, annotations, threshold=threshold, backwards=False)
        table = scores[list(SCORES.names[:-1])].assign(doubt=found.doubt[scores.t])
        write_table(Path(job.output[0]), table, DOUBT)


main(snakemake)
