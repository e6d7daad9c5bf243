"""Propagate the annotated masks of all objects of a video side by side (ours)."""

from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from masktrack_core.datasets.videos import open_video
from masktrack_core.devices import use_device
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import (
    object_key,
    read_annotations,
    write_prob_archive,
)
from masktrack_core.files.io import read_table
from masktrack_core.networks.network import MaskTrackNet
from masktrack_core.networks.weights import load_network
from masktrack_core.tables import INDEX
from masktrack_core.tracking.propagation_usage import propagation_in_files, streams_of
from masktrack_core.tracking.together import propagate_together

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the foreground probability of every object and frame."""
    with job_log(job, __file__):
        once = bool(job.resources.deterministic)
        device = use_device(job.resources.device, job.params.threads, deterministic=once)
        numbers, count = list(job.params.objects), len(job.params.streams)
        video = open_video(read_table(Path(job.input.index), INDEX), numbers[0])
        objects = {
            number: read_annotations(Path(path))
            for number, path in zip(numbers, job.input.annotations, strict=True)
        }
        # Objects that share a file share a network, and so a batch.
        paths = list(job.input.networks)
        loaded = {path: load_network(Path(path))[0].to(device) for path in dict.fromkeys(paths)}
        networks: dict[int, list[MaskTrackNet]] = {
            number: [loaded[path] for path in paths[place * count : (place + 1) * count]]
            for place, number in enumerate(numbers)
        }
        given = streams_of(job.params.streams, video, job.input.flow)
        params = propagation_in_files(job.input.saying, job.params.rows["propagation"])
        probs = propagate_together(networks, given, objects, params)
        label, total = f"track {job.wildcards.sequence}", len(video) * len(numbers)
        shown = tqdm(probs, label, total=total, mininterval=2, disable=None, leave=False)
        write_prob_archive(
            Path(job.output[0]), ((object_key(number, t), prob) for t, number, prob in shown)
        )


main(snakemake)
