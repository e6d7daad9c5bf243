"""Draw the differences of an ablation, ours beside the paper's (Table 1)."""

from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.experiment.provenance import job_log
from masktrack_core.pictures.ablation_figures import delta_figure
from masktrack_core.pictures.figures import write_figure

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the figure as PDF and PNG."""
    with job_log(job, __file__):
        table = pd.read_csv(job.input[0]).fillna({"aspect": ""})
        write_figure(delta_figure(table), [job.output.pdf, job.output.png])


main(snakemake)
