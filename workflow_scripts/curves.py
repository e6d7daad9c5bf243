"""Gather scores into curves: J and F of every frame, methods over each other."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.figure_recipes import FigureRecipe
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.results import curve_table, read_scores
from masktrack_core.files.io import write_csv

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row a method, object and frame."""
    with job_log(job, __file__):
        recipe = FigureRecipe.from_row(job.wildcards.figure, job.params.figure)
        write_csv(Path(job.output[0]), curve_table(read_scores(map(Path, job.input)), recipe.rows))


main(snakemake)
