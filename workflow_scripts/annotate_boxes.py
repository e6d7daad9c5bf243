"""Turn the boxes a user would give into segments with the box network (paper §3.3)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import annotated_masks, given_times, open_video
from masktrack_core.devices import use_device
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.recipes import annotated_times
from masktrack_core.files.archives import frame_key, write_mask_archive
from masktrack_core.files.io import read_table
from masktrack_core.networks.weights import load_network
from masktrack_core.tables import INDEX
from masktrack_core.tracking.propagation_usage import propagation_of
from masktrack_core.tracking.segmentation import segment_boxes

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the segment of each annotated box, named by frame number."""
    with job_log(job, __file__):
        once = bool(job.resources.deterministic)
        device = use_device(job.resources.device, job.params.threads, deterministic=once)
        index, number = read_table(Path(job.input.index), INDEX), int(job.wildcards.object)
        video = open_video(index, number)
        times = given_times(index, number, annotated_times(len(video), job.params.every))
        boxes = annotated_masks(video, times)
        network, record = load_network(Path(job.input.network))
        network.to(device)
        row = job.params.rows["propagation"]
        params = propagation_of(record, row, where=job.input.network)
        masks = segment_boxes(network, video, boxes, params)
        write_mask_archive(Path(job.output[0]), ((frame_key(t), mask) for t, mask in masks.items()))


main(snakemake)
