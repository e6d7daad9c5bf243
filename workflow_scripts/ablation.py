"""Gather scores into an ablation: one change a row, ours beside the paper's (Table 1)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.datasets.index import read_facts
from masktrack_core.experiment.ablations import AblationRecipe, ablation_page, ablation_table
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.results import sequence_table
from masktrack_core.files.io import read_table, write_csv, write_text
from masktrack_core.tables import SCORES

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the table, its page and the means of every sequence."""
    with job_log(job, __file__):
        recipe = AblationRecipe.from_row(job.wildcards.ablation, job.params.ablation)
        scores = pd.concat(
            [read_table(Path(path), SCORES) for path in dict.fromkeys(job.input)],
            ignore_index=True,
        )
        sequences = sequence_table(scores, recipe.rows)
        table = ablation_table(sequences, recipe.rows, read_facts("published_table1"))
        write_csv(Path(job.output.sequences), sequences)
        write_csv(Path(job.output.table), table)
        write_text(Path(job.output.page), ablation_page(table))


main(snakemake)
