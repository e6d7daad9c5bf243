"""Gather scores into the numbers of Figure 5: quality by attribute (paper §5.3)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.datasets.index import read_facts
from masktrack_core.experiment.attributes import (
    attribute_table,
    read_attributes,
)
from masktrack_core.experiment.figure_recipes import FigureRecipe
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.published_results import published_sequences
from masktrack_core.experiment.results import read_scores, sequence_table
from masktrack_core.files.io import write_csv

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row for each method and attribute."""
    with job_log(job, __file__):
        recipe = FigureRecipe.from_row(job.wildcards.figure, job.params.figure)
        ours = sequence_table(read_scores(map(Path, job.input.scores)), recipe.rows)
        parts, attributes = [ours], []
        for dataset, source in job.params.attributes.items():
            table = read_attributes(Path(source) if source.endswith(".csv") else source)
            attributes.append(table.assign(dataset=dataset))
            if recipe.published and job.params.published[dataset]:
                known = {"J": read_facts(f"{job.params.published[dataset]}_published_J")}
                names = ours.sequence[ours.dataset == dataset].unique()
                theirs = published_sequences(names, known, recipe.published, dataset)
                parts.append(theirs.dropna(subset=["J"]))
        sequences = pd.concat(parts, ignore_index=True)
        table = attribute_table(sequences, pd.concat(attributes, ignore_index=True))
        write_csv(Path(job.output[0]), table, decimals=4)


main(snakemake)
