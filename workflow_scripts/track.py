"""Propagate the annotated masks of one object over its video (paper §3.1)."""

from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from masktrack_core.datasets.videos import open_video
from masktrack_core.devices import use_device
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import (
    frame_key,
    read_annotations,
    write_prob_archive,
)
from masktrack_core.files.io import read_table
from masktrack_core.networks.weights import load_network
from masktrack_core.tables import INDEX
from masktrack_core.tracking.annotations import pixels_of_others
from masktrack_core.tracking.propagation import propagate
from masktrack_core.tracking.propagation_usage import propagation_in_files, streams_of

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the foreground probability of every frame."""
    with job_log(job, __file__):
        once = bool(job.resources.deterministic)
        device = use_device(job.resources.device, job.params.threads, deterministic=once)
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotations = read_annotations(Path(job.input.annotations))
        theirs = {n: read_annotations(Path(path)) for n, path in enumerate(job.input.others, 1)}
        others = pixels_of_others({0: annotations} | theirs, 0)
        networks = [load_network(Path(path))[0].to(device) for path in job.input.networks]
        given = streams_of(job.params.streams, video, job.input.flow)
        params = propagation_in_files(job.input.saying, job.params.rows["propagation"])
        probs = propagate(networks, given, annotations, params, others=others)
        label = f"track {job.wildcards.sequence}/{job.wildcards.object}"
        shown = tqdm(probs, label, total=len(video), mininterval=2, disable=None, leave=False)
        write_prob_archive(Path(job.output[0]), ((frame_key(t), prob) for t, prob in shown))


main(snakemake)
