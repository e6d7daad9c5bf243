"""Gather the losses of offline training into one table."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import read_table, write_csv
from masktrack_core.tables import LOSSES

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the losses of every network, one below the other."""
    with job_log(job, __file__):
        names = job.params.figure["networks"]
        tables = [
            read_table(Path(path), LOSSES).assign(network=name)
            for name, path in zip(names, job.input, strict=True)
        ]
        write_csv(Path(job.output[0]), pd.concat(tables, ignore_index=True))


main(snakemake)
