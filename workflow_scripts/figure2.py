"""Draw Figure 2: frames above, the magnitude of their flow below."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import GreyArchive, frame_key
from masktrack_core.files.io import read_table
from masktrack_core.pictures.figures import figure2, write_figure
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the figure as PDF and PNG."""
    with job_log(job, __file__):
        frames, magnitudes = [], []
        files = zip(job.params.frames, job.input.indexes, job.input.flows, strict=True)
        for chosen, index_path, flow in files:
            index = read_table(Path(index_path), INDEX)
            frames.append(open_video(index, int(index["object"].iloc[0]))[chosen["t"]])
            magnitudes.append(GreyArchive(Path(flow))[frame_key(chosen["t"])])
        names = [chosen["sequence"] for chosen in job.params.frames]
        write_figure(figure2(frames, magnitudes, names=names), [job.output.pdf, job.output.png])


main(snakemake)
