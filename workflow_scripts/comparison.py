"""Compare two methods: differences by sequence, a paired bootstrap interval, a sentence."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.comparison import (
    compare_rows,
    frames_of_scores,
    most_different,
    object_differences,
)
from masktrack_core.experiment.figure_recipes import FigureRecipe
from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.results import read_scores
from masktrack_core.files.io import write_csv, write_text

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write a row an object, the frames in which they differ most, and what a paper says."""
    with job_log(job, __file__):
        recipe = FigureRecipe.from_row(job.wildcards.figure, job.params.figure)
        first, second = recipe.rows
        frames = frames_of_scores(read_scores(map(Path, job.input)), first, second)
        names = first.method, second.method
        compared = compare_rows(*names, object_differences(frames, *names))
        write_csv(Path(job.output.table), compared.rows)
        shown = most_different(frames, *names, count=recipe.columns)
        write_csv(Path(job.output.frames), shown)
        write_text(Path(job.output.sentence), f"{compared.sentence}\n")


main(snakemake)
