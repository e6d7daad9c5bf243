"""Search the parameters of the dense CRF on the development sequences of a data set."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from masktrack_core.datasets.videos import open_video
from masktrack_core.errors import InputError
from masktrack_core.experiment.provenance import job_log
from masktrack_core.files.archives import read_track
from masktrack_core.files.io import read_table, write_csv, write_text
from masktrack_core.networks.records import guiding_threshold
from masktrack_core.tables import INDEX
from masktrack_core.tracking.crf import CrfParams
from masktrack_core.tracking.crf_search import SearchParams, search_crf, search_report
from masktrack_core.tracking.refinement import TrackedObject

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def development(job: "Snakemake") -> dict[str, TrackedObject]:
    """Return the tracked objects of the development sequences, by ``sequence/object``."""
    each = len(job.input.tracks) // max(len(job.params.objects), 1)
    objects = {}
    for place, (sequence, number) in enumerate(job.params.objects):
        video = open_video(read_table(Path(job.input.indexes[place]), INDEX), number)
        paths = job.input.tracks[place * each : (place + 1) * each]
        tracks = [read_track(Path(path), number) for path in paths]
        objects[f"{sequence}/{number}"] = TrackedObject(video=video, tracks=tracks)
    if not objects:
        raise InputError(
            f"datasets.{job.wildcards.dataset}.development: expected the sequences that a CRF may "
            "be tuned on, got none; name some, or give the variant a crf"
        )
    return objects


def main(job: "Snakemake") -> None:
    """Write every trial, and what was chosen and why."""
    with job_log(job, __file__):
        row = dict(job.params.search)
        start = CrfParams(**row.pop("start"))
        threshold = job.params.threshold or guiding_threshold(map(Path, job.input.saying))
        params = SearchParams(start=start, threshold=threshold, **row)
        trials = search_crf(development(job), params, processes=job.threads)
        write_csv(Path(job.output.trials), trials, decimals=4)
        report = search_report(trials, params)
        write_text(Path(job.output.chosen), yaml.safe_dump(report, sort_keys=False))


main(snakemake)
