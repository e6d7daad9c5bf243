"""Average the tracks of a variant, refine them by a dense CRF, cut them into masks (paper §5.2)."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import read_track
from masktrack_core.files.io import atomic_folder, read_table, write_digest, write_mask
from masktrack_core.networks.records import guiding_threshold
from masktrack_core.tables import INDEX
from masktrack_core.tracking.crf import CrfParams
from masktrack_core.tracking.refinement import TrackedObject, refined_probs

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def crf_params(job: "Snakemake") -> CrfParams:
    """Return the parameters that the configuration names, or those that a search found."""
    if not job.input.searched:
        return CrfParams(**job.params.rows["crf"])
    return CrfParams(**yaml.safe_load(Path(job.input.searched[0]).read_text())["crf"])


def main(job: "Snakemake") -> None:
    """Write the masks, named like the data set's frames."""
    with job_log(job, __file__), atomic_folder(Path(job.output.masks)) as folder:
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        number = int(job.wildcards.object)
        tracks = [read_track(Path(path), number) for path in job.input.tracks]
        tracked = TrackedObject(video=video, tracks=tracks)
        threshold = job.params.threshold or guiding_threshold(map(Path, job.input.saying))
        for t, prob in refined_probs(tracked, crf_params(job), processes=job.threads):
            write_mask(folder / f"{video.frame_names[t]}.png", prob > threshold)
        write_digest(Path(job.output.digest), folder)


main(snakemake)
