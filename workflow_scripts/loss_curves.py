"""Draw the loss and the learning rate of the networks behind a table (paper §4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.figures import loss_curves
from masktrack_core.io import atomic_path, read_table
from masktrack_core.provenance import job_log
from masktrack_core.tables import LOSSES

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the figure, once for print and once for the screen."""
    with job_log(job.log[0], __file__):
        losses = {Path(path).stem: read_table(Path(path), LOSSES) for path in job.input}
        figure = loss_curves(losses)
        metadata = {".pdf": {"CreationDate": None}, ".png": {}}  # the same losses, the same bytes
        for output in job.output:
            with atomic_path(Path(output)) as path:
                figure.savefig(path, dpi=150, metadata=metadata[path.suffix])


main(snakemake)
