"""Propagate the annotated masks of one object over its video (paper §3.1)."""

from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from masktrack_core.datasets.videos import Video, open_video
from masktrack_core.devices import use_device
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import (
    ArchivedFrames,
    GreyArchive,
    frame_key,
    read_annotations,
    write_prob_archive,
)
from masktrack_core.files.io import read_table
from masktrack_core.networks.records import read_record
from masktrack_core.networks.weights import load_network
from masktrack_core.tables import INDEX
from masktrack_core.tracking.annotations import pixels_of_others
from masktrack_core.tracking.propagation import FrameSequence, PropagationParams, propagate
from masktrack_core.tracking.propagation_usage import propagation_of

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def streams(job: "Snakemake", video: Video) -> list[FrameSequence]:
    """Return what the network looks at: the frames, their flow pictures, or both."""
    given: dict[str, FrameSequence] = {"rgb": video}
    if job.input.flow:
        given["flow"] = ArchivedFrames(GreyArchive(Path(job.input.flow[0])))
    return [given[name] for name in job.params.streams]


def propagation(job: "Snakemake") -> PropagationParams:
    """Return how the tracker propagates: as its row says, else as the file of its network does."""
    said = {path: read_record(Path(path)).record for path in job.input.saying}
    where, record = next(iter(said.items()), ("", {}))
    return propagation_of(record, job.params.rows["propagation"], where=where)


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
        given, params = streams(job, video), propagation(job)
        probs = propagate(networks, given, annotations, params, others=others)
        label = f"track {job.wildcards.sequence}/{job.wildcards.object}"
        shown = tqdm(probs, label, total=len(video), mininterval=2, disable=None, leave=False)
        write_prob_archive(Path(job.output[0]), ((frame_key(t), prob) for t, prob in shown))


main(snakemake)
