"""Gather scores into the numbers of Figure 4: quality over annotated frames (paper §5.4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.effort import effort_table
from masktrack_core.figure_recipes import FigureRecipe
from masktrack_core.io import write_csv
from masktrack_core.provenance import job_log
from masktrack_core.results import read_scores

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row for each panel, method and annotation."""
    with job_log(job.log[0], __file__):
        recipe = FigureRecipe.from_row(job.wildcards.figure, job.params.figure)
        table = effort_table(read_scores(map(Path, job.input)), recipe.panels)
        write_csv(Path(job.output[0]), table, decimals=4)


main(snakemake)
