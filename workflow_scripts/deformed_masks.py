"""Show what the synthesis makes of annotations: a page of deformed masks (paper §3.1, §4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.stills import read_still
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import MaskArchive
from masktrack_core.files.io import read_table
from masktrack_core.pictures.ablation_figures import deformed_masks_page
from masktrack_core.pictures.figures import write_figure
from masktrack_core.tables import STILLS

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the page: a row a still, a column a deformed mask."""
    with job_log(job, __file__):
        page, stills = job.params.page, read_table(Path(job.input.stills), STILLS)
        archives = [MaskArchive(Path(path)) for path in job.input.deformed]
        chosen = stills.iloc[:: max(len(stills) // page["count"], 1)].head(page["count"])
        each = range(job.params.masks_per_still)
        rows = []
        for _, still in chosen.iterrows():
            names = [f"{page['stills']}/{still['name']}/{k}" for k in each]
            masks = [archive[name] for archive in archives for name in names]
            rows.append((*read_still(still), masks))
        titles = [name for name in page["deformations"] for _ in each]
        write_figure(deformed_masks_page(rows, titles), [job.output[0]])


main(snakemake)
