"""Draw the frames in which two methods differ most: frame, truth, and both results."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.datasets.videos import open_video
from masktrack_core.errors import InputError
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import read_table
from masktrack_core.pictures.figures import write_figure
from masktrack_core.pictures.sheets import compared_rows, sheet_figure
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the sheet, a column a frame."""
    with job_log(job, __file__):
        places = {(entry["dataset"], entry["sequence"]): entry for entry in job.params.sequences}
        names = dict.fromkeys(("dataset", "sequence", "frame"), "str")
        shown = pd.read_csv(job.input.frames, dtype=names, keep_default_na=False)
        if not len(shown):
            raise InputError(
                f"{job.input.frames}: expected frames in which {' and '.join(job.params.methods)} "
                "differ, got none: their masks are equal; compare two other methods"
            )
        videos, folders, titles = [], [], []
        for row in shown.to_dict("records"):
            entry = places[row["dataset"], row["sequence"]]
            place = entry["objects"].index(row["object"])
            index = read_table(Path(entry["index"]), INDEX)
            videos.append(open_video(index, entry["objects"][place]))
            folders.append([Path(entry["masks"][name][place]) for name in job.params.methods])
            which = f", object {row['object']}" if len(entry["objects"]) > 1 else ""
            titles.append(f"{row['sequence']}{which}, frame {row['frame']}")
        rows = compared_rows(job.params.methods, videos, folders, list(shown.t), titles)
        write_figure(sheet_figure(rows), [job.output.pdf, job.output.png])


main(snakemake)
