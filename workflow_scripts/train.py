"""Train one network offline on stills and their deformed masks (paper §3.1, §4)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.archives import Archives, MaskArchive
from masktrack_core.augment import AugmentationParams
from masktrack_core.devices import use_device
from masktrack_core.examples import CropParams, StillExamples
from masktrack_core.io import read_table, write_table
from masktrack_core.network import MaskTrackNet, NetworkSpec, build_network
from masktrack_core.provenance import job_log, run_record
from masktrack_core.seeds import torch_generator
from masktrack_core.stills import open_stills
from masktrack_core.tables import LOSSES, STILLS
from masktrack_core.training import RunParams, TrainParams, train
from masktrack_core.weights import load_pretrained, save_weights

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def initial_network(job: "Snakemake") -> MaskTrackNet:
    """Return the network before training, on the device where it is trained."""
    architecture = dict(job.params.rows["architecture"]) | {"pretrained": None}
    spec = NetworkSpec(prior=job.params.network["input"], **architecture)
    network = build_network(spec, generator=torch_generator(job.params.seed, "network"))
    for path in job.input.pretrained:
        load_pretrained(network, Path(path))
    return network.to(use_device(job.params.device, job.params.threads))


def examples(job: "Snakemake") -> StillExamples:
    """Return the stills with their deformed masks, cropped and augmented."""
    recipe, rows = job.params.network, job.params.rows
    tables = [read_table(Path(path), STILLS) for path in job.input.stills]
    stills = open_stills(
        dict(zip(recipe["stills"], tables, strict=True)),
        Archives([MaskArchive(Path(path)) for path in job.input.deformed]),
        masks_per_image=job.params.masks_per_still,
        limit=recipe["limit"],
        seed=job.params.seed,
    )
    return StillExamples(
        stills,
        CropParams(**rows["crop"]),
        augmentation=AugmentationParams(**rows["augmentation"]),
        prior_kind=recipe["input"],
        seed=job.params.seed,
    )


def main(job: "Snakemake") -> None:
    """Write the trained network and its losses; without a schedule, the initial network."""
    with job_log(job.log[0], __file__):
        network = initial_network(job)
        losses = pd.DataFrame(columns=list(LOSSES.names))
        if job.params.rows["schedule"] is not None:
            params = TrainParams(**job.params.rows["schedule"])
            run = RunParams(
                state=Path(job.params.state),
                progress=f"train {job.wildcards.network}",
                workers=job.params.workers,
            )
            losses = train(network, examples(job), params, seed=job.params.seed, run=run)
        record = run_record({"seed": job.params.seed, "rows": dict(job.params.rows)})
        save_weights(Path(job.output.network), network, record)
        write_table(Path(job.output.losses), losses, LOSSES)


main(snakemake)
