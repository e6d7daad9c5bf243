"""Check somebody else's masks of one object and write them like ours."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.external import external_masks, write_external
from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import atomic_folder, read_table
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write one binary PNG a frame."""
    with job_log(job.log[0], __file__), atomic_folder(Path(job.output[0])) as folder:
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        root = Path(job.input.unpacked[0] if job.input.unpacked else job.params.source)
        counted = video.counted(job.params.skip, before=job.params.before)
        objects, sequence = job.params.objects, job.wildcards.sequence
        files = external_masks(root, sequence, video, objects=objects, counted=counted)
        write_external(files, video, folder)


main(snakemake)
