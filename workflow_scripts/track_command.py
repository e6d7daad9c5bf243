"""Follow one object by somebody else's tracker, a command, and check what it answers."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from masktrack_core.datasets.videos import open_video
from masktrack_core.errors import InputError
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import frame_key, read_annotations, write_prob_archive
from masktrack_core.files.io import read_table
from masktrack_core.tables import INDEX
from masktrack_core.tracking.external import track_by_command

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write its masks as the probabilities 0 and 1 of every frame."""
    with job_log(job, __file__), tempfile.TemporaryDirectory() as folder:
        p, words = job.params, job.wildcards
        video = open_video(read_table(Path(job.input.index), INDEX), int(words.object))
        annotations = read_annotations(Path(job.input.annotations))
        names = {"object": words.object, "sequence": words.sequence}
        rules = {"timeout_s": p.timeout_s, "may_be_empty": p.may_be_empty}
        try:
            masks = track_by_command(
                p.command, video, annotations, Path(folder), names=names, **rules
            )
        except InputError as error:
            where = f"trackers.{words.tracker} on {words.dataset}/{words.sequence}/{words.object}"
            raise InputError(f"{where}: {error}") from error
        probs = ((frame_key(t), masks[t].astype(np.float32)) for t in sorted(masks))
        write_prob_archive(Path(job.output[0]), probs)


main(snakemake)
