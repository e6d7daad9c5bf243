"""Synthesise the imperfect previous masks of a set of stills (paper §3.1, §4)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm import tqdm

from masktrack_core.arrays import Mask
from masktrack_core.datasets.contents import contents_digest
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import write_mask_archive
from masktrack_core.files.io import read_mask, read_table
from masktrack_core.masks.deform import DeformationParams, apply_deformation, sample_deformation
from masktrack_core.seeds import numpy_rng
from masktrack_core.tables import STILLS

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def deformed_masks(job: "Snakemake", stills: pd.DataFrame) -> Iterator[tuple[str, Mask]]:
    """Yield ``set/name/k`` and the k-th deformed mask of every still."""
    params = DeformationParams(**job.params.deformation)
    rows = stills.to_dict("records")
    words = f"deform {job.wildcards.stills}"
    for still in tqdm(rows, words, mininterval=2, disable=None, leave=False):
        mask = read_mask(Path(still["mask_path"]))
        for k in range(job.params.masks_per_still):
            name = f"{job.wildcards.stills}/{still['name']}/{k}"
            rng = numpy_rng(job.params.seed, "deform", name)
            yield name, apply_deformation(mask, sample_deformation(mask, params, rng=rng))


def main(job: "Snakemake") -> None:
    """Write all deformed masks into one archive of PNGs."""
    with job_log(job, __file__):
        stills = read_table(Path(job.input[0]), STILLS)
        masks = deformed_masks(job, stills)
        write_mask_archive(Path(job.output[0]), masks, made_of=contents_digest(stills))


main(snakemake)
