"""Write the masks of a baseline that sees the truth and needs no network (paper Table 2, §5.4)."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from masktrack_core.datasets.videos import open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import read_annotations
from masktrack_core.files.io import atomic_folder, read_table, write_digest, write_mask
from masktrack_core.tables import INDEX
from masktrack_core.tracking.annotations import annotation_sources
from masktrack_core.tracking.oracles import GrabcutParams, box_oracle, grabcut_oracle

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the oracle's mask of every frame that has a truth."""
    with job_log(job, __file__), atomic_folder(Path(job.output.masks)) as folder:
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotations = read_annotations(Path(job.input.annotations))
        sources = annotation_sources(annotations, len(video))
        nothing = np.zeros(video.size, np.bool_)
        cut = GrabcutParams(**(job.params.rows["grabcut"] or {}))
        for t, name in enumerate(video.frame_names):
            truth = video.truth(t)
            if truth is None:
                continue
            match job.params.oracle:
                case "box":
                    mask = box_oracle(truth)
                case "grabcut":
                    mask = grabcut_oracle(video[t], truth, cut, seed=job.params.seed)
                case "copy":
                    mask = annotations[sources[t]] if t in sources else nothing
                case "copy_box":
                    given = video.truth(sources[t]) if t in sources else None
                    mask = nothing if given is None else box_oracle(given)
            write_mask(folder / f"{name}.png", mask)
        write_digest(Path(job.output.digest), folder)


main(snakemake)
