"""Write the masks of a baseline that sees the truth and needs no network (paper Table 2, §5.4)."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.datasets.videos import annotated_masks, open_video
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import read_annotations
from masktrack_core.files.io import atomic_folder, read_table, write_mask
from masktrack_core.tables import INDEX
from masktrack_core.tracking.oracles import box_oracle, grabcut_oracle, nearest_annotation

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the oracle's mask of every frame that has a truth."""
    with job_log(job.log[0], __file__), atomic_folder(Path(job.output[0])) as folder:
        video = open_video(read_table(Path(job.input.index), INDEX), int(job.wildcards.object))
        annotations = read_annotations(Path(job.input.annotations))
        for t, name in enumerate(video.frame_names):
            truth = video.truth(t)
            if truth is None:
                continue
            match job.params.oracle:
                case "box":
                    mask = box_oracle(truth)
                case "grabcut":
                    mask = grabcut_oracle(video[t], truth, seed=job.params.seed)
                case "copy":
                    mask = annotations[nearest_annotation(annotations, t)]
                case "copy_box":
                    near = nearest_annotation(annotations, t)
                    mask = box_oracle(annotated_masks(video, [near])[near])
            write_mask(folder / f"{name}.png", mask)


main(snakemake)
