"""Gather doubt and J of every frame, and how well they agree, by sequence."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.experiment.doubts import agreement_table, doubt_rows
from masktrack_core.experiment.figure_recipes import FigureRecipe
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import read_table, write_csv
from masktrack_core.tables import DOUBT

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row a method, object and frame, and a row a method and object."""
    with job_log(job, __file__):
        recipe = FigureRecipe.from_row(job.wildcards.figure, job.params.figure)
        doubts = pd.concat([read_table(Path(path), DOUBT) for path in job.input])
        rows = doubt_rows(doubts, recipe.rows)
        write_csv(Path(job.output.table), rows)
        write_csv(Path(job.output.sequences), agreement_table(rows), decimals=4)


main(snakemake)
