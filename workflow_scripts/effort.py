"""Gather scores into the numbers of Figure 4: quality over annotated frames (paper §5.4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.effort import effort_table
from masktrack_core.experiment.figure_recipes import FigureRecipe
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.results import read_scores
from masktrack_core.files.io import write_csv

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row for each panel, method and annotation."""
    with job_log(job, __file__):
        recipe = FigureRecipe.from_row(job.wildcards.figure, job.params.figure)
        table = effort_table(read_scores(map(Path, job.input)), recipe.panels)
        write_csv(Path(job.output[0]), table, decimals=4)


main(snakemake)
