"""Gather scores into a table: methods down, measures of data sets or sequences across."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.datasets.index import read_facts
from masktrack_core.experiment.method_tables import (
    method_table,
    ours_first,
    printed_methods,
    table_columns,
    with_groups,
)
from masktrack_core.experiment.printed import html, latex, markdown
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.published_results import (
    fill_summaries,
    missing_notes,
    paper_rows,
    published_facts,
    published_sequences,
)
from masktrack_core.experiment.recipes import TableRecipe
from masktrack_core.experiment.results import read_scores, sequence_table
from masktrack_core.files.io import read_table, write_csv, write_text
from masktrack_core.tables import TEMPORAL

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the table as CSV, Markdown, LaTeX and HTML, and the means of every sequence."""
    with job_log(job, __file__):
        recipe = TableRecipe.from_row(job.wildcards.table, job.params.table)
        named, whole = job.params.named, job.params.whole
        steps = [read_table(Path(path), TEMPORAL) for path in job.input.temporal]
        sequences = sequence_table(
            read_scores(map(Path, job.input.scores)),
            recipe.rows,
            temporal=pd.concat(steps, ignore_index=True) if steps else None,
            sources=job.params.sources,
        )
        groups = job.params.groups
        sequences = with_groups(sequences, groups)
        write_csv(Path(job.output.sequences), sequences)
        columns = table_columns(recipe, sequences)
        ours = {name: sequences[sequences.dataset == name].sequence.unique() for name in named}
        others = [
            published_sequences(ours[dataset], known, recipe.published or (), dataset)
            for dataset, name in named.items()
            if (known := {key: read_facts(f) for key, f in published_facts(name).items()})
        ]
        everyone = pd.concat([sequences, *others], ignore_index=True)
        table = method_table(with_groups(everyone, groups), columns)
        table = fill_summaries(table, columns, recipe.published or (), named, ours)
        if recipe.published is None:
            rows = paper_rows(read_facts("published_table2"), columns, whole)
            table = pd.concat([table, rows], ignore_index=True) if len(rows) else table
        titles = job.params.titles
        part = {titles[key]: name for key, name in named.items() if key not in whole}
        notes = missing_notes(table, recipe.published, part)
        printed = printed_methods(table, recipe, columns, titles, notes=notes)
        write_csv(Path(job.output.table), table)
        write_text(Path(job.output.page), markdown(printed))
        write_text(Path(job.output.latex), latex(printed))
        shown = printed_methods(
            ours_first(table, job.params.copies), recipe, columns, titles, notes=notes
        )
        write_text(Path(job.output.html), html(shown))


main(snakemake)
