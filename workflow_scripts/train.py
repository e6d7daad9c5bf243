"""Train one network offline on stills and their deformed masks (paper §3.1, §4)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.devices import device_facts, use_device
from masktrack_core.experiment.architectures import spec_fields
from masktrack_core.experiment.provenance import content_digests, job_log, run_record
from masktrack_core.files.io import write_table
from masktrack_core.masks.augment import AugmentationParams
from masktrack_core.masks.deform import DeformationParams
from masktrack_core.masks.regions import CropParams
from masktrack_core.networks.spec import HUB, NetworkSpec
from masktrack_core.networks.weights import continue_network, save_weights, start_network
from masktrack_core.tables import LOSSES
from masktrack_core.training.examples import StillExamples
from masktrack_core.training.loop import RunParams, TrainParams, train
from masktrack_core.training.state import remove_state
from masktrack_core.training.stills import open_stills

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def examples(job: "Snakemake") -> StillExamples:
    """Return the stills with their deformed masks, cropped and augmented."""
    recipe, rows = job.params.network, job.params.rows
    stills = open_stills(
        recipe["stills"],
        [Path(path) for path in job.input.stills],
        [Path(path) for path in job.input.deformed],
        masks_per_image=job.params.masks_per_still,
        limit=recipe["limit"],
        seed=job.params.seed,
        keep_mb=job.resources.mem_mb // 2,
    )
    augmentation, crop = AugmentationParams(**rows["augmentation"]), CropParams(**rows["crop"])
    row, seed = job.params.others, job.params.seed
    others = None if row is None else DeformationParams(**row)
    told = bool(rows["architecture"].get("others"))
    given = {"augmentation": augmentation, "prior_kind": recipe["input"]}
    return StillExamples(stills, crop, **given, others=others, told=told, seed=seed)


def main(job: "Snakemake") -> None:
    """Write the trained network and its losses; without a schedule, the initial network."""
    with job_log(job, __file__):
        once = bool(job.resources.deterministic)
        device = use_device(job.resources.device, job.params.threads, deterministic=once)
        p, label = job.params, f"train {job.wildcards.network}"
        spec = NetworkSpec(**spec_fields(p.rows["architecture"], p.network["input"]))
        asks_hub = p.rows["architecture"].get("pretrained") == HUB
        absent = HUB if asks_hub else None
        pretrained = Path(job.input.pretrained[0]) if job.input.pretrained else absent
        if job.input.start:
            network, start = continue_network(spec, Path(job.input.start[0]), seed=p.seed)
        else:
            network, start = start_network(spec, pretrained, seed=p.seed)
        network.to(device)
        losses = pd.DataFrame(columns=list(LOSSES.names))
        if p.rows["schedule"] is not None:
            params = TrainParams(**p.rows["schedule"])
            kept = {"state": Path(p.state), "code": p.code, "progress": label}
            every, workers = job.resources.state_every_s, job.resources.workers
            run = RunParams(**kept, save_every_s=every, workers=workers)
            losses = train(network, examples(job), params, seed=p.seed, run=run)
        where = {"device": device_facts(device)}
        made_of = {"network": dict(p.network), "rows": dict(p.rows), "pretrained": start}
        if p.packages:
            made_of["packages"] = dict(p.packages)
        data = content_digests(Path(path) for path in job.input.deformed)
        record = run_record({"code": p.code, "seed": p.seed, "data": data} | where | made_of)
        write_table(Path(job.output.losses), losses, LOSSES)
        save_weights(Path(job.output.network), network, record)
        remove_state(Path(p.state))


main(snakemake)
