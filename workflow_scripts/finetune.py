"""Fine-tune a network online on the annotated frames of one object (paper §3.2, §4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.archives import read_annotations
from masktrack_core.devices import use_device
from masktrack_core.io import read_table, write_table
from masktrack_core.provenance import job_log, run_record
from masktrack_core.segmentation import FinetuningParams, finetune
from masktrack_core.tables import INDEX, LOSSES
from masktrack_core.training import RunParams
from masktrack_core.videos import open_video
from masktrack_core.weights import load_network, save_weights

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the fine-tuned network and its losses."""
    with job_log(job.log[0], __file__):
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotations = read_annotations(Path(job.input.annotations))
        network, record = load_network(Path(job.input.network))
        network.to(use_device(job.params.device, job.params.threads))
        params = FinetuningParams.from_rows(job.params.rows, samples=job.params.samples)
        run = RunParams(progress=f"finetune {job.wildcards.sequence}/{job.wildcards.object}")
        losses = finetune(network, video, annotations, params, seed=job.params.seed, run=run)
        online = run_record({"online": dict(job.params.rows), "offline": record})
        save_weights(Path(job.output.network), network, online)
        write_table(Path(job.output.losses), losses, LOSSES)


main(snakemake)
