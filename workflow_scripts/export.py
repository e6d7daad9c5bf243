"""Write a network with how it is used, for `masktrack segment`."""

from pathlib import Path
from typing import TYPE_CHECKING

from masktrack_core.experiment.provenance import job_log
from masktrack_core.experiment.usage import exported_record, usage_of_tracker, usage_record
from masktrack_core.networks.weights import load_network, save_weights

if TYPE_CHECKING:
    from snakemake.script import Snakemake, snakemake


def main(job: "Snakemake") -> None:
    """Write the network in half precision."""
    with job_log(job, __file__):
        network, record = load_network(Path(job.input[0]))
        usage = dict(job.params.usage)
        if usage["trained_on"] is None:  # from a file, which says so itself
            del usage["trained_on"]
            words = usage_of_tracker(record, **usage, where=job.input[0])
        else:
            words = usage_record(**usage)
        record = exported_record(record, words)
        save_weights(Path(job.output[0]), network, record, half=True)


main(snakemake)
