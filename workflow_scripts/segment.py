"""Average the tracks of a variant and cut them into masks, one PNG a frame."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import mean_prob, read_track
from masktrack_core.files.io import atomic_folder, read_table, write_digest, write_mask
from masktrack_core.networks.records import guiding_threshold
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the masks, named like the data set's frames."""
    with job_log(job, __file__), atomic_folder(Path(job.output.masks)) as folder:
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        number = int(job.wildcards.object)
        tracks = [read_track(Path(path), number) for path in job.input.tracks]
        threshold = job.params.threshold or guiding_threshold(map(Path, job.input.saying))
        for t, name in enumerate(video.frame_names):
            write_mask(folder / f"{name}.png", mean_prob(tracks, t) > threshold)
        write_digest(Path(job.output.digest), folder)


main(snakemake)
