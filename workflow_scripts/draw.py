"""Draw a figure from its table, and from nothing else."""

from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.experiment.comparison import compare_rows
from masktrack_core.experiment.provenance import job_log
from masktrack_core.pictures.comparison_figure import comparison_figure
from masktrack_core.pictures.doubt_figure import doubt_figure
from masktrack_core.pictures.figures import write_figure
from masktrack_core.pictures.plots import (
    attribute_figure,
    curve_figure,
    effort_figure,
    loss_figure,
)

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake

DRAW = {
    "annotations": effort_figure,
    "attributes": attribute_figure,
    "losses": loss_figure,
    "doubt": doubt_figure,
}


def main(job: "Snakemake") -> None:
    """Write the figure as PDF and as PNG."""
    with job_log(job, __file__):
        table = pd.read_csv(job.input[0], dtype={"sequence": "str", "frame": "str"})
        if job.params.kind == "curves":
            figure = curve_figure(table, job.params.measure)
        elif job.params.kind == "comparison":
            first, second = job.params.methods
            figure = comparison_figure(compare_rows(first, second, table))
        else:
            figure = DRAW[job.params.kind](table)
        write_figure(figure, job.output)


main(snakemake)
