"""Check somebody else's masks of one object and write them like ours."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.external import external_masks, write_external
from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.io import atomic_folder, read_table, write_digest
from masktrack_core.tables import INDEX

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write one binary PNG a frame."""
    with job_log(job, __file__), atomic_folder(Path(job.output.masks)) as folder:
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        root = Path(job.input.unpacked[0] if job.input.unpacked else job.params.source)
        rules = job.params
        counted = video.counted(rules.skip, before=rules.before, after=rules.after)
        files = external_masks(
            root,
            job.wildcards.sequence,
            video,
            objects=job.params.objects,
            counted=counted,
            values=job.params.mask_values,
        )
        write_external(files, video, folder)
        write_digest(Path(job.output.digest), folder)


main(snakemake)
