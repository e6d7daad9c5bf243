"""Gather scores into a table: methods down, data sets across (paper Table 2)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.index import read_facts
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.results import (
    markdown_table,
    method_table,
    read_scores,
    sequence_table,
)
from masktrack_core.files.io import write_csv, write_text

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the table, its page and the means of every sequence."""
    with job_log(job.log[0], __file__):
        recipe = TableRecipe.from_row(job.wildcards.table, job.params.table)
        sequences = sequence_table(read_scores(map(Path, job.input)), recipe.rows)
        table = method_table(
            sequences, recipe.datasets, read_facts("published_table2"), job.params.published
        )
        write_csv(Path(job.output.sequences), sequences, decimals=4)
        write_csv(Path(job.output.table), table, decimals=2)
        write_text(Path(job.output.page), markdown_table(table, job.params.titles))


main(snakemake)
