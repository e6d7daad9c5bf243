"""Fine-tune a network online on the annotated frames of one object (paper §3.2, §4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.devices import device_facts, use_device
from masktrack_core.experiment.provenance import content_digests, job_log, run_record
from masktrack_core.experiment.usage import finetuning_of
from masktrack_core.files.archives import read_annotations
from masktrack_core.files.io import read_table, write_table
from masktrack_core.networks.weights import load_network, save_weights
from masktrack_core.tables import INDEX, LOSSES
from masktrack_core.tracking.annotations import masks_of_others
from masktrack_core.tracking.segmentation import finetune, finetune_shared
from masktrack_core.training.loop import RunParams
from masktrack_core.training.state import remove_state

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the fine-tuned network and its losses."""
    with job_log(job, __file__):
        once = bool(job.resources.deterministic)
        device = use_device(job.resources.device, job.params.threads, deterministic=once)
        p, label = job.params, f"finetune {job.wildcards.sequence}/{job.wildcards.object}"
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotations = read_annotations(Path(job.input.annotations))
        network, record = load_network(Path(job.input.network))
        network.to(device)
        params = finetuning_of(record, p.finetuning, p.rows, where=job.input.network)
        every = job.resources.state_every_s
        # Beside a CPU that trains there is no core that idles.
        workers = 0 if device.type == "cpu" else job.resources.workers
        kept = {"state": Path(p.state), "code": p.code, "progress": label}
        run = RunParams(**kept, save_every_s=every, workers=workers)
        number = int(job.wildcards.object)
        objects = {int(Path(path).stem): read_annotations(Path(path)) for path in job.input.others}
        objects[number] = annotations
        if params.shared:
            losses = finetune_shared(network, video, objects, params, seed=p.seed, run=run)
        else:
            others = masks_of_others(objects, number)
            losses = finetune(
                network, video, annotations, params, others=others, seed=p.seed, run=run
            )
        data = content_digests(map(Path, [job.input.annotations, *job.input.others]))
        where = {"device": device_facts(device)}
        made_of = {"online": dict(p.rows) | dict(p.finetuning), "offline": record}
        online = run_record({"code": p.code, "seed": p.seed, "data": data} | where | made_of)
        write_table(Path(job.output.losses), losses, LOSSES)
        save_weights(Path(job.output.network), network, online)
        remove_state(Path(p.state))


main(snakemake)
