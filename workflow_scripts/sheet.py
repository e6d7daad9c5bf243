"""Draw a qualitative sheet: frames at equal distances with masks over them (Figures 3 and 6)."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import read_table, write_csv
from masktrack_core.pictures.figures import write_figure
from masktrack_core.pictures.sheets import (
    equal_distances,
    masked_times,
    result_row,
    sheet_figure,
    truth_row,
)
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the sheet, and the list of what it shows."""
    with job_log(job, __file__):
        rows, shown = [], []
        for entry in job.params.sequences:
            index = read_table(Path(entry["index"]), INDEX)
            videos = [open_video(index, number) for number in entry["objects"]]
            folders = {method: [Path(f) for f in paths] for method, paths in entry["masks"].items()}
            every = [folder for paths in folders.values() for folder in paths]
            available = masked_times(videos[0], every)
            times = equal_distances(available, len(videos[0]), job.params.columns)
            label = entry["sequence"]
            if job.params.truth:
                rows.append(truth_row(f"{label}\ntruth", videos, times))
            for method, paths in folders.items():
                rows.append(result_row(f"{label}\n{method}", videos, paths, times))
                names = [videos[0].frame_names[t] for t in times]
                row = {"dataset": entry["dataset"], "sequence": label, "method": method}
                shown.append(pd.DataFrame({**row, "t": times, "frame": names}))
        write_csv(Path(job.output.table), pd.concat(shown))
        write_figure(sheet_figure(rows), [job.output.pdf, job.output.png])


main(snakemake)
