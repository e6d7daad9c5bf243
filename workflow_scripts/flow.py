"""Draw the motion of a sequence: the picture of each frame's flow magnitude (paper §3.3)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import frame_key, write_grey_archive
from masktrack_core.files.io import read_table
from masktrack_core.motion.flow import FlowImageParams, FlowModel, FlowParams, flow_images
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def learned_flow(job: "Snakemake") -> FlowModel | None:
    """Return the network of a learned flow; torch is loaded for that only."""
    if not job.input.weights:
        return None
    from masktrack_core.devices import use_device
    from masktrack_core.motion.raft import load_raft

    once = bool(job.resources.deterministic)
    device = use_device(job.resources.device, job.threads, deterministic=once)
    return load_raft(job.input.weights[0], device=device)


def main(job: "Snakemake") -> None:
    """Write one grey picture a frame; objects of a sequence share them."""
    with job_log(job, __file__):
        index = read_table(Path(job.input.index), INDEX)
        video = open_video(index, int(index["object"].iloc[0]))
        if len(video) == 1:
            logging.warning("%s: one frame has no motion: black", job.wildcards.sequence)
        method = FlowParams(**job.params.rows["method"])
        image = FlowImageParams(**job.params.rows["image"])
        frames = (video[t] for t in range(len(video)))
        images = flow_images(frames, method, image, model=learned_flow(job))
        label = f"flow {job.wildcards.sequence}"
        shown = enumerate(
            tqdm(images, label, total=len(video), mininterval=2, disable=None, leave=False)
        )
        write_grey_archive(Path(job.output[0]), ((frame_key(t), frame) for t, frame in shown))


main(snakemake)
