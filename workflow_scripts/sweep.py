"""Draw what a sweep of a table shows: quality over the values of a parameter."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.sweeps import sweep_table
from masktrack_core.files.io import write_csv
from masktrack_core.pictures.figures import write_figure
from masktrack_core.pictures.sweep_figure import sweep_figure

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the figure as PDF and PNG, and its points as CSV."""
    with job_log(job, __file__):
        recipe = TableRecipe.from_row(job.wildcards.table, job.params.table)
        points = sweep_table(pd.read_csv(job.input[0], dtype={"method": "str"}), recipe)
        write_csv(Path(job.output.table), points)
        titles = points.dataset.map(job.params.titles)
        write_figure(sweep_figure(points.assign(dataset=titles)), [job.output.pdf, job.output.png])


main(snakemake)
